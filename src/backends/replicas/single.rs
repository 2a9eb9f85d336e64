//! One engine, in this process.

use std::ops::Range;

use super::settings::{PARAMETER, check_same, others};
use crate::backends::{BackendError, Engine, Generation, Prompt};
use crate::settings::Settings;

/// An engine that counts itself: the only replica there is.
pub(super) struct Single(pub(super) Box<dyn Engine>);

impl Engine for Single {
    fn effective(&self) -> Settings {
        let mut effective = self.0.effective();
        effective.set(PARAMETER, 1);
        effective
    }

    fn generate_share(
        &mut self,
        prompts: &[Prompt],
        share: Range<usize>,
        settings: &Settings,
    ) -> Result<Generation, BackendError> {
        check_same(settings, 1)?;
        let mut generation = self.0.generate_share(prompts, share, &others(settings))?;
        generation.effective.set(PARAMETER, 1);
        Ok(generation)
    }

    fn token_text(&self, token: u32) -> String {
        self.0.token_text(token)
    }

    fn architecture(&self) -> String {
        self.0.architecture()
    }
}
