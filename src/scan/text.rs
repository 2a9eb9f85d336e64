//! Lines as text: colour codes, progress bars, quotations, and what is said without being meant.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use regex::Regex;

use super::mark::Mark;
use super::rules::compile;

static SYSLOG_COLOUR: Mark = Mark::new(|| Finder::new("#033["));
/// What ends a colour, where what carried the text took the escape away.
static RESET: [Mark; 2] = [Mark::new(|| Finder::new("[0m")), Mark::new(|| Finder::new("[0;0m"))];
static BAR: Mark = Mark::new(|| Finder::new("%|"));

/// `text` without colour codes and other terminal sequences, also as syslog writes them (`#033[`).
pub(super) fn without_colours(text: &str) -> Cow<'_, str> {
    let plain = memchr::memchr(b'\x1b', text.as_bytes()).is_none();
    if plain && !SYSLOG_COLOUR.is_in(text) {
        if RESET.iter().any(|reset| reset.is_in(text)) {
            return Cow::Owned(without_halves(text));
        }
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\u{1b}', '#']) {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        let start = if tail.starts_with("#033[") {
            5
        } else if tail.starts_with("\u{1b}[") {
            2
        } else if let Some(command) = tail.strip_prefix("\u{1b}]") {
            // An operating system command, ended by BEL or ESC.
            rest = command.find(['\u{7}', '\u{1b}']).map_or("", |end| &command[end + 1..]);
            continue;
        } else {
            if tail.starts_with('#') {
                out.push('#');
            }
            rest = &tail[1..];
            continue;
        };
        let body = &tail[start..];
        let end = body.find(|last: char| ('@'..='~').contains(&last));
        rest = end.map_or("", |end| &body[end + 1..]);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// `text` without colour codes that have lost their escape: `[1;36m(Worker pid=3)[0;0m`.
fn without_halves(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        out.push_str(&rest[..at]);
        let inner = &rest[at + 1..];
        let code = inner.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
        if (1..=10).contains(&code) && inner.as_bytes().get(code) == Some(&b'm') {
            rest = &inner[code + 1..];
        } else {
            out.push('[');
            rest = inner;
        }
    }
    out.push_str(rest);
    out
}

/// What stands after a tqdm bar on the same line; `text` itself where there is no bar.
pub(super) fn after_progress(text: &str) -> &str {
    let Some(bar) = BAR.find(text) else { return text };
    let after = &text[bar + 2..];
    let Some(close) = after.find("| ") else { return "" };
    match after[close..].find(']') {
        Some(end) => &after[close + end + 1..],
        None => "",
    }
}

/// `text` with what stands in quotes blanked out, at equal length: words in quotation are not said
/// by the program. Text in backquotes stays: that is how engines write names.
pub(super) fn unquoted(text: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'"', b'\'', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    // A quote that nothing closes is followed by none that something closes: they are looked for
    // once, so that a line of them costs no more than another.
    let mut unclosed = None;
    while at < bytes.len() {
        let quote = bytes[at];
        let opens = (quote == b'"' || quote == b'\'')
            && unclosed != Some(quote)
            && (at == 0 || !bytes[at - 1].is_ascii_alphanumeric())
            && bytes.get(at + 1).is_some_and(|next| *next != b' ');
        if opens {
            let closing = (at + 1..bytes.len()).find(|end| {
                bytes[*end] == quote
                    && bytes[*end - 1] != b'\\'
                    && bytes.get(*end + 1).is_none_or(|next| !next.is_ascii_alphanumeric())
            });
            if let Some(end) = closing {
                out[at + 1..end].fill(b'_');
                at = end;
            } else if unclosed.is_some() {
                break;
            } else {
                unclosed = Some(quote);
            }
        }
        at += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Who or what is quoted when a line begins with such a label: prompts, answers, data.
const LABELS: &str = "prompts?|completions?|outputs?|generated|generation|response|answer|assistant|user|human|system|bot|ai|q|a|question|summary|inputs?|tokens?|story|translation|reply|text|model|example|sample|query|instruction|label|title|caption|chat|message|content|decoded|reference|prediction|hypothesis|choices?|chunk|delta|candidate|beam|sequence|sentence|doc|document|passage|context|email|comment|review|essay|poem|haiku|headline|article|paragraph|lyrics|dialogue|data|body";

static QUOTATION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(&format!(
        r"^[\s#>*|]*(?:<\|?(?:{LABELS})\|?>|\[(?:{LABELS})\]|(?:{LABELS})(?:[ _](?:text|outputs?|prompts?|responses?|tokens?|results?|completions?|message|content))?\s*(?:[#\[(]?\d+[\])]?(?:\.\w+)?)?\s*(?::|=|>))"
    ))
});

/// Whether the line shows text that something else said: a prompt, an answer, a sample.
pub(super) fn is_quotation(body: &str) -> bool {
    QUOTATION.as_ref().is_some_and(|pattern| pattern.is_match(body))
}

static TRIVIAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(
        r#"^(?:[^:=()]|\([^()]*\)){0,40}[:=]\s*["'\[{(]*(?:none|null|nil|false|true|no|yes|off|on|n/a|ok|-+|raise|ignore|stop|continue|warn|once|default|always|never|strict|log|skip|abort|retry|exit|silent|coerce|print|nan|inf|not (?:installed|found|available|set|active|supported|applicable)|0x[\da-f]+|\d[\d.,%]*)?["'\]})]*[.;,]?(?:\s*\([\d.%]+\))?\s*$"#,
    )
});

static NOTHING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(r#"^[\s:=|]*["'\[{(]*(?:none|null|nil|false|no|n/a|-+|\d[\d.,%]*)?["'\]})]*[.;|\s]*$"#)
});

/// Whether both are equal. Most parts of most prefixes are empty, and to compare empty strings by
/// `==` costs hundreds of cycles where the C library reads them with masked vector loads: those of
/// an empty `String` begin at an address that is not mapped.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

/// Whether it is digits, and at least one.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a message is only drawn: nothing, or a rule of `*`, `=`, `-`, also behind the function that
/// draws it (`srv  llama_server: ----`).
pub(super) fn is_ornament(body: &str) -> bool {
    let drawn = body.rsplit_once(": ").map_or(body, |(_, drawn)| drawn);
    drawn.bytes().all(|byte| b" *=-#_".contains(&byte))
}

/// Whether a message at a level says nothing: `WARNING   0`, `ERROR: none`.
pub(super) fn is_nothing(body: &str) -> bool {
    body.len() < 40 && NOTHING.as_ref().is_some_and(|pattern| pattern.is_match(body))
}

/// Whether a line without a level is of a kind that only mentions trouble: settings, counters,
/// tables, help, listings, source code, quotations.
pub(super) fn is_harmless(body: &str) -> bool {
    let trimmed = body.trim_start();
    let indent = body.len() - trimmed.len();
    if indent >= 4 || trimmed.is_empty() {
        return true;
    }
    let bytes = trimmed.as_bytes();
    let tag = |next: Option<&u8>| next.is_some_and(|next| *next != b' ');
    match bytes[0] {
        b'|' | b'#' | b'{' | b'}' | b'>' | b'<' | b'+' | b'@' | b'"' | b'\'' | b'$' => return true,
        b'-' if tag(bytes.get(1)) => return true,
        _ => {}
    }
    if trimmed.starts_with("export ") || trimmed.starts_with("usage:") || trimmed.starts_with("//")
    {
        return true;
    }
    if is_quotation(body) || trimmed.starts_with("note: ") || trimmed.contains(": note: ") {
        return true;
    }
    // A row of data, whose last cell is a label.
    let cell = trimmed.rsplit_once(',').map_or("", |(_, cell)| cell);
    if !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return true;
    }
    if trimmed.len() < 120
        && !trimmed.starts_with("CMake ")
        && TRIVIAL.as_ref().is_some_and(|pattern| pattern.is_match(trimmed))
    {
        return true;
    }
    // `Unable to find image ... locally` is how docker begins to pull.
    trimmed.starts_with("Unable to find image ") && trimmed.ends_with(" locally")
}

/// `text` without characters that do not print.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let shown = |one: char| !one.is_control() || one == '\n' || one == '\t';
    Cow::Owned(text.chars().filter(|one| shown(*one)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go() {
        assert_eq!(without_colours("\u{1b}[1m\u{1b}[31mred\u{1b}[0m #1"), "red #1");
        assert_eq!(without_colours("#033[2mtime#033[0m x"), "time x");
        assert_eq!(without_colours("\u{1b}]0;title\u{7}x"), "x");
        assert_eq!(without_colours("cut \u{1b}["), "cut ");
    }

    #[test]
    fn bars_go() {
        let bar = "Loading: 100%|████| 21/21 [00:00<00:00, 9.1it/s]";
        assert_eq!(after_progress(bar), "");
        assert_eq!(after_progress(&format!("{bar}WARNING: x")), "WARNING: x");
        assert_eq!(after_progress("no bar"), "no bar");
    }

    #[test]
    fn quotations_are_blanked() {
        assert_eq!(unquoted("say \"Error: x\" and 'y'"), "say \"________\" and '_'");
        assert_eq!(unquoted("can't load model's 'é'"), "can't load model's '__'");
    }

    #[test]
    fn mentions_are_harmless() {
        for line in [
            "Error: none",
            "error: false",
            "exception: \"raise\"",
            "errors: []",
            "warnings: {}",
            "failed: 0",
            "| a | deprecated |",
            "  \"error_log\": null",
            "--fail-fast  stop at errors",
            "Assistant: Error: x",
            "### Response: Falling back to x",
            "prompt[3] = \"panic\"",
            "errors: 0  (0.00%)",
            "export LEVEL=ERROR",
        ] {
            assert!(is_harmless(line), "{line}");
        }
        for line in ["Error: no kernel", "Failed to open x", "x is deprecated"] {
            assert!(!is_harmless(line), "{line}");
        }
    }
}
