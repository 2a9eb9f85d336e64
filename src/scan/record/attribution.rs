//! Which library a record comes from: what its frames, its exception, its prefix and its words say.

use super::Record;
use crate::scan::advice::ADVICE;
use crate::scan::classify::exception;
use crate::scan::kind::Kind;
use crate::scan::source::{self, Owner};

/// What click, docker, node, java, sqlite, ollama and the launcher of text-generation-inference say
/// after `Error: `.
const OTHERS: &[&str] = &[
    "Invalid value for ",
    "No such ",
    "Missing argument",
    "Missing option",
    "Missing command",
    "Got unexpected extra argument",
    "Option '",
    "Cannot find module ",
    "Could not find or load main class",
    "in prepare, ",
    "near line ",
    "unable to open database",
    "llama runner ",
    "model requires ",
    "ShardCannotStart",
    "DownloadError",
];

/// Exceptions that native code raises, with no frame of its own.
const NATIVE: &[&str] =
    &["RuntimeError", "ValueError", "TypeError", "IndexError", "NotImplementedError"];

impl Record {
    /// The code of a frame: what it calls may have raised.
    pub(super) fn note_code(&mut self, body: &str) {
        let code = body.trim();
        if !code.starts_with(['^', '~', '|']) {
            let functional = code.starts_with("F.") || code.contains("=F.");
            let called = || functional.then_some("torch").or_else(|| source::by_words(code));
            self.called = if code.starts_with("raise ") { None } else { called() };
        }
    }

    pub(super) fn note_frame(&mut self, body: &str) {
        let Some(start) = body.find("File \"") else { return };
        let rest = &body[start + 6..];
        if let Some(end) = rest.find("\", line ")
            && !self.outer
        {
            self.called = None;
            self.note_path(&rest[..end]);
        }
    }

    pub(super) fn note_path(&mut self, path: &str) {
        match source::by_path(path) {
            Owner::Known(library) => self.owner = Some(library),
            Owner::Installed => self.installed = true,
            Owner::Own => {}
        }
    }

    /// Source of the package that the exception's type belongs to.
    pub(super) fn own_package(&self) -> Option<&'static str> {
        let (name, _) = exception(self.message.lines().next()?)?;
        source::by_exception(name)
    }

    pub(super) fn source(&self) -> &'static str {
        let message = &self.message;
        if let Some(source) = self.fixed_source {
            return source;
        }
        match self.kind {
            Kind::Traceback(_) | Kind::Group | Kind::Lead | Kind::Pytest => self.raised_by(),
            Kind::Fatal => "python",
            Kind::Warning => {
                let words = || source::by_words(message);
                let other = || self.installed.then_some("other");
                self.owner.or_else(other).or_else(words).or(self.called).unwrap_or("python")
            }
            Kind::Panic(_) => {
                if message.contains("Torch(\"") || message.contains("c10::") {
                    "torch"
                } else {
                    "rust"
                }
            }
            Kind::Crash => {
                if source::is_cuda_error(message) {
                    return "cuda";
                }
                let logger = if self.logged { self.log_source } else { "other" };
                // A shell speaks of what it ran.
                if message.contains(": line ") {
                    return logger;
                }
                source::by_words(message).unwrap_or(logger)
            }
            _ => self.logged_by(),
        }
    }

    fn logged_by(&self) -> &'static str {
        let message = &self.message;
        let bare = !self.logged && self.channel.is_empty() && self.logger.is_empty();
        // So libraries of Hugging Face write names, and transformers writes most of them.
        let worded = ["error-word", "warning-word", "failed", "build-tool", "compiler-diagnostic"];
        let quotes = message.matches('`').count() >= 2 && !worded.contains(&self.rule);
        let advised = self.rule == ADVICE && (quotes || message.contains("your model"));
        if bare && advised && matches!(self.log_source, "other" | "torch") {
            return "transformers";
        }
        if bare && self.log_source == "other" {
            let program = message.split(':').next().unwrap_or("");
            if let Some(source) = source::by_package(program) {
                return source;
            }
            if quotes {
                return "transformers";
            }
            // What Rust prints for an error that `main` returns; others begin so as well.
            let told = message.strip_prefix("Error: ");
            if told.is_some_and(|told| !OTHERS.iter().any(|words| told.starts_with(words)))
                || message.starts_with("error[E")
            {
                return "rust";
            }
        }
        self.log_source
    }

    /// The library that raised the exception.
    fn raised_by(&self) -> &'static str {
        let message = &self.message;
        if source::is_nccl_error(message) {
            return "nccl";
        }
        if source::is_cuda_error(message) {
            return "cuda";
        }
        let name = exception(message.lines().next().unwrap_or("")).map_or("", |(name, _)| name);
        let import =
            matches!(name, "ImportError" | "ModuleNotFoundError") && !message.contains(".so");
        let own = if self.outer { None } else { self.own_package() };
        let logger = (self.logged && !matches!(self.log_source, "python" | "other"))
            .then_some(self.log_source);
        own.or(self.owner)
            .or(logger)
            .or_else(|| (!import).then(|| source::by_words(message)).flatten())
            .or_else(|| self.installed.then_some("other"))
            .or_else(|| self.called.filter(|_| NATIVE.contains(&name)))
            .or_else(|| source::by_channel(&self.channel))
            // Whose values these are nothing says.
            .or_else(|| name.starts_with("pydantic").then_some("other"))
            .unwrap_or(
                if self.logged && self.log_source == "other" && self.rule != "python-traceback" {
                    "other"
                } else {
                    "python"
                },
            )
    }
}
