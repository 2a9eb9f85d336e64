//! What a case costs beyond loading and generating.

use std::time::Instant;

use wattest::record::Outcome;
use wattest::run::Journal;

use crate::fixture::{Run, Test};

pub(crate) const TESTS: &[Test] = &[("bench::cost_of_a_case", cost_of_a_case)];

const CASES: u32 = 200;

/// A few milliseconds a case is what is promised; the bound leaves room for a busy machine.
fn cost_of_a_case() {
    let mut script = "cases:\n".to_owned();
    for number in 0..CASES {
        script += &format!("  case{number}: {{steps: [{{stdout: \"hello\\n\"}}]}}\n");
    }
    let run = Run::new(&script);
    let journal = Journal::open(run.path()).unwrap();
    let mut supervisor = run.supervisor();
    supervisor.run(&run.cases[0], 1);
    let start = Instant::now();
    for case in &run.cases[1..] {
        let record = supervisor.run(case, 1);
        assert_eq!(record.outcome, Outcome::Completed);
        journal.write(&record).unwrap();
    }
    let each = start.elapsed() / CASES;
    println!("{CASES} cases at {each:?} each, record and log written");
    assert!(each.as_millis() < 20, "{each:?}");
}
