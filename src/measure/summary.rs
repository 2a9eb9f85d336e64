//! A result as people read it.

use std::fmt::Write as _;

use super::{ExperimentResult, Percentiles};
use crate::report::text::{console_line, count, seconds};

/// Longest line of what speaks against a result.
const LINE: usize = 200;

impl ExperimentResult {
    /// What it says, in some lines.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.lines(&mut text);
        text
    }

    fn lines(&self, out: &mut String) -> std::fmt::Result {
        let asked = &self.asked;
        let whole = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        writeln!(out, "{} of {}", self.experiment_id, console_line(&self.model.path, LINE))?;
        writeln!(
            out,
            "  asked       {}, {}, {}",
            count(whole(asked.prompts), "prompt"),
            count(whole(asked.requests), "request"),
            count(whole(asked.rounds), "round")
        )?;
        writeln!(out, "  tokens      {} in, {} out", self.input_tokens, self.output_tokens)?;
        write!(out, "  time        {}", seconds(self.total_inference_time_sec))?;
        match self.avg_tokens_per_second {
            Some(speed) => writeln!(out, ", {speed:.1} tokens/s")?,
            None => writeln!(out)?,
        }
        for (name, spread) in
            [("latency", &self.latency), ("first token", &self.ttft), ("step", &self.step_time)]
        {
            if spread.n > 0 {
                writeln!(out, "  {name:<11} {}", spread_in_words(spread))?;
            }
        }
        match self.total_energy_j {
            Some(joules) => {
                write!(out, "  energy      {joules:.3} J")?;
                if let (Some(low), Some(high)) = (self.energy.lo_j, self.energy.hi_j) {
                    write!(out, " ({low:.3} to {high:.3} J)")?;
                }
                match self.avg_energy_per_token_j {
                    Some(each) => writeln!(out, ", {each:.4} J per token")?,
                    None => writeln!(out)?,
                }
            }
            None => {
                let reason = self.unknown.get("total_energy_j").map_or("", String::as_str);
                writeln!(out, "  energy      unknown: {}", console_line(reason, LINE))?;
            }
        }
        if let Some(bytes) = self.peak_memory_bytes {
            writeln!(out, "  memory      {} MiB at most", bytes >> 20)?;
        }
        for warning in &self.quality_warnings {
            writeln!(out, "  warning: {}", console_line(warning, LINE))?;
        }
        Ok(())
    }
}

/// `p50 0.010 s, p90 0.012 s, most 0.013 s`.
fn spread_in_words(spread: &Percentiles) -> String {
    let figures = [
        ("p50", spread.p50_s),
        ("p90", spread.p90_s),
        ("p95", spread.p95_s),
        ("p99", spread.p99_s),
        ("most", spread.max_s),
    ];
    let known = figures.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    // A step of a small model takes microseconds.
    let in_words = |value: f64| match value {
        value if value < 0.1 => format!("{:.3} ms", value * 1e3),
        value => seconds(value),
    };
    known.map(|(name, value)| format!("{name} {}", in_words(value))).collect::<Vec<_>>().join(", ")
}
