//! The power of rounds of work, one after the other.

use crate::energy::{Bracket, Doubt, Open, Recorder, Span, Trace};

/// Rounds of work that are watched in one go, each for its power. Nothing is waited for between
/// them, but for the GPUs.
pub struct Rounds<'a> {
    recorder: &'a Recorder,
    /// The window over all of them, or why there is none.
    open: Result<Open<'a>, String>,
    spans: Vec<Span>,
    /// What the GPUs said where they failed.
    failed: Option<Doubt>,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(recorder: &'a Recorder, open: Result<Open<'a>, String>) -> Self {
        Self { recorder, open, spans: Vec::new(), failed: None }
    }

    /// Does the `work` of a round.
    pub fn round<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begin_ns = self.edge();
        let done = work();
        if let Some((begin_ns, end_ns)) = begin_ns.zip(self.edge()) {
            self.spans.push(Span { begin_ns, end_ns });
        }
        done
    }

    /// Mean power in each of the last `count` rounds, in watts.
    ///
    /// # Errors
    /// Why it is not known to the part `within` of each: there is no source, there are fewer rounds,
    /// they are too short for the ticks, or the source has a doubt.
    pub fn watts(&self, count: usize, within: f64) -> Result<Vec<f64>, String> {
        let open = self.open.as_ref().map_err(Clone::clone)?;
        if let Some(doubt) = &self.failed {
            return Err(doubt.to_string());
        }
        let from = self.spans.len().checked_sub(count);
        let last = from.map(|from| &self.spans[from..]);
        let last = last.ok_or_else(|| "there are too few rounds".to_owned())?;
        open.look(|traces| last.iter().map(|span| watts(traces, *span, within)).collect())
    }

    /// An edge, once the GPUs are done; none without a source.
    fn edge(&mut self) -> Option<u64> {
        let open = self.open.as_ref().ok()?;
        if let Err(doubt) = self.recorder.wait() {
            self.failed = Some(doubt);
        }
        Some(open.mark())
    }
}

fn watts(traces: &[Trace], span: Span, within: f64) -> Result<f64, String> {
    let Span { begin_ns, end_ns } = span;
    let seconds = end_ns.saturating_sub(begin_ns) as f64 / 1e9;
    let (mut joules, mut open_j) = (0.0, 0.0);
    for trace in traces {
        let bracket = Bracket::of(trace, begin_ns, end_ns).map_err(|doubt| doubt.to_string())?;
        joules += bracket.estimate_j;
        open_j += (bracket.hi_j - bracket.lo_j) / 2.0;
    }
    if open_j > within * joules {
        let percent = (100.0 * open_j / joules).min(1e6);
        return Err(format!(
            "a round takes {seconds:.3} s, and the ticks leave {percent:.0} % of its joules open"
        ));
    }
    Ok(joules / seconds)
}
