//! Loading, warming up, and the measured requests.

use std::fmt;
use std::time::Instant;

use thiserror::Error;

use super::energy::{Watched, watched};
use super::{Criterion, Plan, WarmUp, WarmedUp, memory};
use crate::backends::{Backend, BackendError, Engine, Generation, Prompt, guarded};
use crate::energy::{self, Recorder, Work, statistics};
use crate::generate::Finish;
use crate::settings::Settings;

/// Why there is no power of a warm-up that was none.
const NOTHING: &str = "nothing was warmed up";

/// What was measured, before anything is made of it.
#[derive(Debug, Clone)]
pub struct Measurement {
    /// Seconds that loading took.
    pub load_s: f64,
    /// How the warm-up went.
    pub warmed_up: WarmedUp,
    /// Why the power of the warm-up is not known, where it is not.
    pub no_power: Option<String>,
    /// How often everything was asked.
    pub rounds: u64,
    /// The requests, in their order.
    pub served: Vec<Served>,
    /// The settings in force, read back from the engine.
    pub effective: Settings,
    /// `model_type` of the loaded model.
    pub architecture: String,
    /// Bytes of main memory at most, or why they are not known.
    pub peak: Result<u64, String>,
    /// What the requests took in joules.
    pub energy: Watched,
}

/// A request that was answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Served {
    /// Seconds from asking to the whole answer.
    pub latency_s: f64,
    /// As [`crate::generate::Timings`] has it; 0 where the engine does not tell.
    pub prefill_s: f64,
    /// Each decoding step; none where the engine does not tell.
    pub steps_s: Vec<f64>,
    /// Of each prompt how many tokens it has, and how many each of its rows has.
    pub rows: Vec<(u64, Vec<u64>)>,
    /// What was done for it, as the meters want it told.
    pub work: Work,
    /// Rows that ended otherwise than by the limit of their length.
    pub ended_early: u64,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The engine is being loaded.
    Loading,
    /// So many requests of the warm-up are done.
    WarmUp {
        /// Done.
        done: usize,
        /// At most.
        most: usize,
    },
    /// So many of the measured requests are done.
    Measuring {
        /// Done.
        done: usize,
        /// Those of the rounds that were asked for; more may follow, to fill a window.
        of: usize,
    },
}

/// The work could not be done.
#[derive(Debug, Error)]
#[error("{error} (while {during})")]
pub struct MeasureError {
    /// What the backend said.
    pub error: Box<BackendError>,
    /// In the middle of what.
    pub during: During,
}

/// What goes on in a measured run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum During {
    /// Nothing yet.
    Checking,
    /// The engine is loaded.
    Loading,
    /// The engine is warmed up.
    WarmingUp,
    /// It is measured.
    Measuring,
}

impl fmt::Display for During {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Checking => "checking the settings",
            Self::Loading => "loading the engine",
            Self::WarmingUp => "warming up",
            Self::Measuring => "measuring",
        })
    }
}

impl Served {
    /// What `generation`, which took so long, comes to.
    fn new(generation: &Generation, latency_s: f64) -> Self {
        let rows = || generation.prompts.iter().flat_map(|prompt| &prompt.rows);
        let lengths = generation.prompts.iter().map(|prompt| {
            let rows = prompt.rows.iter().map(|row| row.tokens.len() as u64).collect();
            (prompt.prompt_tokens.len() as u64, rows)
        });
        Self {
            latency_s,
            prefill_s: generation.timings.prefill_s,
            steps_s: generation.timings.steps_s.clone(),
            rows: lengths.collect(),
            work: generation.work(),
            ended_early: rows().filter(|row| row.finish != Finish::Length).count() as u64,
        }
    }

    /// Tokens of the prompts.
    pub fn input_tokens(&self) -> u64 {
        self.rows.iter().map(|(prompt, _)| prompt).sum()
    }

    /// Tokens that were generated.
    pub fn output_tokens(&self) -> u64 {
        self.rows.iter().flat_map(|(_, rows)| rows).sum()
    }
}

