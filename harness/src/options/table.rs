//! The options as data: name, value, whether it belongs to the command that repeats a case, help,
//! and what it sets.

use libtest_mimic::{ColorSetting, FormatSetting};
use wattest::report::JunitProperties;
use wattest::run::Isolate;

use crate::options::Options;
use crate::options::value::{NoTests, choice, date, duration, partition, percent, whole};

/// One option.
pub(super) struct Flag {
    /// Name without the dashes.
    pub(super) name: &'static str,
    /// Its one letter, where it has one.
    pub(super) short: Option<char>,
    /// What value it takes.
    pub(super) takes: Takes,
    /// Whose it is.
    pub(super) owner: Owner,
    /// Whether it bears on the outcome of a single case, and so belongs to the command that
    /// repeats one.
    pub(super) repeats_case: bool,
    /// What it does, in one line.
    pub(super) help: &'static str,
    /// Sets it to a value (empty for a switch), or says what would be accepted.
    pub(super) set: fn(&mut Options, &str) -> Result<(), String>,
}

/// What value an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// None.
    Nothing,
    /// One, called so in the help.
    Value(&'static str),
    /// One, with `=` only, or none.
    Optional(&'static str),
}

/// Whose an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Ours: it has an environment twin.
    Wattest,
    /// libtest's: cargo, nextest and editors rely on it.
    Libtest,
}

type Set = fn(&mut Options, &str) -> Result<(), String>;

const fn ours(
    name: &'static str,
    takes: Takes,
    repeats_case: bool,
    help: &'static str,
    set: Set,
) -> Flag {
    Flag { name, short: None, takes, owner: Owner::Wattest, repeats_case, help, set }
}

const fn libtest(name: &'static str, takes: Takes, help: &'static str, set: Set) -> Flag {
    Flag { name, short: None, takes, owner: Owner::Libtest, repeats_case: false, help, set }
}

const fn short(letter: char, flag: Flag) -> Flag {
    Flag { short: Some(letter), ..flag }
}

use Takes::{Nothing, Optional, Value};

