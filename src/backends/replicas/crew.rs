//! All replicas of an engine: asked at the same time, and lost together.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, Scope, scope};
use std::time::{Duration, Instant};

use super::process::{Line, Process, Replica, Silence, has_ended, kill};
use super::protocol::{Reply, Request};
use crate::backends::BackendError;
use crate::process::{Exit, WorkerCommand};

/// How long replicas may take to end when they are told to: unloading a large model is slow.
const GRACE: Duration = Duration::from_secs(10);

/// How long a process may outlive its channel: at an exit both end at nearly the same time.
const PARTING: Duration = Duration::from_secs(1);

/// The replicas of an engine.
#[derive(Debug)]
pub(super) struct Crew {
    members: Vec<Replica>,
    program: String,
    /// Whether each has answered all that it was asked.
    idle: bool,
    /// Why there are none left.
    lost: Option<String>,
}

/// Why a replica, and with it the crew, is lost.
#[derive(Debug)]
enum Loss {
    Silence(Silence),
    Failed(Box<BackendError>),
}

type Answer = (usize, Result<Reply, Loss>);

impl Crew {
    /// Starts `count` replicas.
    ///
    /// # Errors
    /// [`BackendError::Failed`] where a process cannot be started.
    pub(super) fn start(command: &WorkerCommand, count: usize) -> Result<Self, BackendError> {
        let program = command.program.display().to_string();
        let mut crew = Self { members: Vec::new(), program, idle: true, lost: None };
        for number in 0..count {
            let member = Replica::start(command, number).map_err(|error| {
                let program = &crew.program;
                BackendError::Failed(
                    format!("replica {number} of {count} cannot be started: {program}: {error}")
                        .into(),
                )
            })?;
            crew.members.push(member);
        }
        Ok(crew)
    }

    /// How many replicas are running.
    pub(super) fn count(&self) -> usize {
        let lives = |one: &&Replica| !has_ended(one.process.handle(), Duration::ZERO);
        self.members.iter().filter(lives).count()
    }

