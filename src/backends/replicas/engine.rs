//! An engine whose work is done by replicas.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use super::crew::Crew;
use super::protocol::{Load, PROTOCOL, Reply, Request};
use super::settings::{PARAMETER, agreed, check_same, is_spread, of_replica};
use super::shares::{deal, joined, longest};
use crate::backends::{BackendError, Engine, Generation, Options, Prompt};
use crate::process::WorkerCommand;
use crate::settings::Settings;

/// Replicas of an engine, which share the prompts of each request.
pub(super) struct Replicas {
    crew: RefCell<Crew>,
    /// How many were asked for.
    count: usize,
    /// The load settings that all have in force.
    effective: Settings,
    architecture: String,
    /// Whether each has a device of its own.
    spread: bool,
}

impl Replicas {
    /// Starts `count` replicas by `command`, which load the model in directory `model` side by
    /// side.
    ///
    /// # Errors
    /// The refusal of all, or the first failure of any.
    pub(super) fn load(
        command: &WorkerCommand,
        count: usize,
        (backend, options): (&str, &Options),
        model: &Path,
        settings: &Settings,
    ) -> Result<Self, BackendError> {
        let mut crew = Crew::start(command, count)?;
        let load = |number| {
            Request::Load(Box::new(Load {
                protocol: PROTOCOL,
                backend: backend.to_owned(),
                options: options.clone(),
                model: model.to_owned(),
                settings: of_replica(settings, number),
            }))
        };
        let requests: Vec<Request> = (0..count).map(load).collect();
        let (mut reports, mut architecture) = (Vec::new(), String::new());
        for reply in crew.ask(&requests)? {
            let Reply::Loaded { effective, architecture: found } = reply else {
                return Err(out_of_turn());
            };
            reports.push(effective);
            architecture = found;
        }
        let spread = is_spread(settings);
        let effective =
            agreed(&reports, spread).map_err(|text| BackendError::Failed(text.into()))?;
        Ok(Self { crew: RefCell::new(crew), count, effective, architecture, spread })
    }
}

impl Engine for Replicas {
    fn effective(&self) -> Settings {
        let mut effective = self.effective.clone();
        effective.set(PARAMETER, self.crew.borrow().count());
        effective
    }

    fn generate_share(
        &mut self,
        prompts: &[Prompt],
        share: Range<usize>,
        settings: &Settings,
    ) -> Result<Generation, BackendError> {
        check_same(settings, self.count)?;
        // Each is given all prompts: it checks them as a single engine would, and knows the place
        // of its own among them.
        let request = |(number, share)| Request::Generate {
            prompts: prompts.to_vec(),
            share,
            settings: of_replica(settings, number),
        };
        let requests: Vec<Request> =
            deal(share, self.count).into_iter().enumerate().map(request).collect();
        let crew = self.crew.get_mut();
        let mut whole = Generation::default();
        let (mut reports, mut timings, mut drafts) = (Vec::new(), Vec::new(), Vec::new());
        for reply in crew.ask(&requests)? {
            let Reply::Generated { generation, .. } = reply else { return Err(out_of_turn()) };
            whole.prompts.extend(generation.prompts);
            reports.push(generation.effective);
            timings.push(generation.timings);
            drafts.extend(generation.drafts);
        }
        whole.timings = longest(timings.into_iter());
        whole.drafts = joined(drafts.into_iter());
        whole.effective =
            agreed(&reports, self.spread).map_err(|text| BackendError::Failed(text.into()))?;
        whole.effective.set(PARAMETER, crew.count());
        Ok(whole)
    }

    /// Where the replicas are lost there is no text; whatever is asked next fails and says so.
    fn token_text(&self, token: u32) -> String {
        let replies = self.crew.borrow_mut().ask(&[Request::TokenText(token)]);
        match replies.map(|mut replies| replies.pop()) {
            Ok(Some(Reply::Text(text))) => text,
            _ => String::new(),
        }
    }

    fn architecture(&self) -> String {
        self.architecture.clone()
    }
}

fn out_of_turn() -> BackendError {
    BackendError::Failed("a replica gave the answer to another question".into())
}
