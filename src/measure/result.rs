//! `result.json`: what a measured run found.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::work::{Measurement, Served};
use super::{Percentiles, Plan, PromptSource, WarmedUp, flops, memory, unknown};
use crate::energy::{Doubt, Reading, Source};
use crate::model::ModelConfig;
use crate::settings::Settings;

/// Version of the shape of [`ExperimentResult`]; raised when a reader of old results would misread new
/// ones.
pub const SCHEMA_VERSION: &str = "2.0";

/// What a measured run found. Every figure is null where it is not known, never 0, and `unknown`
/// then has the reason by the name of the figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "wattest result")]
pub struct ExperimentResult {
    /// "2.0"; another one where a reader of this shape would misread it.
    pub schema_version: String,
    /// Identity of this run: the backend, when it began, the beginning of `measurement_config_hash`.
    pub experiment_id: String,
    /// Identity of what is measured, 16 hex digits: equal for runs of the same backend, model,
    /// settings, prompts and way of measuring on any machine.
    #[schemars(regex(pattern = "^[0-9a-f]{16}$"))]
    pub measurement_config_hash: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// When it ended, RFC 3339.
    pub ended: String,
    /// The backend.
    pub backend: String,
    /// The model.
    pub model: ModelIdentity,
    /// What was asked.
    pub asked: Asked,
    /// What the figures are those of.
    pub methodology: Methodology,
    /// Tokens of prompts and output, of all rounds.
    pub total_tokens: u64,
    /// Tokens of the prompts, of all rounds.
    pub input_tokens: u64,
    /// Tokens that were generated, of all rounds.
    pub output_tokens: u64,
    /// Joules of the measured requests, everything included that the source covers: `gross_j` of
    /// `energy`.
    pub total_energy_j: Option<f64>,
    /// The seconds of all measured requests. Loading and the warm-up are not in it.
    pub total_inference_time_sec: f64,
    /// Tokens generated per second of `total_inference_time_sec`.
    pub avg_tokens_per_second: Option<f64>,
    /// `total_energy_j` per token that was generated.
    pub avg_energy_per_token_j: Option<f64>,
    /// Floating-point operations of all rounds, counted as `flops_method` says.
    pub total_flops: Option<f64>,
    /// How operations are counted.
    pub flops_method: String,
    /// Seconds from asking a request to its whole answer.
    pub latency: Percentiles,
    /// Seconds from asking a request to its first logits: what the engine reports as its prefill.
    pub ttft: Percentiles,
    /// Seconds of single decoding steps.
    pub step_time: Percentiles,
    /// Seconds that loading took.
    pub load_time_sec: f64,
    /// How the warm-up went.
    pub warm_up: WarmedUp,
    /// Bytes of main memory at most, found as `peak_memory_method` says.
    pub peak_memory_bytes: Option<u64>,
    /// How memory is looked at.
    pub peak_memory_method: String,
    /// The energy with its bounds and its doubts.
    pub energy: Reading,
    /// Whether the device slowed down for its heat or its supply.
    pub throttled: Option<bool>,
    /// What else speaks against the figures, in words; empty where nothing does.
    pub quality_warnings: Vec<String>,
    /// Hash of `environment_snapshot`.
    pub environment_hash: String,
    /// The machine and the build.
    pub environment_snapshot: BTreeMap<String, Value>,
    /// The settings that were asked for, by the names that the backend knows.
    pub config: BTreeMap<String, Value>,
    /// The settings that were in force, read back from the engine.
    pub effective_config: BTreeMap<String, Value>,
    /// The readings over time.
    pub timeseries: Timeseries,
    /// Why figures are null, by their names: `total_energy_j`, `latency.p99_s`.
    pub unknown: BTreeMap<String, String>,
}

/// The model that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelIdentity {
    /// Its directory, as it was given.
    pub path: String,
    /// `model_type`.
    pub architecture: String,
    /// Identity of configuration and weight files, 16 hex digits; null for a backend that reads none.
    pub fingerprint: Option<String>,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// Where the prompts are from.
    pub source: PromptSource,
    /// How many prompts there are.
    pub available: u64,
    /// How many were asked in a round: the first ones, from the beginning again where there are
    /// fewer.
    pub prompts: u64,
    /// How many prompts make a request.
    pub per_request: u64,
    /// How often all of them were asked.
    pub rounds: u64,
    /// Requests of all rounds.
    pub requests: u64,
}

/// What the figures are those of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Methodology {
    /// All requests from the first on: nothing was warmed up.
    Total,
    /// The requests after a warm-up.
    SteadyState,
    /// The requests after the warm-up, asked again until a window of time was full.
    Windowed,
}

/// The file with the readings over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timeseries {
    /// Its name, beside the result.
    pub file: String,
    /// Version of its columns.
    pub schema_version: u32,
    /// How many readings it has.
    pub rows: u64,
}

/// Where and when it was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// When it began, RFC 3339.
    pub started: String,
    /// When it ended, RFC 3339.
    pub ended: String,
    /// The snapshot of the machine and the build.
    pub environment: BTreeMap<String, Value>,
    /// Its hash.
    pub environment_hash: String,
    /// Whether the build is optimised.
    pub optimised: bool,
}

