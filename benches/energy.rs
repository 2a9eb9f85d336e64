//! What measuring energy costs: the edges of a window, the thread that reads, and the speed of an
//! engine beside it.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends there")]

#[path = "../tests/nvml/machine.rs"]
mod machine;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;
use wattest::backends::{self, Engine, Prompt};
use wattest::energy::nvml::Visible;
use wattest::energy::{
    Clock, Interval, Meter, Monotonic, Options, Rate, Sampler, Sources, rapl, sources, statistics,
};
use wattest::model::{Architecture, tiny};
use wattest::settings::Settings;

use self::machine::Machine;

/// Windows of each meter.
const WINDOWS: usize = 100;

/// Pairs of work with the sampler and without.
const PAIRS: usize = 60;

fn main() {
    let fast = Machine::new(&json!({}));
    let slow = Machine::new(&json!({"latency_ms": 10}));
    let tree = Tree::start();
    println!("edges of {WINDOWS} windows, in ms: median, 99 of 100, longest");
    edges("counter of a GPU, quick", || gpu(&fast).meters);
    edges("counter of a GPU, 10 ms a call", || gpu(&slow).meters);
    edges("processor", || rapl::open(tree.root.path()).1);
    for (what, machine) in [("quick", &fast), ("10 ms a call", &slow)] {
        let gpus = gpu(machine).gpus.unwrap();
        let times = (0..WINDOWS).map(|_| took(|| gpus.edge()).as_nanos() as u64).collect();
        show(&format!("state of a GPU at an edge, {what}"), times);
    }
    println!("thread of the sampler over 5 s, in percent of a core");
    for hz in [10, 50] {
        thread("counter of a GPU", gpu(&fast).meters, hz);
        thread("processor", rapl::open(tree.root.path()).1, hz);
    }
    throughput(&fast);
}

fn gpu(machine: &Machine) -> Sources {
    let options = Options {
        nvml: Some(machine.library()),
        powercap: Some("/nowhere".into()),
        ..Options::default()
    };
    sources::open_with(&options, &Visible::default())
}

/// How long it takes to open a window, until its end is read, until the tick after the end, and
/// to open one at a tick.
fn edges(what: &str, meters: impl Fn() -> Vec<Box<dyn Meter>>) {
    let sampler = Sampler::start(meters(), Rate::default()).unwrap();
    let mut times: [Vec<u64>; 4] = Default::default();
    for _ in 0..WINDOWS {
        let asked = Monotonic.now_ns();
        let open = sampler.open();
        times[0].push(Monotonic.now_ns() - asked);
        std::thread::sleep(Duration::from_millis(20));
        let asked = Monotonic.now_ns();
        let ended = open.close(|_, end_ns, _| end_ns);
        times[1].push(ended - asked);
        times[2].push(Monotonic.now_ns() - ended);
        let asked = Monotonic.now_ns();
        drop(sampler.open_aligned());
        times[3].push(Monotonic.now_ns() - asked);
    }
    let names = ["open", "close", "wait for the tick after it", "open at a tick"];
    for (name, times) in names.into_iter().zip(times) {
        show(&format!("{what}: {name}"), times);
    }
}

fn show(what: &str, mut times_ns: Vec<u64>) {
    times_ns.sort_unstable();
    let last = times_ns.len() - 1;
    let ms = |part: f64| times_ns[(last as f64 * part).round() as usize] as f64 / 1e6;
    println!("  {what:58} {:9.3} {:9.3} {:9.3}", ms(0.5), ms(0.99), ms(1.0));
}

fn took<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    std::hint::black_box(work());
    begun.elapsed()
}

/// The fast reading at both edges included.
fn thread(what: &str, meters: Vec<Box<dyn Meter>>, hz: u32) {
    let rate = Rate { period: Duration::from_secs(1) / hz, ..Rate::default() };
    let sampler = Sampler::start(meters, rate).unwrap();
    let open = sampler.open();
    std::thread::sleep(Duration::from_secs(5));
    let cost = open.close(|_, _, cost| cost);
    let (percent, real) = (cost.cpu_percent().unwrap(), cost.hz().unwrap());
    println!("  {:58} {percent:9.3}  ({real:.1} Hz with the edges)", format!("{what} at {hz} Hz"));
}

