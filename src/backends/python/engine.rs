//! An engine that is loaded in the interpreter of this process.

use std::ops::Range;
use std::path::Path;

use super::adapter::Adapter;
use super::host::{Host, out_of_form};
use super::message::{Loaded, Request};
use crate::backends::{BackendError, Engine, Generation, Prompt, score_tables};
use crate::settings::Settings;

/// A loaded engine. It is closed when this is dropped.
pub(super) struct PythonEngine {
    host: Host,
    loaded: Loaded,
}

impl PythonEngine {
    /// Has `adapter` load the model in directory `model`.
    ///
    /// # Errors
    /// What the engine raised: a refusal where it did so before any work.
    pub(super) fn load(
        host: Host,
        adapter: &Adapter,
        model: &Path,
        settings: &Settings,
    ) -> Result<Self, BackendError> {
        let Some(model) = model.to_str() else {
            let text = format!("{}: a path that is no text; rename it", model.display());
            return Err(BackendError::Model(text));
        };
        let loaded = host.call(&Request::Load { adapter: adapter.module, model, settings })?;
        Ok(Self { host, loaded })
    }
}

impl Engine for PythonEngine {
    fn effective(&self) -> Settings {
        self.loaded.effective.clone()
    }

    /// An engine in Python knows nothing of shares: it continues all prompts, of which those in
    /// `share` are given.
    fn generate_share(
        &mut self,
        prompts: &[Prompt],
        share: Range<usize>,
        settings: &Settings,
    ) -> Result<Generation, BackendError> {
        let engine = self.loaded.engine;
        let request = Request::Generate { engine, prompts, settings };
        let (mut made, tables): (Generation, _) = self.host.call_with_bytes(&request)?;
        if score_tables::decode(&mut made, &tables).is_none() {
            return Err(out_of_form("tables of scores that do not go with the rows"));
        }
        if made.prompts.len() != prompts.len() {
            let (made, asked) = (made.prompts.len(), prompts.len());
            let text = format!("the engine continued {made} of {asked} prompts");
            return Err(BackendError::Failed(text.into()));
        }
        made.prompts.truncate(share.end);
        made.prompts.drain(..share.start);
        Ok(made)
    }

    /// Where the engine has no text for it there is none.
    fn token_text(&self, token: u32) -> String {
        let engine = self.loaded.engine;
        self.host.call(&Request::TokenText { engine, token }).unwrap_or_default()
    }

    fn architecture(&self) -> String {
        self.loaded.architecture.clone()
    }
}

impl Drop for PythonEngine {
    /// What goes wrong is on stderr, and tells against the process.
    fn drop(&mut self) {
        let engine = self.loaded.engine;
        let _: Result<(), BackendError> = self.host.call(&Request::Close { engine });
    }
}
