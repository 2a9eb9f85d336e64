//! The host with an engine that does what it is told, in the interpreter that was linked.
//!
//! One interpreter serves all tests of the process, so each has an adapter of its own.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::PythonBackend;
use super::adapter::Adapter;
use super::engine::PythonEngine;
use super::host::Host;
use super::interpreter::Interpreter;
use super::message::Request;
use serde_json::json;

use crate::backends::{Availability, Backend as _, BackendError, Engine as _, Prompt};
use crate::generate::Batch;
use crate::settings::{Settings, Value};

/// An adapter whose engine is told by its settings what to raise, and to print.
const SOURCE: &str = include_str!("../../../tests/python/of_stand_in.py");
const STAND_IN: Adapter = Adapter {
    name: "stand_in",
    package: "json",
    module: "of_stand_in",
    source: SOURCE,
    remedy: "there is none",
    one_engine: true,
};

static INTERPRETER: LazyLock<Interpreter> = LazyLock::new(|| {
    let linked = PathBuf::from(env!("WATTEST_PYTHON_LINKED"));
    Interpreter::find(Some(&linked), &STAND_IN).unwrap()
});

/// The interpreter changes the environment of the process when it starts, which no process may be
/// started beside: the kernel would read variables that are being moved.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn interpreter() -> Interpreter {
    let _alone = alone();
    INTERPRETER.clone()
}

fn host() -> Host {
    let interpreter = interpreter();
    let _alone = alone();
    Host::get(&interpreter, &STAND_IN).unwrap()
}

fn settings(value: Value) -> Settings {
    serde_json::from_value(value).unwrap()
}

fn load(value: Value) -> Result<PythonEngine, BackendError> {
    let host = host();
    // The first engine of an adapter brings variables along, too.
    let _alone = alone();
    PythonEngine::load(host, &STAND_IN, Path::new("/model"), &settings(value))
}

fn prompts() -> [Prompt; 2] {
    [Prompt::Text("a".to_owned()), Prompt::Tokens(vec![4, 5])]
}

/// What a generation with `value` fails with.
fn fails(value: Value) -> BackendError {
    let mut engine = load(json!({})).unwrap_or_else(|error| panic!("{error}"));
    engine.generate(&prompts(), &settings(value)).unwrap_err()
}

#[test]
fn a_generation_goes_through() {
    let mut engine = load(json!({"dtype": "float32"})).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(engine.architecture(), "stand_in");
    assert_eq!(engine.token_text(7), "<7>");
    // What JSON does not hold is not read back.
    assert_eq!(engine.effective(), settings(json!({"dtype": "float32"})));
    let made = engine.generate(&prompts(), &settings(json!({"top_p": 0.1}))).unwrap();
    assert_eq!(made.effective, settings(json!({"dtype": "float32", "top_p": 0.1})));
    assert_eq!((made.timings.prefill_s, made.timings.decode_s), (0.25, 0.5));
    assert_eq!(made.timings.batches, [Batch { begin_ns: 10, first_ns: 20, end_ns: 40 }]);
    let tokens: Vec<&[u32]> = made.prompts.iter().map(|one| &*one.prompt_tokens).collect();
    assert_eq!(tokens, [&[1][..], &[4, 5]]);
    assert_eq!(made.prompts[0].rows[0].tokens, [7, 9]);
    let share = engine.generate_share(&prompts(), 1..2, &Settings::new()).unwrap();
    assert_eq!((share.prompts.len(), &*share.prompts[0].prompt_tokens), (1, &[4, 5][..]));
}

#[test]
fn what_check_raises_is_a_refusal_with_the_parameter_that_it_names() {
    let named = json!({"at": "check", "raise": "ValueError", "message": "top_k must be 1\nat least", "top_k": -5});
    insta::assert_snapshot!(fails(named.clone()), @"top_k = -5 is refused: top_k must be 1 at least");
    assert!(matches!(load(named), Err(BackendError::Refused(_))));
    let other = json!({"at": "check", "raise": "TypeError", "message": "no", "top_k": -5});
    insta::assert_snapshot!(fails(other.clone()), @"refused: TypeError: no");
    let checked =
        host().call::<()>(&Request::Check { adapter: STAND_IN.module, settings: &settings(other) });
    assert!(matches!(checked, Err(BackendError::Refused(_))));
}

#[test]
fn what_work_raises_is_a_failure_with_its_traceback() {
    let BackendError::Failed(failure) = fails(json!({"raise": "KeyError", "message": "x"})) else {
        panic!()
    };
    insta::assert_snapshot!(failure.message, @"KeyError: 'x'");
    // Those of the host are not in it; the source of a line is, though no file has it.
    let frames = failure.frames.join("\n");
    assert!(frames.contains("  File \"<wattest of_stand_in.py>\", line "), "{frames}");
    assert!(frames.contains("\n    raise kind("), "{frames}");
    assert!(!frames.contains("host.py"), "{frames}");
}

#[test]
fn an_exit_is_a_failure_and_not_the_end() {
    for (kind, told) in [
        ("SystemExit", "SystemExit: asked for"),
        ("KeyboardInterrupt", "KeyboardInterrupt: asked for"),
        ("Stop", "Stop: asked for"),
    ] {
        for at in ["check", "generate"] {
            let BackendError::Failed(failure) = fails(json!({"raise": kind, "at": at})) else {
                panic!("{kind} {at}")
            };
            assert_eq!(failure.message, told);
        }
    }
}

#[test]
fn kinds_of_failures_are_told_apart() {
    let text = "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 1 has a total capacity of 79.00 GiB of which 1.00 GiB is free.";
    let BackendError::OutOfMemory(short) =
        fails(json!({"raise": "OutOfMemoryError", "message": text}))
    else {
        panic!()
    };
    assert_eq!(short.device.as_deref(), Some("cuda:1"));
    assert_eq!(short.asked_bytes, Some(5 << 29));
    assert_eq!((short.free_bytes, short.capacity_bytes), (Some(1 << 30), Some(79 << 30)));
    let missing = json!({"raise": "FileNotFoundError", "message": "no config.json", "at": "load"});
    let error = load(missing).err().unwrap();
    assert!(matches!(error, BackendError::Model(_)), "{error}");
    // Not a number that JSON has.
    let odd = fails(json!({"prefill_s": "soon"}));
    assert!(matches!(odd, BackendError::Failed(_)), "{odd}");
}

#[test]
fn a_missing_package_and_another_environment_are_told() {
    let absent = Adapter { package: "wattest_has_no_such_package", ..STAND_IN };
    let interpreter = interpreter();
    let _ = host();
    let _alone = alone();
    let unfit = Interpreter::find(Some(&interpreter.executable), &absent).unwrap_err();
    assert!(unfit.reason.ends_with("has no package `wattest_has_no_such_package`"));
    let other = Interpreter { prefix: "/elsewhere".into(), ..interpreter.clone() };
    let error = Host::get(&other, &STAND_IN).unwrap_err();
    assert!(error.to_string().contains("cannot be that of /elsewhere"), "{error}");
    let backend = PythonBackend::new(absent, Some(&interpreter.executable));
    assert!(matches!(backend.availability(), Availability::Off { .. }));
    assert!(matches!(
        backend.load(Path::new("."), &Settings::new()),
        Err(BackendError::Unavailable { .. })
    ));
}
