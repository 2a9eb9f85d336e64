//! What is known of the energy of a window. What is not known is null with a reason.

use serde::{Deserialize, Serialize};

use crate::energy::{Baselines, Doubt, Source};

/// The energy of a case, or of a run.
///
/// Every number is null where it is not known, never 0; `reason` says why the joules are missing,
/// and `doubts` what speaks against them where they are there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Reading {
    /// Joules in the window, everything the source covers included.
    pub gross_j: Option<f64>,
    /// Joules above those of the idle machine with the model loaded. It may be negative: it is
    /// reported, not cut off.
    pub net_j: Option<f64>,
    /// Below this `gross_j` cannot be, by the logged readings of the counter alone.
    pub lo_j: Option<f64>,
    /// Above this `gross_j` cannot be.
    pub hi_j: Option<f64>,
    /// Half of what the ticks leave open, in joules (type B).
    pub u_quant_j: Option<f64>,
    /// Half of the 95 % confidence interval over the repeats, in joules (type A).
    pub u_repeat_j: Option<f64>,
    /// What the spread of the baseline adds to the doubt of `net_j`, in joules.
    pub u_baseline_j: Option<f64>,
    /// Ticks of the counter (new readings) within the window.
    pub ticks: Option<u64>,
    /// The time between two ticks, as learnt on this device, in milliseconds.
    pub tick_period_ms: Option<f64>,
    /// What measured.
    pub source: Source,
    /// What it covers: devices by UUID, processor packages by name.
    pub scope: Vec<String>,
    /// What speaks against the numbers; empty where nothing does.
    pub doubts: Vec<Doubt>,
    /// How long the window was, in seconds.
    pub window_s: Option<f64>,
    /// How often the work was done within the window, or in windows of its own.
    pub repeats: Option<u32>,
    /// `gross_j` per generated token.
    pub j_per_output_token: Option<f64>,
    /// `gross_j` per token of prompt and output.
    pub j_per_total_token: Option<f64>,
    /// `gross_j` of each window, where the work was measured in windows of its own.
    pub window_gross_j: Vec<f64>,
    /// Tokens generated in each of these windows; empty where nobody counted.
    pub window_output_tokens: Vec<u64>,
    /// Joules up to the first logits of each batch, where that spans enough ticks.
    pub prefill_j: Option<f64>,
    /// Joules from there on, where that spans enough ticks.
    pub decode_j: Option<f64>,
    /// Idle power of the same devices; none where no baseline was wanted, or there is no source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baselines: Option<Baselines>,
    /// What the thread that reads the meters took of one processor core, in percent.
    pub sampler_cpu_percent: Option<f64>,
    /// How often a second the meters were read; slow ones lower it.
    pub sampler_hz: Option<f64>,
    /// Why a number is missing.
    pub reason: Option<String>,
}

impl Reading {
    /// No number, and why.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::default() }
    }

    /// Adds to the reason.
    pub(super) fn say(&mut self, more: impl AsRef<str>) {
        let reason = self.reason.get_or_insert_default();
        if !reason.is_empty() {
            reason.push_str("; ");
        }
        reason.push_str(more.as_ref());
    }
}
