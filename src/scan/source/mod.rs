//! Which library raised or logged something.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;
use regex::Regex;

use super::head::{Head, Style};
use super::mark::Mark;
use super::rules::compile_exact;

mod packages;
mod words;

use packages::{CARRIERS, LOGGERS, PACKAGES, PYTHON};
use words::WORDS;

/// The literals of all [`WORDS`], the words that each belongs to, and the patterns.
struct Search {
    literals: Option<AhoCorasick>,
    of: Vec<usize>,
    patterns: Vec<Option<Regex>>,
}

static SEARCH: LazyLock<Search> = LazyLock::new(|| {
    let needs = || {
        WORDS
            .iter()
            .enumerate()
            .flat_map(|(at, words)| words.needs.iter().map(move |need| (at, *need)))
    };
    Search {
        literals: AhoCorasick::new(needs().map(|(_, need)| need)).ok(),
        of: needs().map(|(at, _)| at).collect(),
        patterns: WORDS.iter().map(|words| compile_exact(words.pattern)).collect(),
    }
});

static CUDA: Mark = Mark::new(|| Finder::new("CUDA"));
static CUDA_ERROR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile_exact(
        r"CUDA (?:error|driver error|runtime error): |CUDA driver version is insufficient|CUDA error \d+",
    )
});

/// The source that the words of a message name.
pub(super) fn by_words(message: &str) -> Option<&'static str> {
    let search = &*SEARCH;
    let named = search.literals.as_ref()?.find_overlapping_iter(message);
    let mut named = named.fold(0u32, |named, literal| named | 1 << search.of[literal.pattern()]);
    while named != 0 {
        let at = named.trailing_zeros() as usize;
        if search.patterns[at].as_ref().is_some_and(|pattern| pattern.is_match(message)) {
            return Some(WORDS[at].source);
        }
        named &= named - 1;
    }
    None
}

/// The source of a package, module or logger name: its first segment decides.
pub(super) fn by_package(name: &str) -> Option<&'static str> {
    let first = name.split(['.', ':', '/', ' ']).next().unwrap_or(name);
    if first.is_empty() {
        return None;
    }
    let known = PACKAGES.iter().find(|(package, _)| package.eq_ignore_ascii_case(first));
    known.map(|(_, source)| *source)
}

/// The source of a logger: that of its package.
pub(super) fn by_logger(name: &str) -> Option<&'static str> {
    let first = name.split(['.', ':', ' ']).next().unwrap_or(name);
    let other = || LOGGERS.iter().any(|one| one.eq_ignore_ascii_case(first)).then_some("other");
    by_package(name).or_else(other)
}

/// The source of an exception's type; none for one of Python's own.
pub(super) fn by_exception(name: &str) -> Option<&'static str> {
    let (package, _) = name.split_once('.')?;
    by_package(package).or_else(|| (!PYTHON.contains(&package)).then_some("other"))
}

/// What the path of a source file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// A library with a name of its own, or known to have none.
    Known(&'static str),
    /// Some other installed package.
    Installed,
    /// The standard library, or the user's own file.
    Own,
}

/// Whose file `path` is.
pub(super) fn by_path(path: &str) -> Owner {
    let unix;
    let path = if path.contains('\\') {
        unix = path.replace("\\\\", "\\").replace('\\', "/");
        &unix
    } else {
        path
    };
    for folder in ["site-packages/", "dist-packages/"] {
        if let Some(at) = path.rfind(folder) {
            let inside = &path[at + folder.len()..];
            let name = inside.split(['/', '.', '-']).next().unwrap_or(inside);
            if let Some(source) = by_package(name) {
                return Owner::Known(source);
            }
            return if CARRIERS.contains(&name) { Owner::Own } else { Owner::Installed };
        }
    }
    if path.contains("/lib/python") {
        return Owner::Own;
    }
    // A checkout, or a path that the logger cut: `torch/_dynamo/x.py`, `/src/vllm/vllm/a.py`. The
    // outermost folder that is known counts, as libraries name modules after each other; and some
    // names are too common to mean the library anywhere but at the beginning.
    let common = ["cuda", "ray", "triton", "trt", "accelerate", "jax", "external"];
    let end = path.rfind('/').unwrap_or(0);
    let known = path[..end].split('/').enumerate().find_map(|(depth, folder)| {
        if folder == "external" && depth == 0 {
            return Some("other");
        }
        (depth == 0 || !common.contains(&folder)).then(|| by_package(folder)).flatten()
    });
    known.map_or(Owner::Own, Owner::Known)
}

