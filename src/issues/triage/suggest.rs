//! An entry that would make a cluster known.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Serialize;

use crate::issues::Book;
use crate::issues::read::compile;
use crate::report::text::one_line;
use crate::scan::Phase;

use super::Cluster;
use super::contrast::Contrast;

/// Words of a message in an ID.
const ID_WORDS: usize = 5;
/// Characters of one of them.
const ID_WORD: usize = 20;
/// Characters of a template in a pattern; what follows is left open.
const PATTERN: usize = 240;
/// Characters of an example.
const EXAMPLE: usize = 600;
/// Parameters that a scope lists; of more it names the backend alone.
const PARAMETERS: usize = 6;
/// Days after which somebody must have looked.
const DAYS: i64 = 30;

/// An entry that would make a cluster known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// Its ID.
    pub id: String,
    /// Its YAML, the ID included.
    pub yaml: String,
}

/// An ID made of the source and the first words of the template.
pub(super) fn base_id(cluster: &Cluster) -> String {
    let apart = |one: char| !one.is_ascii_alphanumeric();
    let unmasked = ["<n>", "<path>", "<addr>", "<hash>", "<id>"]
        .iter()
        .fold(cluster.template.clone(), |text, mask| text.replace(mask, " "));
    let words = unmasked.split(apart).filter(|word| word.len() > 1).take(ID_WORDS);
    let id: Vec<String> = [cluster.source.as_str()]
        .into_iter()
        .chain(words)
        .map(|word| word.chars().take(ID_WORD).collect::<String>().to_ascii_uppercase())
        .collect();
    id.join("_")
}

/// An ID that no other cluster has.
pub(super) fn longer_id(base: &str, cluster: &Cluster) -> String {
    let end: String = cluster.fingerprint.chars().take(6).collect();
    format!("{base}_{}", end.to_ascii_uppercase())
}

/// The entry with this ID.
pub(super) fn suggest(
    id: String,
    cluster: &Cluster,
    contrast: &Contrast,
    today: Date,
) -> Suggestion {
    let pattern = pattern(cluster).map(|pattern| format!("pattern: {}", quoted(&pattern)));
    let by_template = format!("template: {}", quoted(&cluster.template));
    let shapes = pattern.into_iter().chain([by_template]);
    let mut drafts = shapes.map(|shape| yaml(&id, &shape, cluster, contrast, today));
    let first = drafts.next().unwrap_or_default();
    // A pattern of very common words is a fault; the template is the whole message.
    let sound = |draft: &String| Book::parse(Path::new("issues.yaml"), draft).is_ok();
    let yaml = if sound(&first) { first } else { drafts.find(sound).unwrap_or(first) };
    Suggestion { id, yaml }
}

fn yaml(id: &str, shape: &str, cluster: &Cluster, contrast: &Contrast, today: Date) -> String {
    let mut text = String::new();
    let example: String = cluster.message.chars().take(EXAMPLE).collect();
    let expires = today.checked_add(DAYS.days()).unwrap_or(today);
    // Writing to a string does not fail.
    let _ = (|| {
        writeln!(text, "{id}:")?;
        writeln!(text, "  {shape}")?;
        writeln!(text, "  description: {}", quoted(&format!("To be looked at: {contrast}.")))?;
        writeln!(text, "  status: wip")?;
        writeln!(text, "  created: {today}")?;
        writeln!(text, "  expires: {expires}")?;
        writeln!(text, "  scope: {{{}}}", scope(cluster, contrast))?;
        writeln!(text, "  examples:")?;
        writeln!(text, "  - {}", quoted(&example))
    })();
    text
}

