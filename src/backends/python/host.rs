//! The interpreter in this process: started once, and called with JSON.

use std::ffi::CString;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::{PyAnyMethods as _, PyModule, Python};
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::{Py, PyErr};
use serde::de::DeserializeOwned;

use super::adapter::Adapter;
use super::interpreter::Interpreter;
use super::message::{Answer, Request};
use crate::backends::BackendError;

/// The modules of the Python side, in the order in which they need each other.
const MODULES: [(&str, &str); 4] = [
    ("errors", include_str!("engine/errors.py")),
    ("outputs", include_str!("engine/outputs.py")),
    ("watching", include_str!("engine/watching.py")),
    ("host", include_str!("engine/host.py")),
];

/// The standard library and its extension modules that belong to the libpython that was linked.
const LIBRARY: [&str; 2] = [env!("WATTEST_PYTHON_LIBRARY"), env!("WATTEST_PYTHON_EXTENSIONS")];

/// The interpreter of this process, once it has been started: there can be no second one.
static STARTED: Mutex<Option<Host>> = Mutex::new(None);

/// The interpreter, made that of an environment.
#[derive(Debug)]
pub(super) struct Host {
    interpreter: Interpreter,
    module: Py<PyModule>,
}

impl Host {
    /// The interpreter of this process as that of the environment of `interpreter`, with `adapter`
    /// in it; starts it where that has not been done.
    ///
    /// # Errors
    /// Where the process is that of another environment already, or the Python side does not start.
    pub(super) fn get(interpreter: &Interpreter, adapter: &Adapter) -> Result<Self, BackendError> {
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        let host = match &*started {
            Some(host) if host.interpreter.prefix != interpreter.prefix => {
                return Err(BackendError::Unavailable {
                    reason: format!(
                        "this process is that of {} already, and cannot be that of {}",
                        host.interpreter.prefix.display(),
                        interpreter.prefix.display()
                    ),
                    remedy: "run the two one after the other".to_owned(),
                });
            }
            Some(host) => host.share(),
            None => Self::start(interpreter).map_err(|error| failed("does not start", &error))?,
        };
        host.adopt(adapter).map_err(|error| failed(adapter.module, &error))?;
        *started = Some(host.share());
        Ok(host)
    }

    /// The interpreter of this process, where it has been started.
    pub(super) fn running() -> Option<Self> {
        STARTED.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Self::share)
    }

    fn start(interpreter: &Interpreter) -> Result<Self, PyErr> {
        Python::initialize();
        Python::attach(|py| {
            let mut module = None;
            for (name, text) in MODULES {
                let (text, name) = (CString::new(text)?, CString::new(name)?);
                let file = CString::new(format!("<wattest {}.py>", name.to_string_lossy()))?;
                module = Some(PyModule::from_code(py, &text, &file, &name)?);
            }
            let module = module.ok_or_else(|| PyErr::fetch(py))?;
            module.call_method1(
                "begin",
                (
                    &interpreter.prefix,
                    &interpreter.base_prefix,
                    &interpreter.executable,
                    &interpreter.site_packages,
                    LIBRARY,
                ),
            )?;
            Ok(Self { interpreter: interpreter.clone(), module: module.unbind() })
        })
    }

    fn adopt(&self, adapter: &Adapter) -> Result<(), PyErr> {
        Python::attach(|py| {
            self.module.bind(py).call_method1("adopt", (adapter.module, adapter.source))?;
            Ok(())
        })
    }

    /// Another handle of it.
    fn share(&self) -> Self {
        let module = Python::attach(|py| self.module.clone_ref(py));
        Self { interpreter: self.interpreter.clone(), module }
    }

    /// Calls into Python, and reads the answer as `T`. Python's lock is held only that long.
    ///
    /// # Errors
    /// What the engine raised, as [`super::error`] tells it.
    pub(super) fn call<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
    ) -> Result<T, BackendError> {
        self.call_with_bytes(request).map(|(value, _)| value)
    }

    /// As [`Self::call`], with the bytes that go beside the answer.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub(super) fn call_with_bytes<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
    ) -> Result<(T, PyBackedBytes), BackendError> {
        let request = serde_json::to_string(request).map_err(out_of_form)?;
        let (answer, beside): (PyBackedStr, PyBackedBytes) =
            Python::attach(|py| self.module.bind(py).call_method1("call", (request,))?.extract())
                .map_err(|error| failed("fails", &error))?;
        match serde_json::from_str(&answer).map_err(out_of_form)? {
            Answer::Ok(value) => Ok((value, beside)),
            Answer::Error(raised) => Err(raised.into()),
        }
    }
}

/// What the Python side itself raised: not the fault of an engine.
fn failed(what: &str, error: &PyErr) -> BackendError {
    BackendError::Failed(format!("the Python side of wattest {what}: {error}").into())
}

/// What was said is not what is agreed on.
pub(super) fn out_of_form(error: impl Display) -> BackendError {
    let text = format!("what went between wattest and its Python side is not in form: {error}");
    BackendError::Failed(text.into())
}
