//! The side of the replica: loads the model and answers, until it is told to end.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use rustix::process::Signal;

use super::protocol::{Load, PROTOCOL, Reply, Request};
use crate::backends::{BackendError, Engine, guarded, registry, score_tables};
use crate::process::control;

/// The environment variable that tells this executable to be a replica: its number, from 0.
pub(super) const NUMBER: &str = "WATTEST_REPLICA";

/// The number of the replica that this process is; none in any other.
pub(crate) fn number() -> Option<usize> {
    std::env::var(NUMBER).ok()?.parse().ok()
}

/// Serves the engine that started this process. Where that is gone, this process is killed,
/// whatever it is doing.
pub(crate) fn serve() -> ExitCode {
    let Ok((reader, control)) = control::take() else { return ExitCode::from(2) };
    let is_last = |request: &Request| matches!(request, Request::Quit);
    let requests = control::listen(reader, is_last, || {
        // The group is not its own.
        let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
    });
    let mut desk = Desk { control, engine: None };
    for request in requests {
        if matches!(request, Request::Quit) {
            break;
        }
        if desk.answer(request).is_err() {
            return ExitCode::FAILURE;
        }
    }
    drop(desk);
    let _ = io::stdout().flush();
    ExitCode::SUCCESS
}

struct Desk {
    control: UnixStream,
    engine: Option<Box<dyn Engine>>,
}

impl Desk {
    fn answer(&mut self, request: Request) -> io::Result<()> {
        let mut scores = Vec::new();
        let reply = self.reply(request, &mut scores).unwrap_or_else(Reply::Failed);
        // What was written belongs to what was asked, and must be out before it is answered.
        let _ = io::stdout().flush();
        control::send(&self.control, &reply)?;
        self.control.write_all(&scores)
    }

    fn reply(&mut self, request: Request, scores: &mut Vec<u8>) -> Result<Reply, BackendError> {
        match request {
            Request::Load(load) => self.load(&load),
            Request::Generate { prompts, share, settings } => {
                let engine = self.engine()?;
                let generation = guarded(|| engine.generate_share(&prompts, share, &settings))?;
                score_tables::encode(&generation, scores);
                let bare = score_tables::without_scores(&generation);
                Ok(Reply::Generated { generation: bare, scores: scores.len() as u64 })
            }
            Request::TokenText(token) => {
                let engine = self.engine()?;
                guarded(|| Ok(Reply::Text(engine.token_text(token))))
            }
            Request::Quit => Err(BackendError::Failed("it was to end".into())),
        }
    }

    fn load(&mut self, load: &Load) -> Result<Reply, BackendError> {
        if load.protocol != PROTOCOL {
            let text = "this executable was replaced while it ran; run it again";
            return Err(BackendError::Failed(text.into()));
        }
        let Some(backend) = registry::single(&load.backend, &load.options) else {
            return Err(BackendError::Failed(
                format!("there is no backend `{}`", load.backend).into(),
            ));
        };
        let engine = guarded(|| backend.load(&load.model, &load.settings))?;
        let reply = guarded(|| {
            let (effective, architecture) = (engine.effective(), engine.architecture());
            Ok(Reply::Loaded { effective, architecture })
        });
        self.engine = Some(engine);
        reply
    }

    fn engine(&mut self) -> Result<&mut Box<dyn Engine>, BackendError> {
        self.engine.as_mut().ok_or_else(|| BackendError::Failed("no model is loaded".into()))
    }
}
