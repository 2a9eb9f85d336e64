//! Experiment files, and the pages that are generated from the parameter files.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::{Place, params, params_in};

/// The names of the `*.yaml` in `folder`, without their ends.
fn yaml_in(folder: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let yaml = files.filter(|file| file.extension().is_some_and(|end| end == "yaml"));
    yaml.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn each_backend_has_an_example_that_is_valid() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let place = Place::new();
    let names = yaml_in(&examples);
    for name in &names {
        let file = examples.join(format!("{name}.yaml")).display().to_string();
        let words = ["config", "validate", &file, "--params", &params(), "--format", "json"];
        let run = place.wattest(&words).exits(0);
        let answer: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(answer["backend"], name.as_str());
        assert!(answer["settings"].as_object().is_some_and(|all| all.len() > 2), "{answer}");
        // An example shows what is right, not what may be.
        let problems = answer["problems"].as_array().unwrap();
        assert!(problems.iter().all(|one| one["level"] == "note"), "{answer}");
    }
    assert_eq!(names, yaml_in(Path::new(&params())), "an example for each parameter file");
}

#[test]
fn a_wrong_file_is_told_with_all_its_lines() {
    let place = Place::new();
    let lines = "backend: candle\nsettings:\n  temprature: 0.7\n  top_k: 5\n  num_beams: 2\n  \
                 prompt_lookup_num_tokens: 3\n  dataset.name: x\nprompts: [The mill]\n";
    place.write("e.yaml", lines);
    let params = params();
    let validate = ["config", "validate", "e.yaml", "--params", &params];
    let run = place.wattest(&validate).exits(2);
    insta::assert_snapshot!(run.stdout, @"
    e.yaml:3: error: settings.temprature: no parameter of candle; did you mean `temperature`?
    e.yaml:4: warning: settings.top_k: may be refused: Greedy search draws nothing, and would ignore it. It is tried with do_sample=true
    e.yaml:5: error: settings.num_beams: num_beams > 1 and prompt_lookup_num_tokens is not null is refused (rule lookup_and_beams): Drafts are checked by greedy search and sampling only. Accepted: num_beams=1, prompt_lookup_num_tokens=3
    e.yaml:7: error: settings.dataset.name: not a parameter of candle: prompts are not settings; each is a line of `wattest run --requests FILE`
    e.yaml: 3 settings for candle, 3 errors, 1 warning
    ");
    let json = place.wattest(&[&validate[..], &["--format", "json"]].concat()).exits(2);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    insta::assert_snapshot!(
        json["problems"][0],
        @r#"{"line":3,"key":"settings.temprature","level":"error","message":"no parameter of candle; did you mean `temperature`?"}"#
    );

    let show = ["config", "show", "e.yaml", "--params", &params];
    let run = place.wattest(&show).exits(2).says("num_beams                        2\n");
    run.says("num_beam_groups                  1  (default)\n").complains("temprature");
    place.write("e.yaml", "settings: {seed: 7}\n");
    place.wattest(&validate).exits(2).complains("e.yaml: names no backend");
    place
        .wattest(&[&validate[..], &["--backend", "candel"]].concat())
        .exits(2)
        .complains("did you mean `candle`?");
}

#[test]
fn stale_pages_are_named() {
    let place = params_in(Place::new());
    let docs = ["params", "docs", "--out", "pages"];
    let check = [&docs[..], &["--check"]].concat();
    place.wattest(&check).exits(101).complains("pages/candle.md: No such file");
    place.wattest(&docs).exits(0).says("pages in pages");
    place.wattest(&check).exits(0);
    let file = "params/candle.yaml";
    place.write(file, &place.read(file).replace("Where the model runs.", "Where it runs."));
    let run = place.wattest(&check).exits(101).complains("pages/candle.md: is stale; run");
    assert_eq!(run.stderr.lines().count(), 1, "no other page says so: {run:?}");
    place.wattest(&docs).exits(0);
    // A page of the generator that no parameter file has any more goes, one of a person stays.
    place.write("pages/gone.md", &place.read("pages/candle.md"));
    place.write("pages/mine.md", "# Mine\n");
    place.wattest(&check).exits(101).complains("pages/gone.md: has no parameter file");
    place.wattest(&docs).exits(0);
    assert!(!place.path("pages/gone.md").exists() && place.path("pages/mine.md").exists());
}
