//! What a case wrote, as far as a report shows it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::record::{CapturedStream, Record};
use crate::report::text;

/// Bytes shown of each end of a stream of a case that passed. Jenkins cuts passing output to less.
const PASS_LIMIT: u64 = 2 << 10;

/// Bytes shown of each end of a stream of a case that did not. With two streams, a hundred
/// failures stay under the 30 MB at which GitLab refuses a report.
const FAIL_LIMIT: u64 = 32 << 10;

/// Head and tail of what a case wrote, made safe to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Of descriptor 1.
    pub stdout: String,
    /// Of descriptor 2.
    pub stderr: String,
}

impl Evidence {
    /// Reads the log files of `record` in the run folder `run`. A file that cannot be read is
    /// said in its place: a report is made all the same.
    pub fn load(run: &Path, record: &Record) -> Self {
        let limit = if record.verdict.status.is_bad() { FAIL_LIMIT } else { PASS_LIMIT };
        Self {
            stdout: stream(run, &record.captured.stdout, limit),
            stderr: stream(run, &record.captured.stderr, limit),
        }
    }
}

fn stream(run: &Path, captured: &CapturedStream, limit: u64) -> String {
    let Some(file) = &captured.file else { return String::new() };
    match ends(&run.join(file), limit) {
        Ok(bytes) => text::plain(&String::from_utf8_lossy(&bytes)),
        Err(error) => format!("[{file} cannot be read: {error}]"),
    }
}

/// At most `limit` bytes from each end of `file`, with a note between them.
fn ends(file: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(file)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    if size <= 2 * limit {
        file.take(2 * limit).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    (&mut file).take(limit).read_to_end(&mut bytes)?;
    bytes.extend(format!("\n[... {} bytes left out ...]\n", size - 2 * limit).bytes());
    file.seek(SeekFrom::Start(size - limit))?;
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_long_log_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        std::fs::write(&file, "abcdefghij").unwrap();
        let cut = ends(&file, 2).unwrap();
        insta::assert_snapshot!(String::from_utf8(cut).unwrap(), @r"
        ab
        [... 6 bytes left out ...]
        ij
        ");
        assert_eq!(ends(&file, 5).unwrap(), b"abcdefghij");
    }
}
