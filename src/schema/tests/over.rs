//! Parameter files that stand over a surface.

use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use crate::schema::{
    Case, Kind, Origin, Requirement, SchemaFault, Selection, Surface, Table, negatives, same_value,
    values,
};
use crate::settings::Value;

/// What the surfaces of real engines have: choices that are numbers, `None` among them for null,
/// choices of a list, names without a type or a default, ends and defaults at odds.
const SURFACE: &str = "\
engine: x
version: '1.0'
method: asked
params:
- {path: seqs, section: engine, type: int, default: 256, bounds: {ge: 1}}
- {path: share, section: engine, type: float, default: 0.9, bounds: {gt: 0, le: 1}}
- {path: space, section: engine, type: float, default: 4}
- {path: mode, section: engine, type: enum, optional: true, default: null, choices: [0, 1, 2]}
- {path: rank, section: engine, type: enum, default: 16, choices: [1, 16, 512]}
- {path: kind, section: engine, type: enum, optional: true, default: null, choices: [fp8, None]}
- {path: reader, section: engine, type: [enum, string], default: auto, choices: [auto, slow]}
- {path: traces, section: engine, type: list, optional: true, default: null, choices: [all, 'model,all']}
- {path: stop, section: sampling, type: [string, list], optional: true, default: null, description: Ends a row.}
- {path: config.GPTQ.bits, section: load, type: int}
- {path: opaque, section: sampling, optional: true, opaque: true, default: null}
- {path: eager, section: engine, type: bool, default: false, deprecated: since 0.9}
- {path: count, section: sampling, type: int, default: 0, bounds: {ge: 1}}
";

fn table(params: &str) -> Result<Table, String> {
    parse(SURFACE, params)
}

fn parse(surface: &str, params: &str) -> Result<Table, String> {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("surface.yaml"), surface).unwrap();
    let text =
        format!("backend: x\nengine: x 1\nover: surface.yaml\nbaseline: {{}}\nparams:\n{params}");
    let file = folder.path().join("x.yaml");
    let line = |fault: &SchemaFault| {
        fault.to_string().replace(&format!("{}/", folder.path().display()), "")
    };
    Table::parse(&file, &text)
        .map_err(|faults| faults.iter().map(line).collect::<Vec<_>>().join("\n"))
}

const ENTRIES: &str = "\
- {path: seqs, samples: [4], generate: samples}
- {path: share}
- {path: space, samples: [1]}
- {path: mode}
- {path: rank}
- {path: kind}
- {path: reader}
- {path: traces, samples: [[all]]}
- {path: stop, samples: [[a], b]}
- {path: config.GPTQ.bits, samples: [4]}
- {path: opaque, type: map, samples: [{a: 1}]}
- {path: eager, relation: same_tokens}
- {path: count, samples: [9], bounds: {ge: 1, le: 64}, generate: samples, negatives: [100]}
- {path: extra, beyond: 'taken from the command line, which has more', section: engine, type: bool, default: false}
";

