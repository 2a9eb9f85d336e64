//! What one case writes: scanned as it comes, head and tail kept.

use std::path::Path;

use crate::capture::Spool;
use crate::record::{Captured, CapturedStream};
use crate::scan::{Finding, Phase, Scanned, Scanner, Stream};

/// Bytes kept of the beginning, and as many of the end, of each stream.
const KEPT: usize = 256 << 10;

/// Both streams of one case, from its start to the last stray byte.
#[derive(Debug)]
pub struct CaseCapture {
    stdout: Half,
    stderr: Half,
}

/// One stream of the case.
#[derive(Debug)]
struct Half {
    stream: Stream,
    scanner: Option<Scanner>,
    spool: Spool,
    ended: bool,
    stray: u64,
    /// Lines of the scanners that are finished.
    lines: u64,
    findings: Vec<Finding>,
    dropped: u64,
}

impl Default for CaseCapture {
    fn default() -> Self {
        Self::new()
    }
}

impl CaseCapture {
    /// Nothing written yet; what comes first belongs to loading.
    pub fn new() -> Self {
        Self { stdout: Half::new(Stream::Stdout), stderr: Half::new(Stream::Stderr) }
    }

    /// Takes bytes of `stream`. After [`CaseCapture::end`] they are stray.
    pub fn feed(&mut self, stream: Stream, bytes: &[u8]) {
        self.half(stream).feed(bytes);
    }

    /// What follows is written in `phase`.
    pub fn enter(&mut self, phase: Phase) {
        for half in [&mut self.stdout, &mut self.stderr] {
            if let Some(scanner) = &mut half.scanner {
                scanner.enter(phase);
            }
        }
    }

    /// The case ends here: what comes now is stray.
    pub fn end(&mut self) {
        for half in [&mut self.stdout, &mut self.stderr] {
            half.finish_scan();
            half.ended = true;
        }
    }

    /// The findings so far, stdout's first, and how many are beyond the bound. A scan that is
    /// under way is finished for it.
    pub fn findings(&mut self) -> (Vec<Finding>, u64) {
        self.stdout.finish_scan();
        self.stderr.finish_scan();
        let findings = self.stdout.findings.iter().chain(&self.stderr.findings).cloned().collect();
        (findings, self.stdout.dropped + self.stderr.dropped)
    }

    /// How many bytes came after the end.
    pub fn stray_bytes(&self) -> u64 {
        self.stdout.stray + self.stderr.stray
    }

    /// Writes what is kept to `<folder>/logs/<name>.stdout` and `.stderr` (a stream without
    /// bytes has no file) and says what there is.
    ///
    /// # Errors
    /// What the system says of the file that could not be written.
    pub fn save(&self, folder: &Path, name: &str) -> std::io::Result<Captured> {
        Ok(Captured {
            stdout: self.stdout.save(folder, name, "stdout")?,
            stderr: self.stderr.save(folder, name, "stderr")?,
        })
    }

    fn half(&mut self, stream: Stream) -> &mut Half {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }
}

impl Half {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            scanner: Some(Scanner::new(stream, Phase::Load)),
            spool: Spool::new(KEPT, KEPT),
            ended: false,
            stray: 0,
            lines: 0,
            findings: Vec::new(),
            dropped: 0,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.ended {
            self.stray += bytes.len() as u64;
        }
        let phase = if self.ended { Phase::Stray } else { Phase::Run };
        self.scanner.get_or_insert_with(|| Scanner::new(self.stream, phase)).feed(bytes);
        self.spool.push(bytes);
    }

    fn finish_scan(&mut self) {
        let Some(scanner) = self.scanner.take() else { return };
        let Scanned { findings, dropped, lines, .. } = scanner.finish();
        self.findings.extend(findings.into_iter().map(|finding| Finding {
            line: finding.line + self.lines,
            end_line: finding.end_line + self.lines,
            ..finding
        }));
        self.dropped += dropped;
        self.lines += lines;
    }

    fn save(&self, folder: &Path, name: &str, extension: &str) -> std::io::Result<CapturedStream> {
        let bytes = self.spool.total();
        let file = format!("logs/{name}.{extension}");
        if bytes > 0 {
            std::fs::write(folder.join(&file), self.spool.kept())?;
        }
        Ok(CapturedStream {
            bytes,
            stray_bytes: self.stray,
            file: (bytes > 0).then_some(file),
            dropped_bytes: self.spool.dropped(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_after_the_end_are_stray_and_kept() {
        let run = tempfile::tempdir().unwrap();
        std::fs::create_dir(run.path().join("logs")).unwrap();
        let mut capture = CaseCapture::new();
        capture.feed(Stream::Stdout, b"one\n");
        capture.end();
        capture.feed(Stream::Stdout, b"\xff\xfe two\n");
        let captured = capture.save(run.path(), "x@1").unwrap();
        assert_eq!((captured.stdout.bytes, captured.stdout.stray_bytes), (11, 7));
        assert_eq!(captured.stderr, CapturedStream::default());
        let file = run.path().join(captured.stdout.file.unwrap());
        assert_eq!(std::fs::read(file).unwrap(), b"one\n\xff\xfe two\n");
    }
}