/// All options, in the order of the help.
pub(super) const FLAGS: &[Flag] = &[
    ours(
        "backend",
        Value("NAME,..."),
        false,
        "only cases of these backends; may be repeated",
        |o, v| {
            o.backends.extend(
                v.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned),
            );
            if o.backends.is_empty() { Err("the name of a backend".to_owned()) } else { Ok(()) }
        },
    ),
    ours("quick", Nothing, false, "one telling value per parameter", |o, _| {
        o.quick = true;
        Ok(())
    }),
    ours(
        "smoke",
        Nothing,
        true,
        "unknown, expired and over-max issues and knobs without effect fail",
        |o, _| {
            o.smoke = true;
            Ok(())
        },
    ),
    ours(
        "strict-issues",
        Nothing,
        true,
        "entries of the issues file that never matched fail, too",
        |o, _| {
            o.strict_issues = true;
            Ok(())
        },
    ),
    ours(
        "issues",
        Value("FILE"),
        true,
        "known issues [default: issues.yaml, where there is one]",
        |o, v| {
            o.issues = Some(v.into());
            Ok(())
        },
    ),
    ours(
        "params",
        Value("DIR"),
        true,
        "folder of the parameter files [default: params]",
        |o, v| {
            o.params = v.into();
            Ok(())
        },
    ),
    ours("model", Value("DIR"), true, "model directory [default: a tiny random one]", |o, v| {
        o.model = Some(v.into());
        Ok(())
    }),
    ours("script", Value("FILE"), true, "what the scripted backend does", |o, v| {
        o.script = Some(v.into());
        Ok(())
    }),
    ours(
        "python",
        Value("FILE"),
        true,
        "interpreter with the Python engines [default: see docs/python.md]",
        |o, v| {
            o.python = Some(v.into());
            Ok(())
        },
    ),
    ours(
        "energy",
        Value("WHAT"),
        true,
        "auto or off: measure energy where there is a source [default: auto]",
        |o, v| {
            o.energy.off = choice(v, &[("auto", false), ("off", true)])?;
            Ok(())
        },
    ),
    ours("nvml", Value("FILE"), true, "the NVML library [default: the loader's]", |o, v| {
        o.energy.nvml = Some(v.into());
        Ok(())
    }),
    ours(
        "powercap",
        Value("DIR"),
        true,
        "the powercap tree [default: /sys/class/powercap]",
        |o, v| {
            o.energy.powercap = Some(v.into());
            Ok(())
        },
    ),
    ours(
        "repeat",
        Value("N"),
        true,
        "measure each case in so many windows, after baselines",
        |o, v| {
            o.measurement.repeats = match whole(v)? {
                0 => return Err("a whole number from 1".to_owned()),
                n => Some(n),
            };
            Ok(())
        },
    ),
    ours(
        "min-window",
        Value("TIME"),
        true,
        "repeat a case until its window is so long, after baselines",
        |o, v| {
            o.measurement.min_window = Some(duration(v)?);
            Ok(())
        },
    ),
    ours(
        "timeseries",
        Nothing,
        false,
        "write what the meters said of each case beside its record",
        |o, _| {
            o.timeseries = true;
            Ok(())
        },
    ),
    ours(
        "max-j-per-token-regress",
        Value("PCT"),
        true,
        "fail cases that take so much more J per token than in --against",
        |o, v| {
            o.max_j_per_token_regress = Some(percent(v)?);
            Ok(())
        },
    ),
    ours(
        "against",
        Value("RUN"),
        true,
        "the run to compare energy with: its name, its folder, or latest",
        |o, v| {
            o.against = Some(v.to_owned());
            Ok(())
        },
    ),
    ours("junit", Value("FILE"), false, "write junit.xml here, too", |o, v| {
        o.junit = Some(v.into());
        Ok(())
    }),
    ours(
        "junit-properties",
        Value("WHERE"),
        false,
        "testcase, suite or off [default: testcase]",
        |o, v| {
            use JunitProperties::{Off, Suite, Testcase};
            o.junit_properties =
                choice(v, &[("testcase", Testcase), ("suite", Suite), ("off", Off)])?;
            Ok(())
        },
    ),
    ours("events", Value("FILE"), false, "write events here, one JSON object a line", |o, v| {
        o.events = Some(v.into());
        Ok(())
    }),
    ours(
        "out",
        Value("DIR"),
        false,
        "folder of this run [default: target/wattest/<run>]",
        |o, v| {
            o.out = Some(v.into());
            Ok(())
        },
    ),
    ours(
        "isolate",
        Value("WHAT"),
        true,
        "what has a process of its own: group, case or none",
        |o, v| {
            let choices =
                [("group", Isolate::Group), ("case", Isolate::Case), ("none", Isolate::None)];
            o.isolate = choice(v, &choices)?;
            Ok(())
        },
    ),
    ours(
        "resume",
        Optional("RUN"),
        false,
        "go on with a run: its name or folder [default: latest]",
        |o, v| {
            o.resume = Some(if v.is_empty() { "latest" } else { v }.to_owned());
            Ok(())
        },
    ),
    ours(
        "timeout",
        Value("TIME"),
        true,
        "deadline of a case, loading included [default: 5m]",
        |o, v| {
            o.timeout = duration(v)?;
            Ok(())
        },
    ),
    ours(
        "silence-timeout",
        Value("TIME"),
        true,
        "longest silence within a case [default: 2m]",
        |o, v| {
            o.silence = duration(v)?;
            Ok(())
        },
    ),
    ours(
        "retries",
        Value("N"),
        false,
        "try a case that did not pass so often again [default: 0]",
        |o, v| {
            o.retries = whole(v)?;
            Ok(())
        },
    ),
    ours("fail-fast", Nothing, false, "start no case after the first failure", |o, _| {
        o.max_fail = Some(1);
        Ok(())
    }),
    ours("max-fail", Value("N"), false, "start no case after so many failures", |o, v| {
        o.max_fail = match whole(v)? {
            0 => return Err("a whole number from 1".to_owned()),
            n => Some(n),
        };
        Ok(())
    }),
    ours(
        "rerun-failed",
        Nothing,
        false,
        "only cases that did not pass in the latest run",
        |o, _| {
            o.rerun_failed = true;
            Ok(())
        },
    ),
    ours("shuffle", Nothing, false, "another order of groups and cases, by chance", |o, _| {
        o.shuffle = true;
        Ok(())
    }),
    ours(
        "shuffle-seed",
        Value("N"),
        true,
        "another order of groups and cases, by this seed",
        |o, v| {
            o.shuffle_seed = Some(whole(v)?);
            Ok(())
        },
    ),
    ours(
        "partition",
        Value("SHARE"),
        false,
        "a share of the cases: slice:M/N or hash:M/N",
        |o, v| {
            o.partition = Some(partition(v)?);
            Ok(())
        },
    ),
    ours(
        "no-tests",
        Value("ACTION"),
        false,
        "where nothing is selected: fail, warn or pass [default: fail]",
        |o, v| {
            use NoTests::{Fail, Pass, Warn};
            o.no_tests = choice(v, &[("fail", Fail), ("warn", Warn), ("pass", Pass)])?;
            Ok(())
        },
    ),
    ours(
        "today",
        Value("YYYY-MM-DD"),
        true,
        "the day by which issues expire [default: the clock's]",
        |o, v| {
            o.today = Some(date(v)?);
            Ok(())
        },
    ),
    libtest("list", Nothing, "list the cases and run none", |o, _| {
        o.list = true;
        Ok(())
    }),
    libtest("exact", Nothing, "filters are whole names", |o, _| {
        o.exact = true;
        Ok(())
    }),
    libtest("skip", Value("FILTER"), "leave these out; may be repeated", |o, v| {
        o.skip.push(v.to_owned());
        Ok(())
    }),
    libtest("format", Value("FORMAT"), "pretty, terse or json [default: pretty]", |o, v| {
        use FormatSetting::{Json, Pretty, Terse};
        o.format = Some(choice(v, &[("pretty", Pretty), ("terse", Terse), ("json", Json)])?);
        Ok(())
    }),
    short(
        'q',
        libtest("quiet", Nothing, "one character per case", |o, _| {
            o.quiet = true;
            Ok(())
        }),
    ),
    libtest("color", Value("WHEN"), "auto, always or never [default: auto]", |o, v| {
        use ColorSetting::{Always, Auto, Never};
        o.color = choice(v, &[("auto", Auto), ("always", Always), ("never", Never)])?;
        Ok(())
    }),
    libtest("logfile", Value("FILE"), "write what libtest prints to a file", |o, v| {
        o.logfile = Some(v.to_owned());
        Ok(())
    }),
    libtest("nocapture", Nothing, "show what the cases write", |o, _| {
        o.no_capture = true;
        Ok(())
    }),
    libtest("no-capture", Nothing, "the same", |o, _| {
        o.no_capture = true;
        Ok(())
    }),
    libtest("show-output", Nothing, "accepted; logs are in the run folder", |_, _| Ok(())),
    libtest("ignored", Nothing, "only ignored cases: there are none", |o, _| {
        o.ignored = true;
        Ok(())
    }),
    libtest("include-ignored", Nothing, "accepted", |_, _| Ok(())),
    libtest("test", Nothing, "accepted: every case is a test", |_, _| Ok(())),
    libtest("bench", Nothing, "only benchmarks: there are none", |o, _| {
        o.bench = true;
        Ok(())
    }),
    libtest(
        "test-threads",
        Value("N"),
        "accepted; cases run one at a time, on the main thread",
        |_, v| {
            whole::<std::num::NonZeroUsize>(v)
                .map(|_| ())
                .map_err(|_| "a whole number from 1".to_owned())
        },
    ),
    short(
        'Z',
        libtest("unstable", Value("FLAG"), "accepted: unstable-options", |_, v| {
            choice(v, &[("unstable-options", ())])
        }),
    ),
];
