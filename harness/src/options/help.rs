//! The help, from the table.

use std::fmt::Write as _;

use crate::options::parse::twin;
use crate::options::table::{FLAGS, Flag, Owner, Takes};

/// The text of `--help`; `program` is how the target is called.
pub fn help(program: &str) -> String {
    let mut text = format!(
        "Every parameter of every backend as a test case.\n\n\
         Usage: {program} [OPTIONS] [FILTER]...\n\n\
         FILTER is a part of a name, or with --exact a whole one; any of several may match.\n"
    );
    section(&mut text, "Options", Owner::Wattest);
    let _ = writeln!(
        text,
        "\nEach of these has an environment twin, such as {} for --silence-timeout.",
        twin("silence-timeout")
    );
    section(&mut text, "Options of libtest", Owner::Libtest);
    text.push_str(
        "\nExit codes: 0 ok, 2 wrong options or unreadable input, 4 nothing selected,\n\
         101 failed, 130 interrupted.\n",
    );
    text
}

fn section(text: &mut String, title: &str, owner: Owner) {
    let _ = writeln!(text, "\n{title}:");
    for flag in FLAGS.iter().filter(|flag| flag.owner == owner) {
        let _ = writeln!(text, "  {:<30} {}", usage(flag), flag.help);
    }
}

fn usage(flag: &Flag) -> String {
    let name = match flag.short {
        // The long form of -Z is not one that libtest knows.
        Some('Z') => "-Z".to_owned(),
        Some(letter) => format!("-{letter}, --{}", flag.name),
        None => format!("--{}", flag.name),
    };
    match flag.takes {
        Takes::Nothing => name,
        Takes::Value(what) => format!("{name} {what}"),
        Takes::Optional(what) => format!("{name}[={what}]"),
    }
}
