//! The scripted backend and its engine.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::backends::scripted::deeds::{self, Late};
use crate::backends::scripted::script::{Act, BACKEND, PARAMETER, Script, Step};
use crate::backends::{
    Availability, Backend, BackendError, Engine, Generation, Prompt, PromptOutput,
};
use crate::energy::{Clock as _, Monotonic};
use crate::generate::{Batch, Finish, Row, Timings};
use crate::refusal::Refusal;
use crate::settings::Settings;

/// The tokens of a case that names none.
const TOKENS: [u32; 8] = [11, 7, 42, 7, 19, 3, 23, 5];

/// The backend that follows a script.
#[derive(Debug, Clone)]
pub struct Scripted {
    script: Result<Script, String>,
    file: Option<PathBuf>,
    /// Whether a case has made this process unfit for another engine. Each engine has a share of
    /// it, by which those that live are counted.
    unfit: Arc<AtomicBool>,
}

impl Scripted {
    /// One that follows the script in `file`; without a file there is only the baseline.
    pub fn new(file: Option<&Path>) -> Self {
        let script = match file {
            Some(file) => Script::load(file).map_err(|error| error.to_string()),
            None => Ok(Script::default()),
        };
        Self { script, file: file.map(Path::to_owned), unfit: Arc::default() }
    }

    /// Does what of `steps` concerns the process.
    fn mark(&self, steps: &[Step]) {
        if steps.contains(&Step::Unfit) {
            self.unfit.store(true, Ordering::Relaxed);
        }
    }

    fn script(&self) -> Result<&Script, BackendError> {
        self.script.as_ref().map_err(|error| BackendError::Failed(error.clone().into()))
    }

    /// The case that `settings` ask for: its name and what it does; none for the baseline.
    fn act(&self, settings: &Settings) -> Result<Option<(&str, &Act)>, BackendError> {
        if let Some((path, value)) = settings.iter().find(|(path, _)| *path != PARAMETER) {
            return Err(Refusal::unknown(path, value.clone(), [PARAMETER]).into());
        }
        let Some(value) = settings.get(PARAMETER) else { return Ok(None) };
        let script = self.script()?;
        let found = value.as_str().and_then(|name| script.cases.get_key_value(name));
        let Some((name, act)) = found else {
            let file = self.file.as_deref().map_or("no script".into(), Path::to_string_lossy);
            let rule = format!("must be the name of a case in {file}");
            return Err(Refusal::new(PARAMETER, value.clone(), rule).into());
        };
        Ok(Some((name, act)))
    }
}

impl Backend for Scripted {
    fn name(&self) -> &'static str {
        BACKEND
    }

    fn availability(&self) -> Availability {
        match &self.script {
            Ok(_) => Availability::Ready,
            Err(error) => Availability::Off {
                reason: error.clone(),
                remedy: "mend the script or name another one".to_owned(),
            },
        }
    }

    fn check(&self, settings: &Settings) -> Result<(), BackendError> {
        self.act(settings).map(|_| ())
    }

    fn load(&self, _model: &Path, settings: &Settings) -> Result<Box<dyn Engine>, BackendError> {
        if self.one_engine() && Arc::strong_count(&self.unfit) > 1 {
            return Err(BackendError::Failed("there is another engine".to_owned().into()));
        }
        let mut engine = ScriptedEngine {
            backend: self.clone(),
            loaded: settings.clone(),
            late: Late::default(),
        };
        if let Some((name, act)) = self.act(settings)? {
            self.mark(&act.load);
            for step in &act.load {
                deeds::perform(step, name, &mut engine.late)?;
            }
        }
        Ok(Box::new(engine))
    }

    fn keeps_process(&self) -> bool {
        let says = self.script.as_ref().is_ok_and(|script| script.keeps_process);
        says && !self.unfit.load(Ordering::Relaxed)
    }

    fn one_engine(&self) -> bool {
        self.script.as_ref().is_ok_and(|script| script.one_engine)
    }
}

/// A script with the threads that its cases have left.
struct ScriptedEngine {
    backend: Scripted,
    loaded: Settings,
    late: Late,
}

impl Engine for ScriptedEngine {
    fn effective(&self) -> Settings {
        self.loaded.clone()
    }

    fn generate_share(
        &mut self,
        prompts: &[Prompt],
        share: Range<usize>,
        settings: &Settings,
    ) -> Result<Generation, BackendError> {
        let start = Instant::now();
        let begin_ns = Monotonic.now_ns();
        let act = self.backend.act(settings)?;
        let mut pace = None;
        if let Some((name, act)) = act {
            self.backend.mark(&act.steps);
            for step in &act.steps {
                if let Step::SlowTokens(seconds) = step {
                    pace = Some(deeds::duration(*seconds));
                }
                deeds::perform(step, name, &mut self.late)?;
            }
        }
        let prefill_s = start.elapsed().as_secs_f64();
        let first_ns = Monotonic.now_ns();
        let tokens = act.and_then(|(_, act)| act.tokens.clone()).unwrap_or_else(|| TOKENS.to_vec());
        let steps_s = tokens.iter().map(|_| {
            let start = Instant::now();
            if let Some(pace) = pace {
                std::thread::sleep(pace);
            }
            start.elapsed().as_secs_f64()
        });
        let steps_s: Vec<f64> = steps_s.collect();
        let decode_s = steps_s.iter().sum();
        let batches = vec![Batch { begin_ns, first_ns, end_ns: Monotonic.now_ns() }];
        let outputs = prompts[share].iter().map(|prompt| PromptOutput {
            prompt_tokens: prompt_tokens(prompt),
            rows: vec![self.row(&tokens)],
        });
        Ok(Generation {
            prompts: outputs.collect(),
            effective: self.loaded.merged(settings),
            timings: Timings { prefill_s, decode_s, steps_s, batches },
            drafts: None,
        })
    }

    fn token_text(&self, token: u32) -> String {
        format!(" {token}")
    }

    fn architecture(&self) -> String {
        BACKEND.to_owned()
    }
}

impl ScriptedEngine {
    fn row(&self, tokens: &[u32]) -> Row {
        Row {
            tokens: tokens.to_vec(),
            text: tokens.iter().map(|&token| self.token_text(token)).collect(),
            scores: None,
            sequence_score: None,
            finish: Finish::Length,
        }
    }
}

/// One token a character will do.
fn prompt_tokens(prompt: &Prompt) -> Vec<u32> {
    match prompt {
        Prompt::Text(text) => text.chars().map(u32::from).collect(),
        Prompt::Tokens(tokens) => tokens.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_refused_before_any_deed() {
        let backend = Scripted::new(None);
        let misspelt: Settings = [("scrpt", "a")].into_iter().collect();
        insta::assert_snapshot!(
            backend.check(&misspelt).unwrap_err(),
            @r#"scrpt = "a" is refused: no such parameter; did you mean `script`?"#
        );
        let absent: Settings = [(PARAMETER, "a")].into_iter().collect();
        insta::assert_snapshot!(
            backend.check(&absent).unwrap_err(),
            @r#"script = "a" is refused: must be the name of a case in no script"#
        );
    }

    #[test]
    fn the_baseline_gives_fixed_tokens() {
        let mut engine = Scripted::new(None).load(Path::new("."), &Settings::new()).unwrap();
        let made = engine.generate(&[Prompt::Tokens(vec![1])], &Settings::new()).unwrap();
        assert_eq!(made.prompts[0].rows[0].tokens, TOKENS);
    }
}
