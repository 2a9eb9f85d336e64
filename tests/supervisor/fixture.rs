//! A run folder, a script and a supervisor over them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use wattest::backends::Options;
use wattest::backends::scripted::Script;
use wattest::record::{Captured, CapturedStream, Record};
use wattest::run::{Isolate, Supervisor, SupervisorOptions, WorkerCommand};
use wattest::schema::Case;

/// Tells this program to be a worker.
pub(crate) const WORKER: &str = "WATTEST_TEST_WORKER";

/// Tells this program to play another part.
pub(crate) const ROLE: &str = "WATTEST_TEST_ROLE";

/// The file in which each worker notes its start.
pub(crate) const STARTS: &str = "WATTEST_TEST_STARTS";

/// A named test.
pub(crate) type Test = (&'static str, fn());

/// A run folder with a script in it.
pub(crate) struct Run {
    /// The folder.
    pub(crate) folder: TempDir,
    /// All cases of the script, the baseline first.
    pub(crate) cases: Vec<Case>,
}

impl Run {
    /// With `script`, in which `{run}` stands for the run folder.
    pub(crate) fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = script.replace("{run}", &folder.path().display().to_string());
        std::fs::write(folder.path().join("script.yaml"), script).unwrap();
        let cases = Script::load(&folder.path().join("script.yaml")).unwrap().cases();
        Self { folder, cases }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The case `scripted::script=<name>` (or its negative).
    pub(crate) fn case(&self, name: &str) -> &Case {
        let ends = |case: &&Case| case.name.rsplit_once('=').is_some_and(|(_, one)| one == name);
        self.cases.iter().find(ends).unwrap()
    }

    pub(crate) fn options(&self) -> SupervisorOptions {
        options(self.path())
    }

    pub(crate) fn supervisor(&self) -> Supervisor {
        Supervisor::new(self.options())
    }

    /// Runs the cases of these names in this order with `options`; the last records of each.
    pub(crate) fn run_with(&self, options: SupervisorOptions, names: &[&str]) -> Vec<Record> {
        let mut supervisor = Supervisor::new(options);
        let mut records: Vec<Record> = Vec::new();
        let update = |records: &mut Vec<Record>, late: Option<Record>| {
            if let Some(late) = late {
                let old = records.iter_mut().find(|one| one.case.name == late.case.name);
                *old.unwrap() = late;
            }
        };
        for name in names {
            records.push(supervisor.run(self.case(name), 1));
            update(&mut records, supervisor.take_late());
        }
        update(&mut records, supervisor.finish());
        records
    }

    pub(crate) fn run(&self, names: &[&str]) -> Vec<Record> {
        self.run_with(self.options(), names)
    }

    /// As [`Run::run_with`]; beside the records, how many workers were started for them.
    pub(crate) fn run_counted(
        &self,
        mut options: SupervisorOptions,
        names: &[&str],
    ) -> (Vec<Record>, usize) {
        let file = self.path().join("starts");
        let starts = (STARTS.to_owned(), file.display().to_string());
        options.worker.environment.push(starts);
        let records = self.run_with(options, names);
        (records, std::fs::read_to_string(&file).unwrap().lines().count())
    }

    /// What is kept of stdout (or stderr) of a case.
    pub(crate) fn text(
        &self,
        stream: impl Fn(&Captured) -> &CapturedStream,
        record: &Record,
    ) -> String {
        let bytes = stream(&record.captured)
            .file
            .as_ref()
            .map(|file| std::fs::read(self.path().join(file)).unwrap());
        String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
    }
}

/// Supervisor options for the run in `folder`.
pub(crate) fn options(folder: &Path) -> SupervisorOptions {
    SupervisorOptions {
        run: folder.to_owned(),
        model: PathBuf::from("no-model"),
        backends: Options { script: Some(folder.join("script.yaml")), ..Options::default() },
        energy: wattest::energy::Options { off: true, ..Default::default() },
        measurement: wattest::energy::Measurement::default(),
        timeseries: false,
        names: BTreeMap::new(),
        isolate: Isolate::Group,
        timeout: Duration::from_secs(60),
        silence: Duration::from_secs(60),
        worker: WorkerCommand {
            program: std::env::current_exe().unwrap(),
            environment: vec![(WORKER.to_owned(), "1".to_owned())],
        },
        environment: "abc".to_owned(),
        echo: false,
    }
}

/// In a worker: notes that it has started, where somebody counts.
pub(crate) fn note_start() {
    if let Some(file) = std::env::var_os(STARTS) {
        let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
        writeln!(file, "{}", std::process::id()).unwrap();
    }
}

/// Descriptor 1.
pub(crate) fn stdout(captured: &Captured) -> &CapturedStream {
    &captured.stdout
}

/// Descriptor 2.
pub(crate) fn stderr(captured: &Captured) -> &CapturedStream {
    &captured.stderr
}

/// Waits until `condition` holds; fails after a minute.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        std::thread::yield_now();
    }
}

/// The processes of this program that are running and have `variable` set to `folder`.
pub(crate) fn processes_with(variable: &str, folder: &Path) -> Vec<PathBuf> {
    let setting = format!("{variable}={}\0", folder.display());
    let has_it = |path: &PathBuf| {
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        let is_program = std::fs::read_link(path.join("exe"))
            .is_ok_and(|exe| exe == std::env::current_exe().unwrap());
        is_program && String::from_utf8_lossy(&environment).contains(&setting)
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    entries.filter(has_it).collect()
}

/// Whether some process has this in its command line.
pub(crate) fn is_running(argument: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| String::from_utf8_lossy(&line).contains(argument))
}
