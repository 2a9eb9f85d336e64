//! What a result does not know, and what speaks against what it knows.

use std::collections::BTreeMap;

use super::{ExperimentResult, Plan, Served};
use crate::report::text::count;

/// Fewer requests than this say little about the next ones.
const FEW: usize = 5;

/// Why figures are missing, where whoever took them knows.
pub(super) struct Causes {
    pub(super) flops: Option<String>,
    pub(super) ttft: Option<String>,
    pub(super) memory: Option<String>,
    /// Of the power of the warm-up.
    pub(super) power: Option<String>,
    /// Whether no engine told its steps.
    pub(super) steps: bool,
}

/// Why each figure of `result` that is null is so, by its name.
pub(super) fn reasons(result: &ExperimentResult, causes: Causes) -> BTreeMap<String, String> {
    let mut reasons = BTreeMap::new();
    let mut note = |name: &str, reason: String| {
        reasons.insert(name.to_owned(), reason);
    };
    let no_tokens = "no token was generated".to_owned();
    let energy = result.energy.reason.clone().unwrap_or_else(|| "no joules were read".to_owned());
    if result.total_energy_j.is_none() {
        note("total_energy_j", energy.clone());
    }
    if result.avg_energy_per_token_j.is_none() {
        let reason = if result.total_energy_j.is_some() { no_tokens } else { energy };
        note("avg_energy_per_token_j", reason);
    }
    if result.throttled.is_none() {
        note("throttled", "no source of energy is there to tell".to_owned());
    }
    if result.avg_tokens_per_second.is_none() {
        note("avg_tokens_per_second", "the requests took no time".to_owned());
    }
    for (name, reason) in [("total_flops", causes.flops), ("peak_memory_bytes", causes.memory)] {
        if let Some(reason) = reason {
            note(name, reason);
        }
    }
    let steps = causes.steps.then(|| "the engine does not tell its steps".to_owned());
    let spreads = [
        ("latency", &result.latency, None),
        ("ttft", &result.ttft, causes.ttft),
        ("step_time", &result.step_time, steps),
    ];
    for (name, spread, cause) in spreads {
        for (figure, reason) in spread.reasons() {
            note(&format!("{name}.{figure}"), cause.clone().unwrap_or(reason));
        }
    }
    if result.model.fingerprint.is_none() {
        note("model.fingerprint", "the model directory has no config.json".to_owned());
    }
    if result.warm_up.converged.is_none() {
        note("warm_up.converged", "nothing was warmed up".to_owned());
        note("warm_up.criterion", "nothing was warmed up".to_owned());
    }
    if result.warm_up.cv.is_none() {
        note("warm_up.cv", format!("{} are too few", count_of(result.warm_up.requests)));
    }
    if result.warm_up.power_cv.is_none() {
        let reason = causes.power.unwrap_or_else(|| "nothing was warmed up".to_owned());
        note("warm_up.power_cv", reason);
    }
    reasons
}

/// What speaks against the figures of `result`, in words.
pub(super) fn warnings(
    result: &ExperimentResult,
    plan: &Plan,
    served: &[Served],
    optimised: bool,
) -> Vec<String> {
    let mut all = Vec::new();
    if !optimised {
        all.push("wattest was built without optimisation; build with --release".to_owned());
    }
    match (result.warm_up.converged, result.warm_up.cv) {
        (None, _) => all.push("nothing was warmed up: the first requests are slower".to_owned()),
        (Some(false), Some(cv)) if cv <= plan.warm_up.most_cv => all.push(format!(
            "the warm-up did not converge: after {} the power of the last differs by {:.1} % (CV), \
             and at most {:.1} % are wanted",
            count_of(result.warm_up.requests),
            100.0 * result.warm_up.power_cv.unwrap_or_default(),
            100.0 * plan.warm_up.most_cv
        )),
        (Some(false), Some(cv)) => all.push(format!(
            "the warm-up did not converge: after {} the last differ by {:.1} % (CV), and at most \
             {:.1} % are wanted",
            count_of(result.warm_up.requests),
            100.0 * cv,
            100.0 * plan.warm_up.most_cv
        )),
        (Some(false), None) => all.push(format!(
            "the warm-up did not converge: {} are too few to tell",
            count_of(result.warm_up.requests)
        )),
        (Some(true), _) => {}
    }
    if served.len() < FEW {
        let few = count_of(served.len() as u64);
        all.push(format!("{few} say little about the next ones; give -n or --repeat"));
    }
    if result.asked.prompts > result.asked.available {
        let there = count(plan.prompts.all.len(), "prompt");
        all.push(format!("there are only {there}: they were asked more than once"));
    }
    let early: u64 = served.iter().map(|one| one.ended_early).sum();
    if early > 0 {
        let rows: usize = served.iter().flat_map(|one| &one.rows).map(|(_, rows)| rows.len()).sum();
        all.push(format!(
            "{early} of {} ended before the limit of their length: figures per token are those of \
             these lengths",
            count(rows, "row")
        ));
    }
    if result.output_tokens == 0 {
        all.push("no token was generated".to_owned());
    }
    let doubts = result.energy.doubts.iter().filter_map(|doubt| serde_json::to_string(doubt).ok());
    all.extend(doubts.map(|doubt| format!("energy: {doubt}")));
    all
}

fn count_of(requests: u64) -> String {
    count(usize::try_from(requests).unwrap_or(usize::MAX), "request")
}
