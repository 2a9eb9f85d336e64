//! Single values: each reader says what it accepts.

use std::time::Duration;

use jiff::civil::Date;

/// A share of the cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// Every `of`-th case, from the `nth` on.
    Slice {
        /// Which, from 1.
        nth: u64,
        /// Of how many.
        of: u64,
    },
    /// The cases whose name falls into the `nth` of `of` buckets: stays the same when cases are
    /// added.
    Hash {
        /// Which, from 1.
        nth: u64,
        /// Of how many.
        of: u64,
    },
}

/// What it means that nothing was selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTests {
    /// Exit code 4.
    Fail,
    /// A warning.
    Warn,
    /// Nothing.
    Pass,
}

/// `300ms`, `30s`, `5m`, `1h30m`, or seconds as a bare number.
///
/// # Errors
/// What is accepted.
pub fn duration(text: &str) -> Result<Duration, String> {
    let accepted = || "a duration such as 30s, 5m, 1h30m or 500ms".to_owned();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| accepted()).and_then(positive);
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(accepted)?;
        let (number, after) = rest.split_at(digits);
        let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let factor = match unit {
            "ms" => 0.001,
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(accepted()),
        };
        total += number.parse::<f64>().map_err(|_| accepted())? * factor;
        rest = after.trim_start();
    }
    Duration::try_from_secs_f64(total).map_err(|_| accepted()).and_then(positive)
}

fn positive(duration: Duration) -> Result<Duration, String> {
    if duration.is_zero() { Err("a duration longer than zero".to_owned()) } else { Ok(duration) }
}

/// `slice:m/n` or `hash:m/n`, as nextest spells it.
pub(super) fn partition(text: &str) -> Result<Partition, String> {
    let accepted = || "slice:M/N or hash:M/N with M from 1 to N".to_owned();
    let (kind, share) = text.split_once(':').ok_or_else(accepted)?;
    let (nth, of) = share.split_once('/').ok_or_else(accepted)?;
    let nth: u64 = nth.parse().map_err(|_| accepted())?;
    let of: u64 = of.parse().map_err(|_| accepted())?;
    match kind {
        _ if nth == 0 || nth > of => Err(accepted()),
        "slice" | "count" => Ok(Partition::Slice { nth, of }),
        "hash" => Ok(Partition::Hash { nth, of }),
        _ => Err(accepted()),
    }
}

/// A whole number.
pub(super) fn whole<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "a whole number".to_owned())
}

/// So many percent, from 0 on.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "a number of percent from 0, such as 5 or 2.5".to_owned())
}

/// A day as YYYY-MM-DD.
pub(super) fn date(text: &str) -> Result<Date, String> {
    let accepted = || "a day as YYYY-MM-DD".to_owned();
    // The library would take other forms too; one form is enough for a file that is compared.
    if text.len() != 10 {
        return Err(accepted());
    }
    text.parse().map_err(|_| accepted())
}

/// One of `choices`.
pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        format!("one of {}", names.join(", "))
    })
}

/// Whether the value of an environment twin turns a switch on.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("1 or 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let read = |text| duration(text).map(|duration| duration.as_millis());
        assert_eq!(read("30s"), Ok(30_000));
        assert_eq!(read("5m"), Ok(300_000));
        assert_eq!(read("1h30m"), Ok(5_400_000));
        assert_eq!(read("1m 30s"), Ok(90_000));
        assert_eq!(read("500ms"), Ok(500));
        assert_eq!(read("1.5s"), Ok(1_500));
        assert_eq!(read("2"), Ok(2_000));
        for wrong in ["", "0", "0s", "-1s", "5x", "s", "1e999", "nan", "5m3"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn partitions() {
        assert_eq!(partition("slice:1/2"), Ok(Partition::Slice { nth: 1, of: 2 }));
        assert_eq!(partition("hash:3/3"), Ok(Partition::Hash { nth: 3, of: 3 }));
        for wrong in ["", "1/2", "slice:0/2", "slice:3/2", "hash:1", "other:1/2", "slice:a/b"] {
            assert!(partition(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn percentages() {
        assert_eq!(percent("0"), Ok(0.0));
        assert_eq!(percent("2.5"), Ok(2.5));
        assert_eq!(percent("250"), Ok(250.0));
        for wrong in ["", "-1", "5%", "nan", "inf", "1e999", "few"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn days() {
        assert!(date("2026-01-31").is_ok());
        for wrong in ["2026-02-30", "2026-1-1", "tomorrow", "20260101", "2026-01-01T00:00"] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }
}
