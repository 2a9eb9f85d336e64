//! Captured text, made safe to show: it may hold terminal sequences, control characters, markup
//! and commands to a CI system.

use std::fmt::Write as _;

/// `text` without terminal sequences, control characters and invisible direction marks; line
/// feeds and tabs stay. A carriage return ends a line, as progress bars use it.
pub fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    strip_ansi_escapes::strip_str(text).chars().filter(|c| is_shown(*c)).collect()
}

fn is_shown(c: char) -> bool {
    match c {
        '\n' | '\t' => true,
        // Marks that reorder or hide what stands on the screen.
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => false,
        _ => !c.is_control(),
    }
}

/// [`plain`] text on one line of at most `limit` characters, blanks folded.
pub fn one_line(text: &str, limit: usize) -> String {
    let folded = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match folded.char_indices().nth(limit) {
        None => folded,
        Some(_) => {
            let kept: String = folded.chars().take(limit.saturating_sub(3)).collect();
            format!("{}...", kept.trim_end())
        }
    }
}

/// [`one_line`] that no CI system takes for a command (`::error::`, `##[error]`).
pub fn console_line(text: &str, limit: usize) -> String {
    let line = one_line(text, limit).replace("##[", "# #[");
    match line.strip_prefix("::") {
        Some(rest) => format!(": :{rest}"),
        None => line,
    }
}

/// The beginning and the end of `text`, at most `limit` bytes of each, with the number of bytes
/// left out between them.
pub fn head_and_tail(text: &str, limit: usize) -> String {
    if text.len() <= 2 * limit {
        return text.to_owned();
    }
    let head = &text[..text.floor_char_boundary(limit)];
    let tail = &text[text.ceil_char_boundary(text.len() - limit)..];
    let left_out = text.len() - head.len() - tail.len();
    format!("{head}\n[... {left_out} bytes left out ...]\n{tail}")
}

/// [`one_line`] as literal text of a markdown document: nothing in it is markup, a table border,
/// a heading or a CI command.
pub fn markdown(text: &str, limit: usize) -> String {
    let line = one_line(text, limit);
    let mut escaped = String::with_capacity(line.len());
    let mut last = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '&' | '<' | '>' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '$' | '#' | '\\' | '!'
            | '@' => {
                // Entities are never taken for markup, unlike backslash escapes inside tables.
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            // What opens a command of a CI system stands at a beginning; `candle::top_k=1` does not.
            ':' if last == ' ' && line[at..].starts_with("::") => escaped.push_str("&#58;"),
            _ => escaped.push(c),
        }
        last = c;
    }
    escaped
}

/// `word` as one word of a POSIX shell.
pub fn shell_word(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// So many of a thing: `1 case`, `2 cases`.
pub fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Seconds as people read them: `0.123 s`, `12.3 s`, `4 min 05 s`.
pub fn seconds(s: f64) -> String {
    if s < 10.0 {
        format!("{s:.3} s")
    } else if s < 100.0 {
        format!("{s:.1} s")
    } else {
        format!("{:.0} min {:02.0} s", (s / 60.0).floor(), (s % 60.0).floor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminal_sequences_and_controls_go() {
        assert_eq!(plain("a\x1b[31mred\x1b[0m\x07\x00b\r\nc\rd"), "ared".to_owned() + "b\nc\nd");
        assert_eq!(plain("x\u{202e}y\u{200b}z"), "xyz");
        assert_eq!(plain("\x1b]0;title\x07text"), "text");
    }

    #[test]
    fn markdown_text_is_literal() {
        insta::assert_snapshot!(
            markdown("<img src=x> | `a` *b*\n::error::no ##[x]", 100),
            @"&#60;img src=x&#62; &#124; &#96;a&#96; &#42;b&#42; &#58;:error::no &#35;&#35;&#91;x&#93;"
        );
    }

    #[test]
    fn no_line_is_a_ci_command() {
        assert_eq!(console_line("::error::x", 100), ": :error::x");
        assert_eq!(console_line("a ##[error]", 100), "a # #[error]");
    }

    #[test]
    fn shell_words_survive_a_shell() {
        assert_eq!(shell_word("candle::top_k=1"), "candle::top_k=1");
        assert_eq!(shell_word("candle::!top_k=-1"), "'candle::!top_k=-1'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(0.1234), "0.123 s");
        assert_eq!(seconds(12.34), "12.3 s");
        assert_eq!(seconds(245.9), "4 min 05 s");
    }

    proptest! {
        #[test]
        fn nothing_dangerous_is_left(text in "\\PC*|[\\x00-\\x7f]{0,80}", limit in 4_usize..40) {
            let line = markdown(&text, limit);
            prop_assert!(!line.contains(['<', '>', '|', '`', '\n', '\x1b']));
            prop_assert!(!line.split(' ').any(|word| word.starts_with("::")));
            let shown = one_line(&text, limit);
            prop_assert!(shown.chars().count() <= limit);
            prop_assert!(shown.chars().all(|c| !c.is_control()));
            let cut = head_and_tail(&text, limit);
            prop_assert!(cut.len() <= 2 * limit + 60);
        }
    }
}
