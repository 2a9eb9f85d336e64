//! The backend as the registry hands it out.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::adapter::Adapter;
use super::engine::PythonEngine;
use super::host::Host;
use super::interpreter::{Interpreter, Unfit};
use super::message::Request;
use crate::backends::{Availability, Backend, BackendError, Engine};
use crate::settings::Settings;

/// An engine in Python, in this process.
pub(in crate::backends) struct PythonBackend {
    adapter: Adapter,
    /// The interpreter that was named.
    python: Option<PathBuf>,
    /// What it said of itself, once it was asked.
    interpreter: OnceCell<Result<Interpreter, Unfit>>,
}

impl PythonBackend {
    /// The backend of `adapter`, in the interpreter `python` where one is named. Nothing is
    /// started.
    pub(in crate::backends) fn new(adapter: Adapter, python: Option<&Path>) -> Self {
        Self { adapter, python: python.map(Path::to_owned), interpreter: OnceCell::new() }
    }

    fn interpreter(&self) -> Result<&Interpreter, &Unfit> {
        let find = || Interpreter::find(self.python.as_deref(), &self.adapter);
        self.interpreter.get_or_init(find).as_ref()
    }

    fn host(&self) -> Result<Host, BackendError> {
        let interpreter = self.interpreter().map_err(|unfit| BackendError::Unavailable {
            reason: unfit.reason.clone(),
            remedy: unfit.remedy.clone(),
        })?;
        Host::get(interpreter, &self.adapter)
    }
}

impl Backend for PythonBackend {
    fn name(&self) -> &'static str {
        self.adapter.name
    }

    fn availability(&self) -> Availability {
        match self.interpreter() {
            Ok(_) => Availability::Ready,
            Err(unfit) => unfit.clone().into(),
        }
    }

    fn check(&self, settings: &Settings) -> Result<(), BackendError> {
        self.host()?.call(&Request::Check { adapter: self.adapter.module, settings })
    }

    fn load(&self, model: &Path, settings: &Settings) -> Result<Box<dyn Engine>, BackendError> {
        let engine = PythonEngine::load(self.host()?, &self.adapter, model, settings)?;
        Ok(Box::new(engine))
    }

    /// By what its engines have left behind in memory, and by how many there were.
    fn keeps_process(&self) -> bool {
        match Host::running() {
            Some(host) => host.call(&Request::KeepsProcess {}).unwrap_or(false),
            // Nothing has been loaded here.
            None => true,
        }
    }

    fn one_engine(&self) -> bool {
        self.adapter.one_engine
    }
}
