//! A backend with `num_processes`.

use std::path::Path;

use super::engine::Replicas;
use super::settings::{PARAMETER, count, others};
use super::single::Single;
use crate::backends::{Availability, Backend, BackendError, Engine, Options};
use crate::process::WorkerCommand;
use crate::refusal::Refusal;
use crate::settings::Settings;

/// Any backend, with as many replicas of its engines as are asked for.
pub(in crate::backends) struct Replicated {
    inner: Box<dyn Backend>,
    options: Options,
}

impl Replicated {
    /// `inner`, which was made with `options`.
    pub(in crate::backends) fn new(inner: Box<dyn Backend>, options: &Options) -> Self {
        Self { inner, options: options.clone() }
    }

    /// How many replicas `settings` ask for, and how to start them where that is more than one.
    fn asked(&self, settings: &Settings) -> Result<Option<(usize, &WorkerCommand)>, Refusal> {
        match count(settings)? {
            None | Some(1) => Ok(None),
            Some(count) => match &self.options.replica {
                Some(command) => Ok(Some((count, command))),
                None => {
                    let rule = "this program has not said how to start a replica (in the options \
                                of the backends); leave it at 1";
                    Err(Refusal::new(PARAMETER, count, rule))
                }
            },
        }
    }
}

impl Backend for Replicated {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn availability(&self) -> Availability {
        self.inner.availability()
    }

    fn check(&self, settings: &Settings) -> Result<(), BackendError> {
        self.inner.check(&others(settings))?;
        self.asked(settings)?;
        Ok(())
    }

    fn load(&self, model: &Path, settings: &Settings) -> Result<Box<dyn Engine>, BackendError> {
        let Some((count, command)) = self.asked(settings)? else {
            let engine = self.inner.load(model, &others(settings))?;
            return Ok(Box::new(Single(engine)));
        };
        // What no engine accepts needs no process to be told.
        self.inner.check(&others(settings))?;
        let of = (self.inner.name(), &self.options);
        Ok(Box::new(Replicas::load(command, count, of, model, settings)?))
    }

    fn keeps_process(&self) -> bool {
        self.inner.keeps_process()
    }

    fn one_engine(&self) -> bool {
        self.inner.one_engine()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::{Prompt, find};

    fn settings(count: u32) -> Settings {
        [(PARAMETER, count)].into_iter().collect()
    }

    #[test]
    fn without_a_way_to_start_them_there_are_no_replicas() {
        let backend = find("scripted", &Options::default()).unwrap();
        insta::assert_snapshot!(backend.check(&settings(2)).unwrap_err(), @"num_processes = 2 is refused: this program has not said how to start a replica (in the options of the backends); leave it at 1");
        assert!(backend.load(Path::new("."), &settings(2)).is_err());
    }

    #[cfg(feature = "candle")]
    #[test]
    fn its_name_is_known_to_those_that_do_not_see_it() {
        let backend = find("candle", &Options::default()).unwrap();
        let misspelt: Settings = [("num_process", 2)].into_iter().collect();
        insta::assert_snapshot!(backend.check(&misspelt).unwrap_err(), @"num_process = 2 is refused: no such parameter; did you mean `num_processes`?");
    }

    #[test]
    fn one_engine_counts_itself() {
        let backend = find("scripted", &Options::default()).unwrap();
        let mut engine = backend.load(Path::new("."), &settings(1)).unwrap();
        assert_eq!(engine.effective(), settings(1));
        let prompts = [Prompt::Tokens(vec![1]), Prompt::Tokens(vec![2])];
        let made = engine.generate_share(&prompts, 1..2, &Settings::new()).unwrap();
        assert_eq!(made.effective, settings(1));
        assert_eq!((made.prompts.len(), &made.prompts[0].prompt_tokens), (1, &vec![2]));
        insta::assert_snapshot!(engine.generate(&prompts, &settings(2)).unwrap_err(), @"num_processes = 2 is refused: a load setting; the engine was loaded with 1, load it anew");
    }
}
