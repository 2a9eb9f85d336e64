//! A message with what varies masked, and the identity of that template.

use crate::settings::short_hash;

/// Part of every fingerprint: raised when the masking changes, so that an old fingerprint is never
/// taken for a new one.
const VERSION: &str = "wattest-template-1";

/// `message` with numbers, addresses, hashes, times and absolute paths masked.
///
/// Names keep their digits where these are part of a word that has more letters than digits
/// (`bf16`, `V1`); a relative file name stays, with its line masked: it says who speaks.
pub fn mask(message: &str) -> String {
    masked(message, true)
}

/// What makes two messages of one case the same: as [`mask`], but that other paths make another one.
pub(super) fn gist(message: &str) -> String {
    masked(message, false)
}

fn masked(message: &str, paths: bool) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        let word_start = || out.chars().next_back().is_none_or(|last| !last.is_alphanumeric());
        if paths
            && word_start()
            && let Some(length) = path_length(rest)
        {
            out.push_str("<path>");
            rest = &rest[length..];
            continue;
        }
        if first.is_ascii_alphanumeric() {
            let length = rest.bytes().take_while(|byte| word_byte(*byte)).count();
            let (word, after) = rest.split_at(length);
            out.push_str(mask_word(word).unwrap_or(word));
            rest = after;
            continue;
        }
        let white = first.is_whitespace();
        if !(white && out.ends_with(' ')) {
            out.push(if white { ' ' } else { first });
        }
        rest = &rest[first.len_utf8()..];
    }
    collapse(out.trim())
}

/// The identity of a template: 16 hex digits.
pub(super) fn fingerprint(source: &str, template: &str) -> String {
    short_hash(&format!("{VERSION}\n{source}\n{template}"), 16)
}

fn word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What stands for a word that varies.
fn mask_word(word: &str) -> Option<&'static str> {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    if digits == word.len() {
        return Some("<n>");
    }
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(address) = word.strip_prefix("0x") {
        return hex(address).then_some("<addr>");
    }
    if word.len() >= 7 && hex(word) {
        return Some("<hash>");
    }
    // A number with a unit: `16GB`, `30s`, `1e`.
    let leading = word.bytes().take_while(u8::is_ascii_digit).count();
    if leading > 0 {
        return Some("<n>");
    }
    // A rank or index: `TP0`, `Worker_TP1`, `rank3`, `DP0`.
    let stem = word.trim_end_matches(|last: char| last.is_ascii_digit());
    let upper = stem.to_ascii_uppercase();
    let ranked = ["TP", "DP", "EP", "PP", "RANK", "WORKER", "CUDA", "GPU", "NODE", "SHARD"];
    if stem.len() < word.len() && ranked.iter().any(|end| upper.ends_with(end)) {
        return Some("<id>");
    }
    // Random names of files and handles: digits and letters mixed.
    let turns = word.as_bytes().windows(2);
    let turns = turns.filter(|two| two[0].is_ascii_digit() != two[1].is_ascii_digit()).count();
    (word.len() >= 8 && turns >= 5).then_some("<id>")
}

/// Length of the absolute path (or URL) that `text` begins with.
fn path_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let drive =
        bytes.len() > 3 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && bytes[2] == b'\\';
    let starts = drive
        || text.starts_with("http://")
        || text.starts_with("https://")
        || text.starts_with("./")
        || text.starts_with("../")
        || text.starts_with("~/")
        || (bytes.len() > 1 && bytes[0] == b'/' && word_byte(bytes[1]));
    if !starts {
        return None;
    }
    let end = |last: char| last.is_whitespace() || "'\"`,;()<>[]{}|=".contains(last);
    let length = text.find(end).unwrap_or(text.len());
    let path = text[..length].trim_end_matches(['.', ':']);
    (path.len() > 2).then_some(path.len())
}

/// Numbers that belong together (`1.5`, `12:30:01`, `10,240`, `-3`) count as one.
fn collapse(template: &str) -> String {
    const NUMBER: &str = "<n>";
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(NUMBER) {
        out.push_str(&rest[..at + NUMBER.len()]);
        rest = &rest[at + NUMBER.len()..];
        while let Some(more) = rest.strip_prefix(['.', ',', ':', '-', '/'])
            && let Some(more) = more.strip_prefix(NUMBER)
        {
            rest = more;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_masked() {
        let text = "Worker_TP1: 3.5 GiB at 0x7f3a of /tmp/a/b.py:3 in 2024-01-02 10:11:12,5 (id 9f8e7d6c5b)";
        insta::assert_snapshot!(
            mask(text),
            @"<id>: <n> GiB at <addr> of <path> in <n> <n> (id <hash>)"
        );
    }

    #[test]
    fn names_and_relative_files_stay() {
        insta::assert_snapshot!(
            mask("VLLM_USE_V1 is bf16,\n  init.cc:2053 NCCL WARN"),
            @"VLLM_USE_V1 is bf16, init.cc:<n> NCCL WARN"
        );
    }

    #[test]
    fn the_fingerprint_is_what_it_was() {
        // A change here orphans every stored fingerprint: raise VERSION with it.
        insta::assert_snapshot!(fingerprint("vllm", "Add <n> padding layers"), @"dcba77d2d4c5e4dd");
    }
}