/// The schema of `result.json`, as JSON Schema 2020-12, with a line feed at its end.
pub fn schema() -> String {
    // As it is written: what is not known is there, as null.
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<ExperimentResult>();
    format!("{:#}\n", schema.to_value())
}

impl ExperimentResult {
    /// What `measurement`, made as `plan` says, comes to. `config` is that of the model, or why its
    /// sizes are not known.
    pub fn new(
        id: String,
        backend: &str,
        plan: &Plan,
        config: Result<&ModelConfig, String>,
        measurement: &Measurement,
        machine: Machine,
    ) -> Self {
        let served = &measurement.served;
        let sum = |of: fn(&Served) -> u64| served.iter().map(of).sum::<u64>();
        let (input_tokens, output_tokens) = (sum(Served::input_tokens), sum(Served::output_tokens));
        let time: f64 = served.iter().map(|one| one.latency_s).sum();
        let reading = &measurement.energy.reading;
        let per = |whole: Option<f64>, by: f64| whole.filter(|_| by > 0.0).map(|whole| whole / by);
        let operations = operations(config, measurement);
        let ttft = first_tokens(served, plan.per_request);
        let steps: Vec<f64> = served.iter().flat_map(|one| one.steps_s.iter().copied()).collect();
        let latencies: Vec<f64> = served.iter().map(|one| one.latency_s).collect();
        let mut result = Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            experiment_id: id,
            measurement_config_hash: plan.hash(backend),
            started: machine.started,
            ended: machine.ended,
            backend: backend.to_owned(),
            model: ModelIdentity {
                path: plan.model.display().to_string(),
                architecture: measurement.architecture.clone(),
                fingerprint: super::fingerprint(&plan.model),
            },
            asked: Asked {
                source: plan.prompts.source.clone(),
                available: plan.prompts.all.len() as u64,
                prompts: plan.count.unwrap_or(plan.prompts.all.len()) as u64,
                per_request: plan.per_request as u64,
                rounds: measurement.rounds,
                requests: served.len() as u64,
            },
            methodology: plan.methodology(),
            total_tokens: input_tokens + output_tokens,
            input_tokens,
            output_tokens,
            total_energy_j: reading.gross_j,
            total_inference_time_sec: time,
            avg_tokens_per_second: per(Some(output_tokens as f64), time),
            avg_energy_per_token_j: per(reading.gross_j, output_tokens as f64),
            total_flops: operations.as_ref().ok().copied(),
            flops_method: flops::METHOD.to_owned(),
            latency: Percentiles::of(&latencies),
            ttft: Percentiles::of(ttft.as_deref().unwrap_or_default()),
            step_time: Percentiles::of(&steps),
            load_time_sec: measurement.load_s,
            warm_up: measurement.warmed_up.clone(),
            peak_memory_bytes: measurement.peak.as_ref().ok().copied(),
            peak_memory_method: memory::METHOD.to_owned(),
            energy: reading.clone(),
            throttled: (reading.source != Source::None).then(|| {
                reading.doubts.iter().any(|doubt| matches!(doubt, Doubt::Throttled { .. }))
            }),
            quality_warnings: Vec::new(),
            environment_hash: machine.environment_hash,
            environment_snapshot: machine.environment,
            config: told(&plan.settings),
            effective_config: told(&measurement.effective),
            timeseries: Timeseries {
                file: "timeseries.parquet".to_owned(),
                schema_version: crate::report::timeseries::SCHEMA_VERSION,
                rows: measurement.energy.series.rows.len() as u64,
            },
            unknown: BTreeMap::new(),
        };
        result.quality_warnings = unknown::warnings(&result, plan, served, machine.optimised);
        let causes = unknown::Causes {
            flops: operations.err(),
            ttft: ttft.err(),
            power: measurement.no_power.clone(),
            memory: measurement.peak.as_ref().err().cloned(),
            steps: steps.is_empty(),
        };
        result.unknown = unknown::reasons(&result, causes);
        result
    }
}

fn told(settings: &Settings) -> BTreeMap<String, Value> {
    settings.iter().map(|(path, value)| (path.clone(), value.clone())).collect()
}

/// The operations of all requests, or why they are not known.
fn operations(
    config: Result<&ModelConfig, String>,
    measurement: &Measurement,
) -> Result<f64, String> {
    if let Some(reason) = flops::uncounted(&measurement.effective) {
        return Err(reason);
    }
    let model = flops::ModelFlops::of(config?);
    let rows = measurement.served.iter().flat_map(|one| &one.rows);
    Ok(rows.map(|(prompt, rows)| model.of_rows(*prompt, rows)).sum())
}

/// Of each request the seconds to its first token, or why they are not known.
fn first_tokens(served: &[Served], per_request: usize) -> Result<Vec<f64>, String> {
    if per_request > 1 {
        return Err("the prompts of a request may be worked off one after the other; \
                    ask them one by one"
            .to_owned());
    }
    if served.iter().any(|one| one.prefill_s <= 0.0) {
        return Err("the engine does not tell when its prefill ended".to_owned());
    }
    Ok(served.iter().map(|one| one.prefill_s).collect())
}

#[cfg(test)]
#[path = "result_tests.rs"]
mod tests;
