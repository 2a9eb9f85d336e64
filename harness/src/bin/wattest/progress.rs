//! How far a measured run is, on a terminal and nowhere else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wattest::measure::Progress;

/// A line on standard error that is drawn anew; where that is no terminal, nothing.
pub(crate) struct Line(ProgressBar);

impl Line {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::default_spinner());
        Self(bar)
    }

    /// Shows `progress`.
    pub(crate) fn show(&self, progress: Progress) {
        let (what, done, of) = match progress {
            Progress::Loading => return self.0.set_message("loading"),
            Progress::WarmUp { done, most } => ("warming up, at most", done, most),
            Progress::Measuring { done, of } => ("measuring", done, of),
        };
        // First: the line is drawn at each of these, and what came before had more.
        self.0.set_position(done as u64);
        // Of the requests that fill a window nobody knows how many there will be.
        self.0.set_length(of.max(done) as u64);
        if let Ok(style) = ProgressStyle::with_template("{msg} {pos}/{len} [{bar:30}] {elapsed}") {
            self.0.set_style(style.progress_chars("=> "));
        }
        self.0.set_message(what);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
