//! The surface of an engine, asked of the engine itself: which parameters its installed version
//! really has. The questions are put in Python, by a process of their own.

mod error;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

pub use error::IntrospectError;

pub use crate::backends::ENGINES;
use crate::schema::Surface;

/// The program that asks, file by file.
const PROGRAM: [(&str, &str); 7] = [
    ("main.py", include_str!("python/main.py")),
    ("annotations.py", include_str!("python/annotations.py")),
    ("fields.py", include_str!("python/fields.py")),
    ("of_tensorrt.py", include_str!("python/of_tensorrt.py")),
    ("of_transformers.py", include_str!("python/of_transformers.py")),
    ("of_vllm.py", include_str!("python/of_vllm.py")),
    ("source_tree.py", include_str!("python/source_tree.py")),
];

/// Lines of an engine's own output that an error shows.
const SHOWN: usize = 12;

/// The surface of `engine` (one of [`ENGINES`]) as the interpreter `python` has it installed; of
/// TensorRT-LLM, of the tree in `source`, which is read and not imported.
///
/// # Errors
/// [`IntrospectError`] where the interpreter does not run, the engine cannot be imported (with the
/// last lines that it wrote), or its answer is not understood.
pub fn introspect(
    engine: &str,
    python: &Path,
    source: Option<&Path>,
) -> Result<Surface, IntrospectError> {
    let folder = tempfile::tempdir().map_err(IntrospectError::Folder)?;
    for (name, text) in PROGRAM {
        fs::write(folder.path().join(name), text).map_err(IntrospectError::Folder)?;
    }
    let answer = folder.path().join("surface.json");
    let mut command = Command::new(python);
    // No bytecode is left behind, and what lies in the current directory is not imported.
    command.arg("-B").arg(folder.path().join("main.py")).arg(engine).arg(&answer);
    command.args(source);
    command.stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| IntrospectError::Python { python: python.to_owned(), error })?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
        return Err(IntrospectError::Engine { engine: engine.to_owned(), last });
    }
    let text = fs::read_to_string(&answer).map_err(IntrospectError::Folder)?;
    Surface::parse(&answer, &text).map_err(IntrospectError::Answer)
}
