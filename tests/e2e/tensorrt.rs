//! TensorRT-LLM: its cases are skipped where it is not, and its adapter runs over a stand-in that
//! records what it is given. The engine itself has never been run.

use crate::support::{Place, params};

const CASES: [&str; 3] = [
    "tensorrt::@baseline",
    "tensorrt::max_tokens=5",
    "tensorrt::kv_cache_config.enable_block_reuse=false",
];

#[test]
fn its_cases_are_skipped_with_what_is_missing() {
    let place = Place::new();
    let params = params();
    // An interpreter that has nothing, whatever the environment of the tests has.
    let own =
        ["test", "--params", &params, "--python", "/nowhere/python", "--out", "out", "--exact"];
    place.wattest(&[&own[..], &CASES].concat()).exits(0);
    let report = place.json("out/report.json");
    let cases = report["cases"].as_array().unwrap();
    assert_eq!(cases.len(), CASES.len());
    for case in cases {
        assert_eq!(case["status"], "skip", "{case}");
    }
}

/// The stand-in by way of the embedded interpreter: what is set is read back, the answers follow
/// what was asked, and names that the engine does not have are refused before any work.
#[cfg(feature = "python")]
#[test]
fn the_stand_in_is_given_what_is_set() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let place = crate::support::params_in(Place::new());
    // The stand-in needs no GPU.
    let file = place.read("params/tensorrt.yaml");
    let requires = "requires: [{package: tensorrt_llm}, {devices: 1}]\n";
    assert!(file.contains(requires));
    place.write("params/tensorrt.yaml", &file.replace(requires, ""));
    place.wattest(&["model", "new", "--arch", "llama", "model"]).exits(0);
    let own = [
        "test",
        "--params",
        "params",
        "--model",
        "model",
        "--out",
        "out",
        "--smoke",
        "--python",
        env!("WATTEST_PYTHON_LINKED"),
        "--exact",
    ];
    let more = [
        "tensorrt::build_config.strongly_typed=false",
        "tensorrt::!extra_runtime_args=nonesuch_1@929ec16a",
        "tensorrt::!builder_opt_level=3",
    ];
    let words = [&own[..], &CASES, &more].concat();
    let output = place
        .command(&words)
        .env("PYTHONPATH", root.join("tests/fixtures/standin"))
        .output()
        .unwrap();
    let run = crate::support::Run::of(&words, output).exits(0);
    let report = place.json("out/report.json");
    let cases = report["cases"].as_array().unwrap();
    assert_eq!(cases.len(), CASES.len() + more.len(), "{run:?}");
    for case in cases {
        assert_eq!(case["status"], "pass", "{case}\n{run:?}");
        if case["kind"] == "valid" {
            assert_eq!(case["effect"], "verified", "{case}");
        }
    }
}
