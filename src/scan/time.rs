//! Times at the beginning of log lines.

/// Length of the time that `text` begins with, where it begins with one.
pub(super) fn time_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let run = |from: usize| {
        let part = &bytes[from.min(bytes.len())..];
        let digits = |byte: &&u8| byte.is_ascii_digit() || b":.,-/TZ+".contains(*byte);
        part.iter().take_while(digits).count()
    };
    if !bytes.first()?.is_ascii_digit() {
        return None;
    }
    let first = run(0);
    let colons = |part: &[u8]| part.iter().filter(|byte| **byte == b':').count();
    let mut length = first;
    if colons(&bytes[..first]) < 2 {
        let dashes = bytes[..first].iter().filter(|byte| matches!(byte, b'-' | b'/')).count();
        let dots = bytes[..first].iter().filter(|byte| **byte == b'.').count();
        if dots == 3 && dashes == 0 && bytes.get(first) == Some(&b' ') && !text.starts_with("127") {
            // llama.cpp: minutes.seconds.milliseconds.microseconds since the start.
            let parts = text[..first].split('.').map(str::len);
            return parts.skip(1).eq([2, 3, 3]).then_some(first);
        }
        if dashes == 0 || bytes.get(first) != Some(&b' ') {
            return None;
        }
        let second = run(first + 1);
        if colons(&bytes[first + 1..first + 1 + second]) < 2 {
            return None;
        }
        length = first + 1 + second;
    }
    // A colon that ends the run belongs to what follows.
    while length > 0 && !bytes[length - 1].is_ascii_digit() && bytes[length - 1] != b'Z' {
        length -= 1;
    }
    (length >= 8).then_some(length)
}

/// Whether `line` begins as glog lines do: a level letter and the month and day.
pub(super) fn is_glog(line: &[u8]) -> bool {
    // Newer ones may write the year before the month.
    let digits = line.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
    line.len() > 12
        && matches!(line[0], b'V' | b'I' | b'W' | b'E' | b'F')
        && matches!(digits, 4 | 8)
        && matches!(line[1], b'0'..=b'2')
        && line[digits + 1] == b' '
        && line[digits + 2].is_ascii_digit()
}