/// A pattern that begins where the message does and matches all messages of the cluster; none
/// where masks cannot be written so.
fn pattern(cluster: &Cluster) -> Option<String> {
    let begin: String = cluster.template.chars().take(PATTERN).collect();
    let whole = begin.len() == cluster.template.len();
    // A word that is cut, or a mask, is left out.
    let template = match begin.rfind(' ') {
        Some(end) if !whole => &begin[..end],
        _ => begin.as_str(),
    };
    let masks = [
        ("<n>", r"-?[\d.,:/-]*\d\w*"),
        ("<path>", r"\S+"),
        ("<addr>", r"0x[0-9a-f]+"),
        ("<hash>", r"[0-9a-f]+"),
        ("<id>", r"\w+"),
    ];
    let of = |blank: &str, masked: &dyn Fn(&str) -> String| {
        let mut pattern = String::from("^");
        let mut rest = template;
        while !rest.is_empty() {
            if let Some((mask, with)) = masks.iter().find(|(mask, _)| rest.starts_with(mask)) {
                pattern.push_str(&masked(with));
                rest = &rest[mask.len()..];
                continue;
            }
            let next = masks.iter().filter_map(|(mask, _)| rest.find(mask)).min();
            let length = next.unwrap_or(rest.len());
            let words: Vec<String> = rest[..length].split(' ').map(regex::escape).collect();
            pattern.push_str(&words.join(blank));
            rest = &rest[length..];
        }
        if whole {
            pattern.push('$');
        }
        pattern
    };
    // Blanks are folded in the template, and a mask may stand for more than it is written as.
    let candidates = [
        of(" ", &|with| with.to_owned()),
        of(r"\s+", &|with| with.to_owned()),
        of(r"\s+", &|_| ".+?".to_owned()),
    ];
    let fits = |pattern: &String| {
        compile(pattern).is_ok_and(|regex| cluster.messages.iter().all(|one| regex.is_match(one)))
    };
    candidates.into_iter().find(fits)
}

/// The narrowest scope around all places of the cluster, as the inside of a flow mapping.
///
/// A parameter is no part of it where the finding comes of loading and a parameter that is no
/// matter of loading is under test: such a case only happens to be the first of its engine.
fn scope(cluster: &Cluster, contrast: &Contrast) -> String {
    let mut keys = Vec::new();
    let backends: BTreeSet<&str> = cluster.places.iter().map(|(one, ..)| one.as_str()).collect();
    keys.push(format!("backend: {}", list(&backends)));
    let parameters: Option<BTreeSet<&str>> =
        cluster.places.iter().map(|(_, parameter, _)| parameter.as_deref()).collect();
    let loading = cluster.phases.contains(&Phase::Load);
    let telling =
        parameters.filter(|all| all.len() <= PARAMETERS && (!loading || cluster.loads_only));
    if let Some(parameters) = telling {
        keys.push(format!("param: {}", list(&parameters)));
        let values: Option<BTreeSet<&str>> =
            cluster.places.iter().map(|(_, _, value)| value.as_deref()).collect();
        if let Some(values) = values.filter(|all| all.len() == 1 && parameters.len() == 1) {
            keys.push(format!("value: {}", list(&values)));
        }
    }
    if let Contrast::Separates { version: Some(version), .. } = contrast {
        let numbers: Vec<&str> = version
            .split(['.', '+', '-'])
            .take_while(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
            .collect();
        if !numbers.is_empty() {
            keys.push(format!("engine_version: {}", quoted(&numbers.join("."))));
        }
    }
    let words = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    if let ([stream], 1) = (
        cluster
            .streams
            .iter()
            .map(|one| words(serde_json::json!(one)))
            .collect::<Vec<_>>()
            .as_slice(),
        cluster.streams.len(),
    ) {
        keys.push(format!("stream: {stream}"));
    }
    // What comes after the end of a case comes at another time tomorrow.
    let settled = cluster.phases.len() == 1 && !cluster.phases.contains(&Phase::Stray);
    if let Some(phase) = cluster.phases.first().filter(|_| settled) {
        keys.push(format!("phase: {}", words(serde_json::json!(phase))));
    }
    keys.join(", ")
}

/// One value, or a list of them.
fn list(values: &BTreeSet<&str>) -> String {
    let quoted: Vec<String> = values.iter().map(|value| plain(value)).collect();
    match quoted.as_slice() {
        [one] => one.clone(),
        all => format!("[{}]", all.join(", ")),
    }
}

/// A value without quotes where YAML takes it for text as it stands.
fn plain(text: &str) -> String {
    let is_word = text.starts_with(|one: char| one.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if is_word { text.to_owned() } else { quoted(text) }
}

/// Text in double quotes, with everything escaped that YAML does not take as it is, and what would
/// move on the screen of whoever reads it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for one in text.chars() {
        match one {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            _ if one_line(one.encode_utf8(&mut [0; 4]), 8).is_empty() && one != ' '
                || ('\u{fffe}'..='\u{ffff}').contains(&one) =>
            {
                let code = u32::from(one);
                let _ = if code > 0xffff {
                    write!(quoted, "\\U{code:08x}")
                } else {
                    write!(quoted, "\\u{code:04x}")
                };
            }
            _ => quoted.push(one),
        }
    }
    quoted.push('"');
    quoted
}
