//! The ledger: declared, borne out by a run, and what fails its gate.

use serde_json::Value;

use crate::support::{Place, params, params_in, without};

const SURFACE: &str = "
engine: list
version: '1'
method: by hand
params:
- path: max_new_tokens
- path: max_output_tokens
- path: save_outputs
- path: min_p
";

fn coverage(place: &Place, words: &[&str]) -> crate::support::Run {
    place.wattest(&[&["coverage", "--backend", "candle", "--params", "params"], words].concat())
}

#[test]
fn a_parameter_that_is_removed_from_its_file_fails_the_gate() {
    let place = params_in(Place::new());
    place.write("surface.yaml", SURFACE);
    let words = ["--surface", "surface.yaml", "--min", "100", "--min-declared", "100"];
    let run = coverage(&place, &words).exits(0);
    insta::assert_snapshot!(run.stdout, @"
    candle over list 1 (by hand)
    4 of 4 accounted for: 2 tested, 1 by alias, 1 refused as declared, 0 skipped, 0 missing
    settable: 3, with values 3
    on one device: 3, with values 3

      max_new_tokens     tested         5 values; 4 refusals
      max_output_tokens  alias          of max_new_tokens; 1 value
      save_outputs       refused        1 refusal; every answer has the tokens and their text; leave it out
      min_p              tested         6 values; 7 refusals
    ");

    let file = "params/shared/generation.yaml";
    place.write(file, &without(&place.read(file), "min_p"));
    coverage(&place, &words)
        .exits(101)
        .says("3 of 4 accounted for: 1 tested, 1 by alias, 1 refused as declared, 0 skipped, 1 missing")
        .complains(
            "candle over list 1: 75 % are accounted for, and --min asks for 100 %; open: min_p",
        );
    coverage(&place, &words).exits(101).complains(
        "candle over list 1: 66.6 % of what may be set has values, and --min-declared asks for 100 \
         %; open: min_p",
    );
    coverage(&place, &["--surface", "surface.yaml", "--min", "75", "--min-declared", "66"])
        .exits(0);
    coverage(&place, &["--surface", "surface.yaml"]).exits(0);
}

#[test]
fn a_run_bears_out_what_ran_in_it() {
    let place = params_in(Place::new());
    place.write("surface.yaml", SURFACE);
    let filters = ["candle::max_new_tokens=1", "max_output_tokens", "!save_outputs"];
    let words = ["test", "--params", "params", "--backend", "candle", "--out", "out", "--smoke"];
    place.wattest(&[&words[..], &filters].concat()).exits(0);

    let words = ["--surface", "surface.yaml", "--run", "out"];
    let run = coverage(&place, &[&words[..], &["--format", "markdown"]].concat()).exits(0);
    insta::assert_snapshot!(run.stdout, @"
    ## Coverage of candle over list 1

    **3 of 4 accounted for: 1 tested, 1 by alias, 1 refused as declared, 0 skipped, 1 not run, 0 missing** (75 %)

    | | names | with values | exercised | verified |
    | --- | --- | --- | --- | --- |
    | settable | 3 | 3 | 2 | 2 |
    | on one device | 3 | 3 | 2 | 2 |
    | on this machine | 3 | 3 | 2 | 2 |

    Not accounted for:

    | name | | |
    | --- | --- | --- |
    | min&#95;p | not run | 0 of 6 values passed; 0 of 7 refusals passed |

    <details><summary>Accounted for</summary>

    | name | | |
    | --- | --- | --- |
    | max&#95;new&#95;tokens | tested | 2 of 5 values passed; 0 of 4 refusals passed |
    | max&#95;output&#95;tokens | alias | of max&#95;new&#95;tokens; 1 of 1 value passed |
    | save&#95;outputs | refused | 1 of 1 refusal passed; every answer has the tokens and their text; leave it out |

    </details>
    ");
    coverage(&place, &[&words[..], &["--min-exercised", "66"]].concat()).exits(0);
    // Without a run there is nothing to hold it against.
    coverage(&place, &["--surface", "surface.yaml", "--min-exercised", "66"]).exits(2);
    coverage(&place, &[&words[..], &["--min-exercised", "67"]].concat()).exits(101).complains(
        "candle over list 1: 66.6 % of what this machine can do was tried, and --min-exercised \
         asks for 67 %; open: min_p",
    );
    let json = coverage(&place, &[&words[..], &["--format", "json", "--min", "80"]].concat());
    let ledgers: Value = serde_json::from_str(&json.exits(101).stdout).unwrap();
    insta::assert_snapshot!(
        serde_json::to_string(&[&ledgers[0]["totals"], &ledgers[0]["rows"][0]]).unwrap(),
        @r#"[{"names":4,"accounted":3,"percent":75.0,"standings":{"tested":1,"alias":1,"refused":1,"skipped":0,"excluded":0,"negative_only":0,"failed":0,"not_run":1,"missing":0},"settable":{"of":3,"declared":3,"exercised":2,"verified":2},"one_device":{"of":3,"declared":3,"exercised":2,"verified":2},"here":{"of":3,"declared":3,"exercised":2,"verified":2}},{"path":"max_new_tokens","standing":"tested","parameter":"max_new_tokens","values":{"declared":5,"passed":2,"verified":2,"as_known":{},"failed":[],"skipped":0},"refusals":{"declared":4,"passed":0,"verified":0,"as_known":{},"failed":[],"skipped":0},"needs_devices":false,"reason":""}]"#
    );
}

/// What the origin's lists hold that belongs to every backend is accounted for.
#[test]
fn the_shared_list_is_whole() {
    let place = Place::new();
    for backend in ["candle", "pytorch"] {
        let list = format!("{}/origin/shared.yaml", params());
        let words = ["coverage", "--backend", backend, "--params", &params(), "--surface", &list];
        place.wattest(&[&words[..], &["--min", "100"]].concat()).exits(0).says("53 of 53");
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let place = params_in(Place::new());
    place.write("surface.yaml", "engine: x\nversion: '1'\nmethod: m\nparams: []\n");
    place.write("empty/note", "");
    coverage(&place, &["--surface", "surface.yaml"])
        .exits(2)
        .complains("surface.yaml:4: params: is empty");
    coverage(&place, &["--surface", "none.yaml"]).exits(2).complains("none.yaml: cannot be read");
    coverage(&place, &["--min", "101"]).exits(2).complains("a number from 0 to 100");
    coverage(&place, &["--run", "nowhere"]).exits(2).complains("there is no run `nowhere`");
    coverage(&place, &["--run", "empty"]).exits(2).complains("is this the folder of a run?");
    assert!(!place.path("empty/records").exists(), "a folder is not made a run by looking");
    place.wattest(&["coverage", "--backend", "nonesuch"]).exits(2);
}