/// Does what `plan` says on `backend`, with `recorder` over the measured requests, and tells `on`
/// how far it is.
///
/// # Errors
/// A refusal of the settings before any work, what is wrong with the model, and what fails later.
pub fn measure(
    plan: &Plan,
    backend: &dyn Backend,
    recorder: &mut Recorder,
    on: &mut dyn FnMut(Progress),
) -> Result<Measurement, MeasureError> {
    let at = |during| move |error| MeasureError { error: Box::new(error), during };
    guarded(|| backend.check(&plan.settings)).map_err(at(During::Checking))?;
    on(Progress::Loading);
    recorder.before_load(false);
    let load = plan.names.of_load(&plan.settings);
    let load = load.unwrap_or_else(|| plan.settings.clone());
    let begun = Instant::now();
    let loaded = guarded(|| backend.load(&plan.model, &load));
    let mut desk = Desk { engine: loaded.map_err(at(During::Loading))?, settings: &plan.settings };
    let load_s = begun.elapsed().as_secs_f64();
    let requests = plan.requests();
    let (warmed_up, no_power) = match requests.first() {
        Some(first) => {
            let warmed_up = desk.warm_up(&plan.warm_up, first, recorder.rounds(), on);
            warmed_up.map_err(at(During::WarmingUp))?
        }
        None => (WarmedUp::default(), Some(NOTHING.to_owned())),
    };
    let told = |done: &Result<Rounds, _>| done.as_ref().map(Rounds::work).unwrap_or_default();
    let (done, energy) = watched(recorder, told, || desk.rounds(plan, &requests, on));
    let Rounds { rounds, served, effective } = done.map_err(at(During::Measuring))?;
    let peak = memory::peak(&effective);
    let architecture = desk.engine.architecture();
    Ok(Measurement {
        load_s,
        warmed_up,
        no_power,
        rounds,
        served,
        effective,
        architecture,
        peak,
        energy,
    })
}

/// An engine, and what it is asked with.
struct Desk<'a> {
    engine: Box<dyn Engine>,
    settings: &'a Settings,
}

/// What was asked under watch.
struct Rounds {
    rounds: u64,
    served: Vec<Served>,
    effective: Settings,
}

impl Rounds {
    fn work(&self) -> Work {
        let works = self.served.iter().map(|one| one.work.clone());
        let whole = works.reduce(|mut all, next| {
            all.add(next);
            all
        });
        whole.unwrap_or_default()
    }
}

