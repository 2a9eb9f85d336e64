//! Row 24: what a meter once said, read from a file and measured again.
//!
//! A file begins with lines `# name = value`: `begin_ns` and `end_ns` of the work, its `joules` by
//! whatever knew them better, and of the meter `source`, `scope`, `limit_w` and, of power,
//! `averages_over_ns`. Then come all reads, those that were not new as well, in columns of
//! `timeseries.parquet`: `t_before_ns,t_after_ns,value,quantity`.
//!
//! The one that is here is synthetic. Those of devices are added to [`RECORDED`] as they are taken.

use std::collections::BTreeMap;

use crate::energy::{Meter, Quantity, ReadError, Reading, Sample, Source, Tick, Trace, Window};

/// What was recorded, by name.
const RECORDED: [(&str, &str); 1] = [("synthetic", include_str!("recorded/synthetic.csv"))];

/// A file.
struct Recorded {
    about: BTreeMap<String, String>,
    quantity: Quantity,
    samples: Vec<Sample>,
}

impl Recorded {
    fn parse(text: &str) -> Self {
        let (head, lines): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| line.starts_with('#'));
        let named = head.iter().filter_map(|line| line.trim_start_matches('#').split_once(" = "));
        let about: BTreeMap<String, String> =
            named.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
        assert_eq!(lines[0], "t_before_ns,t_after_ns,value,quantity");
        let mut quantities: Vec<&str> = Vec::new();
        let samples = lines[1..].iter().map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let [before, after, value, quantity] = cells[..] else { panic!("{line}") };
            quantities.push(quantity);
            let number = |cell: &str| cell.parse().unwrap();
            Sample { before_ns: number(before), after_ns: number(after), value: number(value) }
        });
        let samples = samples.collect();
        quantities.dedup();
        let quantity = match quantities[..] {
            ["energy_uj"] => Quantity::Energy { wraps_at_uj: None },
            ["power_mw"] => {
                Quantity::Power { averages_over_ns: about["averages_over_ns"].parse().unwrap() }
            }
            _ => panic!("{quantities:?}"),
        };
        Self { about, quantity, samples }
    }

    fn number(&self, name: &str) -> f64 {
        self.about[name].parse().unwrap()
    }

    /// What the same reads come to today.
    fn reading(&self) -> Reading {
        let mut trace = Trace::of(self, 100_000_000, self.samples.len());
        for sample in &self.samples {
            trace.push(*sample);
        }
        if let Some(tick) = Tick::learn(&trace) {
            trace.set_tick(tick);
        }
        let [begin_ns, end_ns] = ["begin_ns", "end_ns"].map(|name| self.number(name) as u64);
        Window { begin_ns, end_ns, ..Window::default() }.reading(&[trace])
    }
}

impl Meter for Recorded {
    fn source(&self) -> Source {
        serde_json::from_value(self.about["source"].as_str().into()).unwrap()
    }

    fn scope(&self) -> &str {
        &self.about["scope"]
    }

    fn quantity(&self) -> Quantity {
        self.quantity
    }

    fn limit_w(&self) -> Option<f64> {
        self.about.get("limit_w").map(|limit| limit.parse().unwrap())
    }

    fn read(&mut self) -> Result<u64, ReadError> {
        Err(ReadError::Lasting("it was read when it was recorded".to_owned()))
    }
}

#[test]
fn row_24_what_was_recorded_comes_to_what_it_was() {
    for (name, text) in RECORDED {
        let recorded = Recorded::parse(text);
        let reading = recorded.reading();
        let joules = recorded.number("joules");
        let (lo, hi) = (reading.lo_j.unwrap(), reading.hi_j.unwrap());
        assert!(lo <= joules && joules <= hi, "{name}: {reading:?}");
        let off = (reading.gross_j.unwrap() - joules).abs() / joules;
        assert!(off < 0.005, "{name}: {reading:?}");
    }
}

#[test]
fn row_24_a_record_of_power_is_read_as_power() {
    let reads =
        (0..60u64).map(|k| format!("{},{},250000,power_mw", k * 100_000_000, k * 100_000_000 + 9));
    let text = [
        "# begin_ns = 1000000000\n# end_ns = 3000000000\n# source = nvml-power\n# scope = GPU-0",
        "# averages_over_ns = 1000000000\nt_before_ns,t_after_ns,value,quantity",
        &reads.collect::<Vec<_>>().join("\n"),
    ];
    let reading = Recorded::parse(&text.join("\n")).reading();
    assert_eq!(reading.source, Source::NvmlPower);
    assert!((reading.gross_j.unwrap() - 500.0).abs() < 1.0, "{reading:?}");
}
