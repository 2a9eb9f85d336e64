//! Reading a command line, and the environment twins, by the table.

use wattest::refusal::nearest;

use crate::options::Options;
use crate::options::table::{FLAGS, Flag, Owner, Takes};
use crate::options::value::switch;

/// A command line that could be read.
#[derive(Debug, Clone, PartialEq)]
pub enum Parsed {
    /// Run, or list.
    Options {
        /// What was said.
        options: Box<Options>,
        /// The options given that bear on the outcome of a single case, as words of a command
        /// line.
        repeats: Vec<String>,
    },
    /// The help was asked for.
    Help,
}

/// Reads the words `arguments` (without the program), and the variable of each environment twin
/// through `variable`. What the command line says goes over what the environment says.
///
/// # Errors
/// All faults, one line each.
pub fn parse(
    arguments: &[String],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Parsed, Vec<String>> {
    let mut reader = Reader::default();
    for flag in FLAGS.iter().filter(|flag| flag.owner == Owner::Wattest) {
        let name = twin(flag.name);
        if let Some(value) = variable(&name) {
            reader.environment(flag, &name, &value);
        }
    }
    if variable("RUST_TEST_NOCAPTURE").is_some_and(|value| value != "0") {
        reader.options.no_capture = true;
    }
    // Accepted, as cargo's users set it for all targets; cases run one at a time all the same.
    if let Some(value) = variable("RUST_TEST_THREADS")
        && value.parse::<std::num::NonZeroUsize>().is_err()
    {
        reader
            .faults
            .push(format!("RUST_TEST_THREADS is `{value}`; it takes a whole number from 1"));
    }
    // A list on the command line replaces that of the environment.
    let from_environment = std::mem::take(&mut reader.options.backends);
    if reader.arguments(arguments) {
        return Ok(Parsed::Help);
    }
    if reader.options.backends.is_empty() {
        reader.options.backends = from_environment;
    }
    if reader.faults.is_empty() {
        let options = Box::new(reader.options);
        let repeats = reader.repeats.into_iter().map(|(_, word)| word).collect();
        Ok(Parsed::Options { options, repeats })
    } else {
        Err(reader.faults)
    }
}

/// The environment twin of the option `name`.
pub(super) fn twin(name: &str) -> String {
    format!("WATTEST_{}", name.replace('-', "_").to_ascii_uppercase())
}

#[derive(Default)]
struct Reader {
    options: Options,
    /// By the name of the option, so that a repeated one stands there once.
    repeats: Vec<(&'static str, String)>,
    faults: Vec<String>,
}

impl Reader {
    fn environment(&mut self, flag: &'static Flag, name: &str, value: &str) {
        if flag.takes == Takes::Nothing {
            match switch(value) {
                Ok(true) => self.set(flag, name, ""),
                Ok(false) => {}
                Err(accepted) => {
                    self.faults.push(format!("{name} is `{value}`; it takes {accepted}"))
                }
            }
        } else if !value.is_empty() {
            self.set(flag, name, value);
        }
    }

    /// Reads all words; true where the help was asked for.
    fn arguments(&mut self, arguments: &[String]) -> bool {
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                self.options.filters.extend(words.cloned());
                return false;
            }
            if word == "-h" || word == "--help" {
                return true;
            }
            let Some((flag, spelling, attached)) = self.flag(word) else { continue };
            let value = match (flag.takes, attached) {
                (Takes::Nothing, Some(_)) => {
                    self.faults.push(format!("{spelling} takes no value"));
                    continue;
                }
                (Takes::Nothing | Takes::Optional(_), None) => String::new(),
                (_, Some(value)) => value,
                (Takes::Value(what), None) => match words.next() {
                    Some(value) => value.clone(),
                    None => {
                        self.faults.push(format!("{spelling} takes a value: {spelling} {what}"));
                        continue;
                    }
                },
            };
            self.set(flag, &spelling, &value);
        }
        false
    }

    /// The option that `word` names, how it is spelt, and the value attached to it. A filter is
    /// kept, an unknown option is a fault: both give none.
    fn flag(&mut self, word: &str) -> Option<(&'static Flag, String, Option<String>)> {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            let found = FLAGS.iter().find(|flag| flag.name == name);
            if found.is_none() {
                self.unknown(name);
            }
            return found.map(|flag| (flag, format!("--{name}"), value));
        }
        if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            let letter = letters.chars().next().unwrap_or('-');
            let rest = &letters[letter.len_utf8()..];
            let value = (!rest.is_empty()).then(|| rest.trim_start_matches('=').to_owned());
            let found = FLAGS.iter().find(|flag| flag.short == Some(letter));
            if found.is_none() {
                self.faults.push(format!("there is no option {word}; see --help"));
            }
            return found.map(|flag| (flag, format!("-{letter}"), value));
        }
        self.options.filters.push(word.to_owned());
        None
    }

    fn unknown(&mut self, name: &str) {
        let hint = match nearest(name, FLAGS.iter().map(|flag| flag.name)) {
            Some(near) => format!("did you mean --{near}?"),
            None => "see --help".to_owned(),
        };
        self.faults.push(format!("there is no option --{name}; {hint}"));
    }

    fn set(&mut self, flag: &'static Flag, spelling: &str, value: &str) {
        if let Err(accepted) = (flag.set)(&mut self.options, value) {
            self.faults.push(format!("{spelling} is `{value}`; it takes {accepted}"));
            return;
        }
        if flag.repeats_case {
            let word = match flag.takes {
                Takes::Nothing => format!("--{}", flag.name),
                Takes::Value(_) | Takes::Optional(_) => format!("--{}={value}", flag.name),
            };
            self.repeats.retain(|(name, _)| *name != flag.name);
            self.repeats.push((flag.name, word));
        }
    }
}
