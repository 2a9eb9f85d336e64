//! Rows 10, 11 and 13: what speaks against a window by what the driver says at its edges.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wattest::energy::Doubt;

use crate::machine::Machine;
use crate::support::{FIRST, open};

/// A driver of a version, and a GPU.
fn machine(driver: &str, gpu: &Value) -> Value {
    json!({"driver": driver, "gpus": [gpu]})
}

/// What speaks against a window that begins and ends so.
fn doubts(begin: &Value, end: &Value) -> Vec<Doubt> {
    let machine = Machine::new(begin);
    let sources = open(&machine);
    let gpus = sources.gpus.as_ref().unwrap();
    let edge = gpus.edge();
    machine.set(end);
    edge.until(&gpus.edge())
}

fn counted(driver: &str, begin: &Value, end: &Value) -> Vec<Doubt> {
    doubts(&machine(driver, &json!({"fields": begin})), &machine(driver, &json!({"fields": end})))
}

fn throttled(cause: &str, ms: Option<f64>) -> Doubt {
    Doubt::Throttled { cause: cause.to_owned(), ms }
}

#[test]
fn row_10_the_same_counters_under_old_and_new_numbers() {
    let fields = |brake_ns: u64| {
        json!({
            "74": {"value": 5_000_000}, "76": {}, "251": {}, "252": {},
            "253": {"value": brake_ns}, "77": {},
        })
    };
    // Before 580.82 the brake is 253, from then on 271.
    for driver in ["575.57.08", "580.65.06", "580.82.07", "590.10"] {
        let doubts = counted(driver, &fields(1_000_000), &fields(3_500_000));
        assert_eq!(doubts, [throttled("hardware power brake", Some(2.5))], "{driver}");
    }
}

#[test]
fn row_10_a_value_that_fails_fails_alone() {
    let fields = |ns: u64| {
        json!({
            "74": {"value": ns},
            // Signed and short types are new to the wrapper; one is not supported.
            "251": {"kind": 5, "value": ns}, "252": {"kind": 6, "value": ns}, "253": {"code": 3},
            // 32 bits.
            "76": {"kind": 1, "value": ns},
        })
    };
    let doubts = counted("575.57.08", &fields(0), &fields(2_000_000));
    assert_eq!(doubts, [Doubt::PowerCapped { ms: Some(2.0) }, throttled("sync boost", Some(2.0))]);
}

#[test]
fn row_10_where_the_type_of_a_counter_is_new_the_reasons_at_the_edges_count() {
    for kind in [5, 6] {
        let gpu = |ns: u64| {
            let field = json!({"kind": kind, "value": ns});
            json!({"throttle": 0x40, "fields": {"252": field}})
        };
        let doubts = doubts(&machine("575.57.08", &gpu(0)), &machine("575.57.08", &gpu(9_000_000)));
        // The value is there, and is not taken for one of another type.
        assert_eq!(doubts, [throttled("hardware thermal slowdown", None)], "type {kind}");
    }
}

#[test]
fn row_10_the_module_and_the_memory_are_not_taken_for_the_gpu() {
    // The module has a processor of its own on it: it is held down, and draws much more.
    let module = |ns: u64| {
        json!({
            "74": {"value": ns}, "76": {"value": ns}, "251": {"value": ns}, "252": {"value": ns},
            "253": {"value": ns}, "77": {"value": ns},
            "83": {"value": 900_000_000}, "185": {"kind": 1, "value": 900_000},
            "186": {"kind": 1, "value": 900_000},
        })
    };
    let script = |ns: u64| {
        json!({"at_ms": 5000.0, "driver": "575.57.08", "gpus": [{
            "counter": {"fixed_mj": 7000},
            "power": {"fixed_mw": 120_000},
            "fields": {"74": {"value": 5}, "252": {"value": 5}},
            "scopes": {"1": module(ns), "2": module(ns)},
        }]})
    };
    assert_eq!(doubts(&script(0), &script(4_000_000_000)), []);
    let mut counter = open(&Machine::new(&script(0)));
    assert_eq!(counter.meters[0].read(), Ok(7_000_000));
    let mut no_counter = script(0);
    no_counter["errors"] = json!({"nvmlDeviceGetTotalEnergyConsumption": {"code": 3}});
    let mut power = open(&Machine::new(&no_counter));
    assert_eq!(power.meters[0].read(), Ok(120_000));
    // And the GPU's own are what a reading is made of, whatever the module says.
    let mut held = script(0);
    held["gpus"][0]["fields"]["252"] = json!({"value": 2_000_005});
    assert_eq!(doubts(&script(0), &held), [throttled("hardware thermal slowdown", Some(2.0))]);
}

