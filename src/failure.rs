//! What a tensor library says when it fails: its message, and apart from that the frames of its
//! stack, which are for the record alone.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A failure of the work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Failure {
    /// What went wrong, in one line.
    pub message: String,
    /// What was said beyond it, line by line: advice, where it was raised, stack frames.
    pub frames: Vec<String>,
}

/// More memory was asked for than there is. A size that was not told is none, and null in a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Told")]
pub struct OutOfMemory {
    /// What went wrong, in one line.
    pub message: String,
    /// Where it was asked for: `cpu` or `cuda:N`.
    pub device: Option<Box<str>>,
    /// Bytes that were asked for.
    pub asked_bytes: Option<u64>,
    /// Bytes that were free.
    pub free_bytes: Option<u64>,
    /// Bytes that there are.
    pub capacity_bytes: Option<u64>,
    /// As [`Failure::frames`].
    pub frames: Vec<String>,
}

/// A failure in a record: text where there is nothing beyond the message.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Full { message: String, frames: Vec<String> },
}

/// As [`OutOfMemory`] is read: older records have its text alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Text(String),
    Full {
        message: String,
        device: Option<Box<str>>,
        asked_bytes: Option<u64>,
        free_bytes: Option<u64>,
        capacity_bytes: Option<u64>,
        frames: Vec<String>,
    },
}

impl From<Written> for Failure {
    fn from(written: Written) -> Self {
        match written {
            Written::Text(message) => message.into(),
            Written::Full { message, frames } => Self { message, frames },
        }
    }
}

impl From<Failure> for Written {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure { message, frames } if frames.is_empty() => Self::Text(message),
            Failure { message, frames } => Self::Full { message, frames },
        }
    }
}

impl From<Told> for OutOfMemory {
    fn from(told: Told) -> Self {
        match told {
            Told::Text(message) => message.into(),
            Told::Full { message, device, asked_bytes, free_bytes, capacity_bytes, frames } => {
                Self { message, device, asked_bytes, free_bytes, capacity_bytes, frames }
            }
        }
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { message, frames: Vec::new() }
    }
}

impl From<String> for OutOfMemory {
    fn from(message: String) -> Self {
        Self { message, ..Self::default() }
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl From<&str> for OutOfMemory {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::BackendError;

    fn there_and_back(error: &BackendError) -> String {
        let text = serde_json::to_string(error).unwrap();
        assert_eq!(serde_json::from_str::<BackendError>(&text).unwrap(), *error);
        text
    }

    #[test]
    fn a_record_has_what_the_console_leaves_out() {
        let plain = BackendError::Failed("no kernel".into());
        insta::assert_snapshot!(there_and_back(&plain), @r#"{"kind":"failed","detail":"no kernel"}"#);
        let frames = vec!["frame #0: f() (0x1 in libc10.so)".to_owned()];
        let framed = BackendError::Failed(Failure { frames, ..Failure::from("no kernel") });
        insta::assert_snapshot!(there_and_back(&framed), @r##"{"kind":"failed","detail":{"message":"no kernel","frames":["frame #0: f() (0x1 in libc10.so)"]}}"##);
        insta::assert_snapshot!(framed, @"no kernel");
        let short = BackendError::OutOfMemory(OutOfMemory {
            device: Some("cpu".into()),
            asked_bytes: Some(9),
            ..OutOfMemory::from("9 bytes wanted")
        });
        insta::assert_snapshot!(there_and_back(&short), @r#"{"kind":"out_of_memory","detail":{"message":"9 bytes wanted","device":"cpu","asked_bytes":9,"free_bytes":null,"capacity_bytes":null,"frames":[]}}"#);
        insta::assert_snapshot!(short, @"out of memory: 9 bytes wanted");
    }

    #[test]
    fn records_of_before_are_read() {
        let old = r#"{"kind":"out_of_memory","detail":"5 GiB wanted"}"#;
        let read: BackendError = serde_json::from_str(old).unwrap();
        assert_eq!(read, BackendError::OutOfMemory("5 GiB wanted".into()));
    }
}