/// Who logged a line with this prefix and message.
pub(super) fn of_log(head: &Head<'_>, message: &str) -> &'static str {
    match head.style {
        Style::Nccl => return "nccl",
        Style::Transformers => return "transformers",
        _ => {}
    }
    if is_cuda_error(message) {
        return "cuda";
    }
    let file = head.file.rsplit(['/', '\\']).next().unwrap_or(head.file);
    if file.contains("NCCL") {
        return "nccl";
    }
    if let Some(source) = by_logger(head.logger) {
        // Crates that Python packages are made of speak for themselves.
        let crates = ["tokenizers", "safetensors"];
        let own = head.style == Style::Rust
            && crates.iter().any(|name| head.logger.split("::").next() == Some(*name));
        return if own { "rust" } else { source };
    }
    if head.style == Style::Vllm {
        return "vllm";
    }
    if !head.file.is_empty()
        && let Owner::Known(source) = by_path(head.file)
    {
        return source;
    }
    match head.style {
        Style::Ray => "ray",
        Style::C10 => "torch",
        Style::Rust if head.level.is_some() => "rust",
        Style::Other => "other",
        // Triton's server logs so; its TensorRT-LLM backend is what this corpus of engines has.
        Style::Glog if [".cc", ".cpp", ".cu", ".h"].iter().any(|end| file.ends_with(end)) => {
            let server = [
                "model_",
                "server",
                "metrics",
                "backend_",
                "pb_",
                "grpc",
                "http",
                "libtriton",
                "libtensorrt",
                "pinned",
                "cuda_memory",
                "python_be",
                "ensemble",
                "tritonserver",
            ];
            if server.iter().any(|start| file.starts_with(start)) {
                "tensorrt"
            } else {
                by_words(message).unwrap_or("other")
            }
        }
        Style::Glog | Style::Python => by_words(message).unwrap_or("python"),
        _ => by_words(message).or_else(|| by_channel(head.channel)).unwrap_or("other"),
    }
}

/// The engine that names its processes so.
pub(super) fn by_channel(channel: &str) -> Option<&'static str> {
    let vllm = [
        "EngineCore",
        "APIServer",
        "ApiServer",
        "VllmWorker",
        "Worker_TP",
        "Worker_DP",
        "Worker_PP",
    ];
    if vllm.iter().any(|start| channel.starts_with(start)) {
        return Some("vllm");
    }
    let ray = channel.starts_with("raylet") || channel.starts_with("autoscaler");
    ray.then_some("ray")
}

/// Whether NCCL fails here, or torch's process group for it.
pub(super) fn is_nccl_error(message: &str) -> bool {
    ["NCCL error", "ncclUnhandled", "NCCL communicator", "ProcessGroupNCCL"]
        .iter()
        .any(|words| message.contains(words))
}

/// Whether the CUDA runtime or driver reports an error here.
pub(super) fn is_cuda_error(message: &str) -> bool {
    CUDA.is_in(message)
        && !message.contains("Triton Error")
        && CUDA_ERROR.as_ref().is_some_and(|pattern| pattern.is_match(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_pattern_compiles() {
        for words in WORDS {
            assert!(compile_exact(words.pattern).is_some(), "{}", words.pattern);
        }
        assert!(CUDA_ERROR.is_some() && SEARCH.literals.is_some());
    }

    #[test]
    fn paths_have_owners() {
        let path = "/v/lib/python3.11/site-packages/vllm/worker/a.py";
        assert_eq!(by_path(path), Owner::Known("vllm"));
        assert_eq!(by_path("/v/site-packages/uvicorn/main.py"), Owner::Installed);
        assert_eq!(by_path("/v/site-packages/pydantic/main.py"), Owner::Own);
        assert_eq!(by_path("/home/me/run.py"), Owner::Own);
        assert_eq!(by_path("torch/_dynamo/convert_frame.py"), Owner::Known("torch"));
        assert_eq!(by_path(r"C:\v\Lib\site-packages\torch\a.py"), Owner::Known("torch"));
    }
}