#[test]
fn an_entry_says_what_the_surface_does_not() {
    let table = table(ENTRIES).unwrap();
    let shown =
        |values: Vec<Value>| values.iter().map(Value::to_string).collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = table
        .params
        .iter()
        .map(|one| format!("{}: {}  not  {}", one.path, shown(values(one)), shown(negatives(one))))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    seqs: 4  not  0 "nonesuch"
    share: 0.01 0.5 0.99 1.0  not  0.0 1.01 "nonesuch"
    space: 1  not  "nonesuch"
    mode: 0 1 2  not  3 "nonesuch"
    rank: 1 512  not  513 "nonesuch"
    kind: "fp8"  not  "nonesuch" 7
    reader: "slow"  not  7
    traces: ["all"]  not  "nonesuch"
    stop: ["a"] "b"  not  7
    config.GPTQ.bits: 4  not  "nonesuch"
    opaque: {"a":1}  not  "nonesuch"
    eager: true  not  "nonesuch"
    count: 9  not  0 65 "nonesuch" 100
    extra: true  not  "nonesuch"
    "#);
    assert!(table.surfaces[0].ends_with("surface.yaml"), "coverage is taken over it");
    let param = |path: &str| table.param(path).unwrap();
    assert_eq!(param("stop").description, "Ends a row.");
    assert_eq!(param("eager").deprecated.as_deref(), Some("since 0.9"));
    assert_eq!(param("config.GPTQ.bits").default, Value::Null, "not known");
    assert!(matches!(param("extra").origin, Origin::Beyond(_)));
    assert_eq!(
        param("seqs").rejection(&json!(0)).as_deref(),
        Some("0 is out of bounds (>= 1); correct it, or the bounds")
    );
    let names: Vec<String> =
        table.cases(Selection::All).into_iter().map(|case| case.name).collect();
    insta::assert_snapshot!(names[names.len() - 3..].join("\n"), @"
    x::!config.GPTQ.bts=4
    x::!sqs=4
    x::!sop=a@0eb5b8d6
    ");
}

#[test]
fn conditions_of_the_file_hold_for_every_case() {
    let text = "backend: x\nengine: x 1\nrequires: [{devices: 1}]\nbaseline: {}\nparams:\n\
        - path: a\n  section: load\n  type: bool\n  default: false\n  relation: none\n  \
        description: A.\n  requires: [{processors: 2}]\nrefused:\n- {names: [b], because: gone}\n";
    let table = Table::parse(Path::new("x.yaml"), text).unwrap();
    let cases = table.cases(Selection::All);
    let needs =
        |case: &Case| case.requirements.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>();
    for case in &cases {
        let own = case.name == "x::a=true";
        let expected: &[&str] =
            if own { &["Devices(1)", "Processors(2)"] } else { &["Devices(1)"] };
        assert_eq!(needs(case), expected, "{}", case.name);
    }
    let kinds = |kind| cases.iter().filter(|case| case.kind == kind).count();
    assert!(kinds(Kind::Baseline) == 1 && kinds(Kind::Valid) == 1 && kinds(Kind::Negative) > 2);
    let faults = Table::parse(Path::new("x.yaml"), &text.replace("devices: 1", "gpus: 1"));
    assert_eq!(faults.unwrap_err()[0].key, "requires");
}

#[test]
fn what_must_be_refused_needs_what_the_parameter_needs() {
    let entry = "- {path: config.GPTQ.bits, samples: [4], requires: [{package: gptq}]}\n";
    let table = table(entry).unwrap_or_else(|faults| panic!("{faults}"));
    let cases = table.cases(Selection::All);
    let of = |kind| cases.iter().filter(move |case| case.kind == kind && case.parameter.is_some());
    let wanted = [Requirement::Package("gptq".to_owned())];
    for kind in [Kind::Valid, Kind::Negative] {
        let case = of(kind).next().unwrap_or_else(|| panic!("no case is {kind:?}"));
        assert_eq!(case.requirements, wanted, "{}", case.name);
    }
}

#[test]
fn what_is_wrong_over_a_surface_is_told_with_its_line() {
    let told = table(
        "- {path: seq}
- {path: nothing.like.it}
- {path: opaque}
- {path: stop}
- {path: space}
- {path: seqs, beyond: no reason, samples: [0]}
- {path: rank, choices: [2, 4]}
- {path: share, type: string, default: 1, bounds: {ge: 0}}
- {path: more, beyond: '', section: engine, type: bool, default: false}
- {path: less, beyond: a reason}
- path: eager
  relation: changes
  with: {stopp: 1}
- {path: kind, default: fp4}
",
    );
    insta::assert_snapshot!(told.unwrap_err(), @r#"
    x.yaml:6: seq: is not in x 1.0; did you mean `seqs`? If not, say with `beyond` why it is here all the same
    x.yaml:7: nothing.like.it: is not in x 1.0; say with `beyond` why it is here all the same
    x.yaml:8: opaque: has no `type`; add it: bool, int, float, string, enum, list, map, or a list of these
    x.yaml:9: stop: yields no value to try; add `samples`, `bounds` or `choices`
    x.yaml:10: space: yields no value to try; add `samples`, `bounds` or `choices`
    x.yaml:11: seqs.beyond: `seqs` is in x 1.0; remove `beyond`
    x.yaml:11: seqs.samples.0: 0 is out of bounds (>= 1); correct it, or the bounds
    x.yaml:13: share.bounds: bounds need the type int or float; remove them
    x.yaml:13: share.default: 1 is not of type string; correct it, or the `type`
    x.yaml:13: share: yields no value to try; add `samples`, `bounds` or `choices`
    x.yaml:14: more.beyond: is not one line of text; say in one why it is here
    x.yaml:15: less: has no `section`; add it: load, engine, build, runtime or sampling
    x.yaml:15: less: has no `type`; add it: bool, int, float, string, enum, list, map, or a list of these
    x.yaml:15: less: has no `default`; add it: what the engine has, or null
    x.yaml:18: eager.with.stopp: no parameter is named `stopp`; did you mean `stop`?
    x.yaml:19: kind.default: "fp4" is not one of the choices ["fp8"]; add it there, or take one
    "#);
}

#[test]
fn the_faults_of_a_surface_are_its_own() {
    let told = |surface| parse(surface, "- {path: a}\n").unwrap_err();
    insta::assert_snapshot!(
        told("engine: x\nversion: '1'\nmethod: m\nparams:\n- {path: a, type: integer}\n"),
        @r#"surface.yaml:5: a.type: must be bool, int, float, string, enum, list, map, or a list of these, and is ["integer"]"#
    );
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x.yaml");
    let text = "backend: x\nengine: x 1\nover: gone.yaml\nbaseline: {}\nparams:\n- {path: a}\n";
    let faults = Table::parse(&file, text).unwrap_err();
    assert!(faults[0].file.ends_with("gone.yaml") && faults.len() == 1, "{faults:?}");
    let faults = Table::parse(&file, &text.replace("gone.yaml", "[7]")).unwrap_err();
    assert_eq!((faults[0].line, faults[0].key.as_str()), (Some(3), "over"));
}

#[test]
fn a_file_of_its_own_has_no_beyond() {
    let text = "backend: x\nengine: x 1\nbaseline: {}\nparams:\n- {path: a, beyond: b, \
        section: load, type: bool, default: false, relation: none, description: A.}\n";
    let faults = Table::parse(Path::new("x.yaml"), text).unwrap_err();
    assert_eq!((faults.len(), faults[0].key.as_str()), (1, "a.beyond"));
}

/// Every name of the kept surfaces can stand in a parameter file with a sample and, where the
/// surface has none, a type. How long that takes is printed, as every test process does it.
#[test]
fn the_kept_surfaces_can_be_stood_over() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("params");
    for name in ["vllm-0.24.0", "transformers-5.23.0"] {
        let surface = format!("upstream/{name}.yaml");
        let known = Surface::load(&folder.join(&surface)).unwrap();
        let entries = known.params.iter().map(|one| {
            let mut entry = json!({"path": one.path});
            if one.types.is_empty() {
                entry["type"] = "string".into();
            }
            entry["samples"] = match one.types.first().map_or("string", |one| one.word()) {
                "string" => json!(["a-sample"]),
                "int" => json!([97]),
                "float" => json!([0.97]),
                "list" => json!([["a"]]),
                "map" => json!([{"a": 1}]),
                _ => json!([]),
            };
            if one.choices.len() == 1 {
                entry["choices"] = json!([one.choices[0], "another"]);
            }
            entry
        });
        let file = json!({
            "backend": "x", "engine": "x", "over": surface, "baseline": {},
            "params": entries.collect::<Vec<_>>(),
        });
        let begun = Instant::now();
        let table = Table::parse(&folder.join("x.yaml"), &file.to_string());
        let cases = table.map(|table| table.cases(Selection::All).len());
        println!("{name}: {:?} cases in {:?}", cases, begun.elapsed());
        assert!(cases.is_ok_and(|cases| cases > 2 * known.params.len()));
    }
}

proptest! {
    /// Whatever a surface says of a name, its entry is taken or refused with a line; what is tried
    /// of it is a value, and what must be refused is none.
    #[test]
    fn any_surface_can_be_stood_over(
        types in prop::collection::vec(
            prop::sample::select(vec!["bool", "int", "float", "string", "enum", "list", "map"]),
            0..3,
        ),
        choices in prop::collection::vec(
            prop_oneof![any::<i32>().prop_map(Value::from), "[a-zN]{0,5}".prop_map(Value::from)],
            0..4,
        ),
        ends in prop::collection::btree_map(
            prop::sample::select(vec!["ge", "gt", "le", "lt"]), any::<i32>(), 0..3,
        ),
        optional in any::<bool>(),
        sample in prop::option::of(prop_oneof![Just(json!("b")), Just(json!(3)), Just(json!([1]))]),
    ) {
        let mut declared = json!({
            "path": "knob", "section": "load", "optional": optional, "choices": choices,
            "bounds": ends, "default": null,
        });
        if !types.is_empty() {
            declared["type"] = types.into();
        }
        let surface = json!({
            "engine": "x", "version": "1", "method": "m", "params": [declared],
        });
        let mut entry = json!({"path": "knob"});
        if let Some(sample) = sample {
            entry["samples"] = json!([sample]);
        }
        match parse(&surface.to_string(), &format!("- {entry}\n")) {
            Ok(table) => {
                let (tried, refused) = (values(&table.params[0]), negatives(&table.params[0]));
                prop_assert!(!tried.is_empty() && !refused.is_empty());
                for value in refused {
                    prop_assert!(!tried.iter().any(|one| same_value(one, &value)), "{value}");
                }
            }
            Err(told) => prop_assert!(told.lines().all(|line| line.contains(".yaml:")), "{told}"),
        }
    }
}