#[test]
fn row_11_without_counters_the_reasons_at_the_edges_count() {
    let reasons = |bits: u64| machine("575.57.08", &json!({"throttle": bits}));
    let none = reasons(0);
    // Idle, clocks that were asked for, and the voltage that ends every boost.
    assert_eq!(doubts(&reasons(0x1), &reasons(0x502)), []);
    assert_eq!(doubts(&none, &reasons(0x4)), [Doubt::PowerCapped { ms: None }]);
    assert_eq!(
        doubts(&reasons(0x40), &none),
        [throttled("hardware thermal slowdown", None)],
        "what was so at the beginning counts as well"
    );
    assert_eq!(
        doubts(&none, &reasons(0x88)),
        [throttled("hardware power brake", None), throttled("hardware slowdown", None)]
    );
    assert_eq!(doubts(&none, &reasons(0x200)), [throttled("board limit", None)]);
    assert_eq!(
        doubts(&none, &reasons(0x1800)),
        [throttled("reasons 0x1800, which are new here", None)]
    );
}

#[test]
fn row_11_a_counter_that_stands_still_overrules_its_bit() {
    let gpu = json!({
        "throttle": 0x48,
        "fields": {"252": {"value": 7}, "253": {"value": 9}},
    });
    let script = machine("575.57.08", &gpu);
    assert_eq!(doubts(&script, &script), []);
}

#[test]
fn row_13_a_limit_that_moves_within_the_window() {
    let limit = |watts: f64| machine("575.57.08", &json!({"limit_w": watts}));
    assert_eq!(doubts(&limit(700.0), &limit(700.0)), []);
    assert_eq!(doubts(&limit(700.0), &limit(500.0)), [Doubt::LimitChanged]);
}

#[test]
fn others_on_the_board_make_it_shared() {
    // Our child computes for us. It reads what nobody writes.
    let mut child =
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let with = |pids: &[u32]| machine("575.57.08", &json!({"processes": pids}));
    let ours = [std::process::id(), child.id()];
    assert_eq!(doubts(&with(&ours), &with(&ours)), []);
    let shared = |who: String| Doubt::Shared { with: format!("{who} on {FIRST}") };
    let first = shared("process 1".to_owned());
    assert_eq!(doubts(&with(&[1]), &with(&ours)), vec![first.clone()]);
    assert_eq!(doubts(&with(&ours), &with(&[ours[0], 1])), vec![first.clone()]);
    assert_eq!(doubts(&with(&[1]), &with(&[1])), [first], "said once");
    // No such process here: it is outside, and was there before us.
    let outside = 4_194_305;
    assert_eq!(
        doubts(&with(&[outside]), &with(&[outside])),
        [shared(format!("process {outside}"))]
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_board_in_parts_is_shared() {
    let script =
        machine("575.57.08", &json!({"mig": ["MIG-cccccccc-0000-0000-0000-000000000003"]}));
    let shared = Doubt::Shared { with: format!("the other instances (MIG) of {FIRST}") };
    assert_eq!(doubts(&script, &script), [shared]);
}

#[test]
fn processes_that_are_not_known_are_somebody() {
    let mut script = machine("575.57.08", &json!({}));
    script["errors"] = json!({"nvmlDeviceGetComputeRunningProcesses_v3": {"code": 4}});
    let doubts = doubts(&script, &script);
    assert!(
        matches!(&doubts[..], [Doubt::Shared { with }] if with.contains("permission")),
        "{doubts:?}"
    );
}