impl Desk<'_> {
    fn answer(&mut self, prompts: &[Prompt]) -> Result<(Served, Settings), BackendError> {
        let begun = Instant::now();
        let generation = guarded(|| self.engine.generate(prompts, self.settings))?;
        let served = Served::new(&generation, begun.elapsed().as_secs_f64());
        Ok((served, generation.effective))
    }

    /// Asks `request` again and again, until it takes the same time per token each time and, where
    /// `watch` knows it, the same power. The same one: different prompts take different times on the
    /// warmest engine. Says besides why power is not known, where it is not.
    fn warm_up(
        &mut self,
        warm_up: &WarmUp,
        request: &[Prompt],
        mut watch: energy::Rounds<'_>,
        on: &mut dyn FnMut(Progress),
    ) -> Result<(WarmedUp, Option<String>), BackendError> {
        if warm_up.most == 0 {
            return Ok((WarmedUp::default(), Some(NOTHING.to_owned())));
        }
        let begun = Instant::now();
        let mut seconds = Vec::new();
        // Power of which the ticks leave more open than may vary says nothing.
        let steady = |watch: &energy::Rounds<'_>| {
            let watts = watch.watts(warm_up.window, warm_up.most_cv)?;
            statistics::cv(&watts).ok_or_else(|| "one round has no spread".to_owned())
        };
        while seconds.len() < warm_up.most
            && !(warm_up.is_warm(&seconds) && warm_up.is_steady(&steady(&watch)))
        {
            let (served, _) = watch.round(|| self.answer(request))?;
            seconds.push(served.latency_s / served.output_tokens().max(1) as f64);
            on(Progress::WarmUp { done: seconds.len(), most: warm_up.most });
        }
        let power = steady(&watch);
        let by_power = if power.is_ok() { Criterion::TimeAndPower } else { Criterion::Time };
        let warmed_up = WarmedUp {
            requests: seconds.len() as u64,
            duration_s: begun.elapsed().as_secs_f64(),
            converged: Some(warm_up.is_warm(&seconds) && warm_up.is_steady(&power)),
            criterion: Some(by_power),
            cv: warm_up.cv(&seconds),
            power_cv: power.as_ref().ok().copied(),
        };
        Ok((warmed_up, power.err()))
    }

    /// Asks everything, as often and as long as `plan` says.
    fn rounds(
        &mut self,
        plan: &Plan,
        requests: &[Vec<Prompt>],
        on: &mut dyn FnMut(Progress),
    ) -> Result<Rounds, BackendError> {
        let begun = Instant::now();
        let repeat = plan.repeat.max(1);
        let mut done = Rounds { rounds: 0, served: Vec::new(), effective: Settings::new() };
        let is_open = |rounds: u64| {
            rounds < repeat as u64 || plan.min_window.is_some_and(|window| begun.elapsed() < window)
        };
        while is_open(done.rounds) {
            for request in requests {
                let (served, effective) = self.answer(request)?;
                done.served.push(served);
                done.effective = effective;
                on(Progress::Measuring { done: done.served.len(), of: requests.len() * repeat });
            }
            done.rounds += 1;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::backends::{Options, find};
    use crate::measure::Prompts;
    use crate::schema::Names;

    fn plan() -> Plan {
        Plan {
            model: Path::new(".").to_owned(),
            settings: Settings::new(),
            names: Names::default(),
            prompts: Prompts::built_in(),
            count: Some(3),
            per_request: 2,
            warm_up: WarmUp { most: 6, window: 2, most_cv: 1e9 },
            repeat: 1,
            min_window: None,
        }
    }

    fn measured(plan: &Plan) -> (Result<Measurement, MeasureError>, Vec<Progress>) {
        let backend = find("scripted", &Options::default()).unwrap();
        let mut told = Vec::new();
        let off = energy::Options { off: true, ..Default::default() };
        let mut recorder = Recorder::open(&off, Default::default());
        let measurement =
            measure(plan, &*backend, &mut recorder, &mut |progress| told.push(progress));
        (measurement, told)
    }

    #[test]
    fn a_warm_up_ends_once_it_is_warm_and_is_in_no_figure() {
        let (measurement, told) = measured(&plan());
        let measurement = measurement.unwrap();
        assert_eq!(
            (measurement.warmed_up.requests, measurement.warmed_up.converged),
            (2, Some(true))
        );
        assert_eq!(measurement.warmed_up.criterion, Some(Criterion::Time));
        assert_eq!(measurement.no_power.as_deref(), Some("energy is off"));
        let sizes: Vec<usize> = measurement.served.iter().map(|one| one.rows.len()).collect();
        assert_eq!((measurement.rounds, sizes), (1, vec![2, 1]));
        assert_eq!(
            told,
            [
                Progress::Loading,
                Progress::WarmUp { done: 1, most: 6 },
                Progress::WarmUp { done: 2, most: 6 },
                Progress::Measuring { done: 1, of: 2 },
                Progress::Measuring { done: 2, of: 2 },
            ]
        );
    }

    #[test]
    fn one_that_stays_cold_comes_to_its_end() {
        let cold = WarmUp { most: 4, window: 2, most_cv: -1.0 };
        let measurement = measured(&Plan { warm_up: cold, ..plan() }).0.unwrap();
        assert_eq!(
            (measurement.warmed_up.requests, measurement.warmed_up.converged),
            (4, Some(false))
        );
        let none = WarmUp { most: 0, ..cold };
        let measurement = measured(&Plan { warm_up: none, ..plan() }).0.unwrap();
        assert_eq!(measurement.warmed_up.converged, None);
        assert_eq!((measurement.warmed_up.requests, measurement.warmed_up.criterion), (0, None));
        assert_eq!(measurement.no_power.as_deref(), Some(NOTHING));
    }

    #[test]
    fn rounds_are_asked_whole_until_the_window_is_full() {
        let window = Some(Duration::from_millis(5));
        let measurement = measured(&Plan { min_window: window, ..plan() }).0.unwrap();
        assert_eq!(measurement.served.len() as u64, 2 * measurement.rounds);
        assert!(measurement.rounds > 1, "a round takes microseconds");
        let measurement = measured(&Plan { repeat: 3, ..plan() }).0.unwrap();
        assert_eq!(measurement.rounds, 3);
    }

    #[test]
    fn a_refusal_comes_before_any_work() {
        let settings = [("nonesuch", 1)].into_iter().collect();
        let (measurement, told) = measured(&Plan { settings, ..plan() });
        insta::assert_snapshot!(measurement.unwrap_err(), @"nonesuch = 1 is refused: no such parameter; see `wattest params list` (while checking the settings)");
        assert_eq!(told, []);
    }
}