    /// Gives each replica its request, the first one the first, and waits for all replies. They
    /// are in the order of the requests.
    ///
    /// # Errors
    /// A refusal once all have replied. Anything else that goes wrong with one of them ends all,
    /// at once, and this crew for good.
    pub(super) fn ask(&mut self, requests: &[Request]) -> Result<Vec<Reply>, BackendError> {
        if let Some(why) = &self.lost {
            let text = format!("the engine has lost its replicas, load it anew: {why}");
            return Err(BackendError::Failed(text.into()));
        }
        self.idle = false;
        match ask_all(&mut self.members, requests) {
            Ok(replies) => {
                self.idle = true;
                replies.into_iter().map(accepted).collect()
            }
            Err((number, loss)) => {
                let exit = self.members[number].process.exited();
                self.end(Duration::ZERO);
                let error = self.told(number, loss, exit, &requests[number]);
                self.lost = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// The loss of replica `number` as an error.
    fn told(
        &self,
        number: usize,
        loss: Loss,
        exit: Option<Exit>,
        request: &Request,
    ) -> BackendError {
        let name = format!("replica {number} of {}", self.members.len());
        let doing = request.doing();
        let text = match (loss, exit) {
            (Loss::Failed(error), _) => return named(&name, *error),
            (Loss::Silence(Silence::Noise(what)), _) => {
                format!("{name} gave no proper answer while {doing}: {what}")
            }
            (_, Some(exit)) if exit.code == Some(0) && matches!(request, Request::Load(_)) => {
                format!(
                    "{name} {exit} while {doing}; the main function of {} must call \
                     wattest::run::worker::serve",
                    self.program
                )
            }
            (_, Some(exit)) => format!(
                "{name} {exit} while {doing}; its output may say why, and where memory ran out a \
                 lower num_processes helps"
            ),
            (_, None) => format!("{name} closed its channel while {doing}"),
        };
        BackendError::Failed(text.into())
    }

    /// Waits until all have ended; those that take longer than `grace` are killed.
    fn end(&mut self, grace: Duration) {
        let start = Instant::now();
        for member in &mut self.members {
            member.process.end(grace.saturating_sub(start.elapsed()));
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        if self.lost.is_some() || !self.idle {
            self.end(Duration::ZERO);
            return;
        }
        for member in &mut self.members {
            // One that is gone needs no telling.
            let _ = member.line.say(&Request::Quit);
        }
        self.end(GRACE);
    }
}

/// Asks all at once. Where one is lost the others are killed, which ends the waiting for them.
fn ask_all(members: &mut [Replica], requests: &[Request]) -> Result<Vec<Reply>, (usize, Loss)> {
    scope(|scope| {
        let (sender, answers) = channel();
        let mut processes: Vec<&Process> = Vec::new();
        for (number, (member, request)) in members.iter_mut().zip(requests).enumerate() {
            let Replica { process, line } = member;
            let process = &*process;
            processes.push(process);
            if let Err(error) = ask_one(scope, (number, process, line), request, &sender) {
                kill_all(&processes);
                let text = format!("no thread can be started to ask it: {error}");
                return Err((number, Loss::Failed(Box::new(BackendError::Failed(text.into())))));
            }
        }
        drop(sender);
        collect(&answers, &processes)
    })
}

fn ask_one<'scope>(
    scope: &'scope Scope<'scope, '_>,
    (number, process, line): (usize, &'scope Process, &'scope mut Line),
    request: &'scope Request,
    sender: &Sender<Answer>,
) -> std::io::Result<()> {
    let sender = sender.clone();
    let ask = move || {
        let reply = line.ask(request);
        if matches!(reply, Err(Silence::Gone)) {
            // So that it is known how.
            has_ended(process.handle(), PARTING);
        }
        let answer = match reply {
            Ok(Reply::Failed(error)) if !matches!(error, BackendError::Refused(_)) => {
                Err(Loss::Failed(Box::new(error)))
            }
            Ok(reply) => Ok(reply),
            Err(silence) => Err(Loss::Silence(silence)),
        };
        let _ = sender.send((number, answer));
    };
    Builder::new().name(format!("replica-{number}")).spawn_scoped(scope, ask).map(drop)
}

/// All replies in their order; of the losses the first.
fn collect(
    answers: &Receiver<Answer>,
    processes: &[&Process],
) -> Result<Vec<Reply>, (usize, Loss)> {
    let mut replies = Vec::new();
    while let Ok((number, answer)) = answers.recv() {
        match answer {
            Ok(reply) => replies.push((number, reply)),
            Err(loss) => {
                kill_all(processes);
                return Err((number, loss));
            }
        }
    }
    replies.sort_by_key(|(number, _)| *number);
    Ok(replies.into_iter().map(|(_, reply)| reply).collect())
}

fn kill_all(processes: &[&Process]) {
    for process in processes {
        kill(process.handle());
    }
}

fn accepted(reply: Reply) -> Result<Reply, BackendError> {
    match reply {
        Reply::Failed(error) => Err(error),
        reply => Ok(reply),
    }
}

/// `error` with the name of the replica that had it; what is wrong with the model is wrong for all.
fn named(name: &str, error: BackendError) -> BackendError {
    match error {
        BackendError::Unavailable { reason, remedy } => {
            BackendError::Unavailable { reason: format!("{name}: {reason}"), remedy }
        }
        BackendError::OutOfMemory(mut short) => {
            short.message = format!("{name}: {}", short.message);
            BackendError::OutOfMemory(short)
        }
        BackendError::Failed(mut failure) => {
            failure.message = format!("{name}: {}", failure.message);
            BackendError::Failed(failure)
        }
        same @ (BackendError::Refused(_) | BackendError::Model(_)) => same,
    }
}