/// Work with the sampler at 10 Hz and without, in turns, and as a control both without. On a busy
/// machine the processor time of all threads is the better measure: it has the sampler's in it.
fn throughput(machine: &Machine) {
    let folder = tempfile::tempdir().unwrap();
    tiny::write(Architecture::Llama, 7, folder.path()).unwrap();
    let candle = backends::find("candle", &backends::Options::default()).unwrap();
    let mut engine = candle.load(folder.path(), &Settings::new()).unwrap();
    let sampler = Sampler::start(gpu(machine).meters, Rate::default()).unwrap();
    let mut work = |is_watched: bool| {
        let open = is_watched.then(|| sampler.open());
        let (begun, cpu_s) = (Instant::now(), processor_s());
        generate(engine.as_mut());
        let took = (begun.elapsed().as_secs_f64(), processor_s() - cpu_s);
        drop(open);
        took
    };
    work(true);
    println!("the tiny model in candle with the sampler over that without, {PAIRS} pairs");
    for (what, watched) in [("10 Hz, a counter of a GPU", true), ("neither with it", false)] {
        let (mut wall, mut cpu) = (Vec::new(), Vec::new());
        for pair in 0..PAIRS {
            // Whoever is first has the colder machine: they take turns.
            let is_first = pair % 2 == 0;
            let (first, second) = (work(watched && is_first), work(watched && !is_first));
            let (with, without) = if is_first { (first, second) } else { (second, first) };
            wall.push((with.0, without.0));
            cpu.push((with.1, without.1));
        }
        ratio(&format!("{what}: time"), &wall);
        ratio(&format!("{what}: processor time"), &cpu);
    }
}

fn ratio(what: &str, pairs: &[(f64, f64)]) {
    let ratio = statistics::ratio(pairs).unwrap();
    let Interval { lo, hi, .. } = Interval::of_ratio(pairs, 0).unwrap();
    let each_ms = 1e3 * pairs.iter().map(|pair| pair.1).sum::<f64>() / pairs.len() as f64;
    println!("  {what:58} {ratio:9.4}  (95 %: {lo:.4} to {hi:.4}; {each_ms:.0} ms each)");
}

/// Of all threads of this process, in seconds.
fn processor_s() -> f64 {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    at.tv_sec as f64 + at.tv_nsec as f64 / 1e9
}

/// Half a second or so: longer than the tick for which the begin of a window is read fast.
fn generate(engine: &mut dyn Engine) {
    let settings = json!({"max_new_tokens": 64, "min_new_tokens": 64});
    let settings: Settings = serde_json::from_value(settings).unwrap();
    for _ in 0..20 {
        let generated = engine.generate(&[Prompt::Tokens(vec![1; 16])], &settings).unwrap();
        std::hint::black_box(generated);
    }
}

/// A powercap tree whose counter a thread moves about every millisecond, as the kernel's does.
struct Tree {
    root: tempfile::TempDir,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tree {
    fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let zone = root.path().join("intel-rapl:0");
        fs::create_dir(&zone).unwrap();
        fs::write(zone.join("name"), "package-0\n").unwrap();
        fs::write(zone.join("max_energy_range_uj"), "262143328850\n").unwrap();
        let counter = zone.join("energy_uj");
        tick(&counter);
        let ends = Arc::new(AtomicBool::new(false));
        let own = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            while !own.load(Ordering::Relaxed) {
                tick(&counter);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { root, ends, thread: Some(thread) }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Shows what 50 W come to; renamed into place, so that nobody reads half a number.
fn tick(counter: &Path) {
    let aside = counter.with_extension("new");
    fs::write(&aside, format!("{}\n", Monotonic.now_ns() / 20 % 262_143_328_850)).unwrap();
    fs::rename(&aside, counter).unwrap();
}
