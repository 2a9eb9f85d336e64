//! A line taken apart: what stands before its message, and the message.

use std::borrow::Cow;

use super::level::Level;

/// Whose way of writing a prefix has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Style {
    /// No prefix, or one that says nothing about its writer.
    Plain,
    Vllm,
    /// `logging`, loguru, absl and other Python loggers.
    Python,
    /// `tracing`, `env_logger`.
    Rust,
    Ray,
    Nccl,
    /// `[W1121 07:25:00.123 file.cpp:3]`: c10.
    C10,
    /// `W1121 07:25:00.123 77 file.cc:3]`: glog.
    Glog,
    Transformers,
    /// A format known to belong to something without a name of its own among the sources.
    Other,
}

/// A line taken apart.
#[derive(Debug, Clone)]
pub(super) struct Head<'t> {
    pub(super) level: Option<Level>,
    pub(super) style: Style,
    /// The process or rank tags; lines of one record share them.
    pub(super) channel: &'t str,
    /// Name of the logger, module or library in the prefix.
    pub(super) logger: &'t str,
    /// Source file in the prefix, without line.
    pub(super) file: &'t str,
    /// The whole prefix; empty where there is none.
    pub(super) prefix: &'t str,
    /// Whether the prefix has a time finer than a second.
    pub(super) fine_time: bool,
    /// Whether the prefix has a time or a level, so that the line is a log line.
    pub(super) logged: bool,
    /// What follows, with its indentation.
    pub(super) body: Cow<'t, str>,
}

impl<'t> Head<'t> {
    /// A line without a prefix.
    pub(super) fn plain(text: &'t str) -> Self {
        Self {
            level: None,
            style: Style::Plain,
            channel: "",
            logger: "",
            file: "",
            prefix: "",
            fine_time: false,
            logged: false,
            body: Cow::Borrowed(text),
        }
    }
}
