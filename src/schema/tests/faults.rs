//! What loading says about files that are wrong.

use std::path::Path;

use crate::schema::{SchemaFault, Selection, Table, load_all};

fn lines(faults: &[SchemaFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The faults of a whole file.
fn of_file(text: &str) -> String {
    lines(&Table::parse(Path::new("x.yaml"), text).unwrap_err())
}

/// The faults of the entries `params` (their list items, as they stand in a file).
fn of(params: &str) -> String {
    of_file(&file(params))
}

fn file(params: &str) -> String {
    format!("backend: x\nengine: x 1\nbaseline: {{}}\nparams:\n{params}")
}

const SOUND: &str = "\
- path: top_k
  section: sampling
  type: int
  default: 50
  bounds: {ge: 0}
  samples: [5]
  with: {do_sample: true}
  relation: changes
  per_value:
  - {values: [1], relation: 'equals:@baseline'}
  description: Keeps the k most likely tokens.
- path: do_sample
  section: sampling
  type: bool
  default: false
  relation: none
  description: Draws.
- path: dtype
  section: load
  type: enum
  choices: [auto, float16]
  default: auto
  aliases: [torch_dtype]
  since: '1.0'
  relation: none
  description: The number format.
";

#[test]
fn a_sound_file_has_cases() {
    let table = Table::parse(Path::new("x.yaml"), &file(SOUND)).unwrap();
    let names = |selection| {
        let cases = table.cases(selection);
        cases.into_iter().map(|case| case.name).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(names(Selection::All), @"
        x::@baseline
        x::top_k=0
        x::top_k=1
        x::top_k=25
        x::top_k=100
        x::top_k=5
        x::!top_k=-1
        x::!top_k=0.5
        x::!top_k=nonesuch
        x::!top_k=true
        x::do_sample=true
        x::!do_sample=nonesuch
        x::!do_sample=7
        x::dtype=float16
        x::torch_dtype=float16
        x::!dtype=nonesuch
        x::!dtype=true
        x::!dtype=7
        x::!dype=float16
        x::!tp_k=5
        ");
    insta::assert_snapshot!(names(Selection::Quick), @"
        x::@baseline
        x::top_k=5
        x::do_sample=true
        x::dtype=float16
        ");
}

#[test]
fn every_fault_of_a_file_is_told_at_once() {
    insta::assert_snapshot!(
        of(
            "- path: temperature
  section: sample
  type: float
  default: 1
  bound: {gt: 0}
  relation: change
  description: ''
- path: top_k
  section: sampling
  type: int
  default: -1
  bounds: {ge: 0, gee: 1}
  samples: [5, -5, 5, 1.5]
  relation: none
- path: top_p
  section: sampling
  type: float
  default: 1.0
  bounds: {ge: 1, le: 0}
  samples: [0.5, 1.0]
  with: {do_smaple: true, top_k: 5}
  relation: none
  description: Two
    lines are folded into one.
"
        ),
        @r#"
        x.yaml:6: temperature.section: must be load, engine, build, runtime or sampling, and is "sample"
        x.yaml:9: temperature.bound: unknown key; did you mean `bounds`?
        x.yaml:10: temperature.relation: must be same_tokens, changes, limits, none or equals:<case>, and is "change"
        x.yaml:12: top_k.description: is not one line of text; say in one what it does
        x.yaml:15: top_k.default: -1 is out of bounds (>= 0); correct it, or the bounds
        x.yaml:16: top_k.bounds.gee: unknown key; did you mean `ge`?
        x.yaml:17: top_k.samples.2: 5 stands twice; remove one of them
        x.yaml:17: top_k.samples.1: -5 is out of bounds (>= 0); correct it, or the bounds
        x.yaml:17: top_k.samples.3: 1.5 is not of type int; correct it, or the `type`
        x.yaml:19: top_p: yields no value to try; add `samples`, `bounds` or `choices`
        x.yaml:22: top_p.default: 1.0 is out of bounds (>= 1 and <= 0); correct it, or the bounds
        x.yaml:23: top_p.bounds: no value lies inside (>= 1 and <= 0); widen them
        x.yaml:24: top_p.samples.0: 0.5 is out of bounds (>= 1 and <= 0); correct it, or the bounds
        x.yaml:24: top_p.samples.1: 1.0 is out of bounds (>= 1 and <= 0); correct it, or the bounds
        x.yaml:25: top_p.with.do_smaple: no parameter is named `do_smaple`; add it to `params`, or remove it here
        "#);
}

#[test]
fn faults_of_the_whole_file() {
    insta::assert_snapshot!(of_file("backend: x\nengin: 1\nparams: []\n"), @"
        x.yaml:1: has no `engine`; add it: which engine and version this is
        x.yaml:1: has no `baseline`; add it: a mapping of parameters to values
        x.yaml:2: engin: unknown key; did you mean `engine`?
        x.yaml:3: params: is empty, and nothing would be tested; add an entry
        ");
    insta::assert_snapshot!(of_file("[]"), @"x.yaml:1: must be a mapping of keys to values, and is []");
    insta::assert_snapshot!(of_file("backend: x\nbackend: y\n"), @"x.yaml:2: key `backend` stands here again, first at line 1; remove one of them");
    insta::assert_snapshot!(of_file("backend: x\nparams: 5\nengine: x\nbaseline: {}\n"), @"x.yaml:2: params: must be a list of parameters, and is 5");
    insta::assert_snapshot!(of("- 5\n- path: [1]\n"), @"
        x.yaml:5: params.0: must be a mapping of keys to values, and is 5
        x.yaml:6: params.1.path: must be the dotted path, and is [1]
        x.yaml:6: params.1: has no `section`; add it: load, engine, build, runtime or sampling
        x.yaml:6: params.1: has no `type`; add it: bool, int, float, string, enum, list, map, or a list of these
        x.yaml:6: params.1: has no `default`; add it: what the engine has, or null
        x.yaml:6: params.1: has no `relation`; add it: same_tokens, changes, limits, none or equals:<case>
        ");
    let baseline = file(SOUND).replace("baseline: {}", "baseline: {top_k: -1, no: 1}");
    insta::assert_snapshot!(of_file(&baseline), @"
        x.yaml:3: baseline.no: no parameter is named `no`; add it to `params`, or remove it here
        x.yaml:3: baseline.top_k: -1 is out of bounds (>= 0); correct it, or the bounds
        ");
}

#[test]
fn a_sample_that_the_baseline_has_tests_nothing() {
    let text = file(SOUND).replace("baseline: {}", "baseline: {top_k: 5}");
    insta::assert_snapshot!(of_file(&text), @"x.yaml:10: top_k.samples.0: 5 is the baseline and tests nothing; remove it");
}

/// The faults of one entry with `keys`, over an entry that is sound but for them.
fn entry(keys: &str) -> String {
    let defaults = [
        ("path", "path: knob"),
        ("section", "section: sampling"),
        ("type", "type: int"),
        ("default", "default: 1"),
        ("bounds", "bounds: {ge: 0}"),
        ("relation", "relation: none"),
        ("description", "description: A knob."),
    ];
    let set = |key: &str| keys.lines().any(|line| line.starts_with(&format!("{key}:")));
    let kept = defaults.iter().filter(|(key, _)| !set(key));
    let mut lines: Vec<&str> = kept.map(|(_, line)| *line).collect();
    // An empty key takes the default out.
    lines.extend(keys.lines().filter(|line| !line.ends_with(':')));
    let entry = format!("- {}\n", lines.join("\n  "));
    of(&format!("{entry}{SOUND}"))
}

#[test]
fn faults_of_a_single_entry() {
    let entries = [
        "path: Top K",
        "path: top_k",
        "aliases: [torch_dtype]",
        "type: number",
        "type: []",
        "type: float",
        "type: enum\nbounds:\ndefault: a",
        "type: string\ndefault: a\nbounds: {ge: 0}",
        "type: string\ndefault: a\nbounds:",
        "type: list\nbounds:\ndefault: null",
        "optional: perhaps",
        "default: 1.5",
        "bounds: {ge: 0, gt: 0}",
        "bounds: {gt: 1, lt: 2}",
        "bounds: {le: 2, lt: 3}",
        "bounds: {ge: zero}",
        "bounds: 3",
        "bounds:\ndefault: 0",
        "choices: [1, 2, 2]\nbounds:",
        "choices: [1, 2]\ndefault: 3\nbounds:",
        "samples: [1]",
        "samples: ['@tokn.1']",
        "generate: none",
        "generate: samples",
        "quick: 99",
        "negatives: [2]",
        "with: {knob: 2}",
        "with: {top_q: 2}",
        "with: {top_k: many}",
        "brings: {top_k: -1}",
        "with: {top_k: 2}\nconflicts: [top_k]",
        "conflicts: [knob, topk]",
        "requires: [{device: 1}]",
        "relation: equals",
        "relation: 'equals:top_k=7'",
        "relation: 'equals:!top_k=-1'",
        "per_value: [{values: [77]}]",
        "per_value: [{values: [2], relation: none}, {values: [2.0]}]",
        "per_value: [{value: [2]}]",
        "refused: [{value: 2, with: {nothing: 1}}]",
        "refused: [{value: 2, with: {nothing: 1}, because: It is there.}]",
        "refused: [{value: -1, with: {}, because: It is twice.}]",
        "description:",
        "description: ' '",
    ];
    let shown = entries.map(|keys| format!("# {}\n{}", keys.replace('\n', "; "), entry(keys)));
    insta::assert_snapshot!(shown.join("\n"), @r#"
        # path: Top K
        x.yaml:11: Top K.path: must be words of a-z, 0-9 and _ (and A-Z after a dot), joined by dots
        # path: top_k
        x.yaml:12: top_k.path: `top_k` already names the parameter `top_k`; rename one
        # aliases: [torch_dtype]
        x.yaml:35: dtype.aliases.0: `torch_dtype` already names the parameter `knob`; rename one
        # type: number
        x.yaml:11: knob.type: must be bool, int, float, string, enum, list, map, or a list of these, and is ["number"]
        # type: []
        x.yaml:11: knob.type: must be bool, int, float, string, enum, list, map, or a list of these, and is []
        # type: float
        x.yaml:7: knob.default: 1 is not of type float; write a float with its point
        # type: enum; bounds:; default: a
        x.yaml:5: knob: is an enum without `choices`; list them
        x.yaml:5: knob: yields no value to try; add `samples`, `bounds` or `choices`
        x.yaml:10: knob.default: "a" is not one of the choices []; add it there, or take one
        # type: string; default: a; bounds: {ge: 0}
        x.yaml:5: knob: yields no value to try; add `samples`, `bounds` or `choices`
        x.yaml:11: knob.bounds: bounds need the type int or float; remove them
        # type: string; default: a; bounds:
        x.yaml:5: knob: yields no value to try; add `samples`, `bounds` or `choices`
        # type: list; bounds:; default: null
        x.yaml:5: knob: yields no value to try; add `samples`, `bounds` or `choices`
        x.yaml:10: knob.default: null needs `optional: true`; add it, or give a value
        # optional: perhaps
        x.yaml:12: knob.optional: must be true or false, and is "perhaps"
        # default: 1.5
        x.yaml:11: knob.default: 1.5 is not of type int; correct it, or the `type`
        # bounds: {ge: 0, gt: 0}
        x.yaml:11: knob.bounds: `ge` and `gt` are both set; keep one of them
        # bounds: {gt: 1, lt: 2}
        x.yaml:5: knob: yields no value to try; add `samples`, `bounds` or `choices`
        x.yaml:8: knob.default: 1 is out of bounds (> 1 and < 2); correct it, or the bounds
        x.yaml:11: knob.bounds: no value lies inside (> 1 and < 2); widen them
        # bounds: {le: 2, lt: 3}
        x.yaml:11: knob.bounds: `le` and `lt` are both set; keep one of them
        # bounds: {ge: zero}
        x.yaml:11: knob.bounds.ge: must be a number, and is "zero"
        # bounds: 3
        x.yaml:11: knob.bounds: must be a mapping of keys to values, and is 3
        # bounds:; default: 0
        x.yaml:5: knob: yields no value to try; add `samples`, `bounds` or `choices`
        # choices: [1, 2, 2]; bounds:
        x.yaml:11: knob.choices.2: 2 stands twice; remove one of them
        # choices: [1, 2]; default: 3; bounds:
        x.yaml:11: knob.default: 3 is not one of the choices [1, 2]; add it there, or take one
        # samples: [1]
        x.yaml:12: knob.samples.0: 1 is the default and tests nothing; remove it
        # samples: ['@tokn.1']
        x.yaml:12: knob.samples.0: `@tokn.1` is no reference; write `@token.N`, `@text.N` or `@model`
        # generate: none
        x.yaml:12: knob.generate: must be all or samples, and is "none"
        # generate: samples
        x.yaml:5: knob: yields no value to try; add `samples`, or remove `generate: samples`
        # quick: 99
        x.yaml:12: knob.quick: 99 is not among the values that are tried; add it to `samples`
        # negatives: [2]
        x.yaml:12: knob.negatives.0: 2 is accepted as a value; remove one of the two
        # with: {knob: 2}
        x.yaml:12: knob.with.knob: a parameter cannot be its own companion; remove it
        # with: {top_q: 2}
        x.yaml:12: knob.with.top_q: no parameter is named `top_q`; did you mean `top_k`?
        # with: {top_k: many}
        x.yaml:12: knob.with.top_k: "many" is not of type int; correct it, or the `type`
        # brings: {top_k: -1}
        x.yaml:12: knob.brings.top_k: -1 is out of bounds (>= 0); correct it, or the bounds
        # with: {top_k: 2}; conflicts: [top_k]
        x.yaml:12: knob.with.top_k: `top_k` is among the `conflicts` too; keep one
        # conflicts: [knob, topk]
        x.yaml:12: knob.conflicts.0: a parameter cannot conflict with itself; remove it
        x.yaml:12: knob.conflicts.1: no parameter is named `topk`; did you mean `top_k`?
        # requires: [{device: 1}]
        x.yaml:12: knob.requires: must be a list of `devices: N`, `compute_capability: "M.N"`, `feature: NAME`, `architecture: [NAME]`, `model: sliding_window | full_attention`, `processors: N`, `package: NAME`, `cpu: FLAG` or `system: NAME`, and is [{"device":1}]
        # relation: equals
        x.yaml:11: knob.relation: must be same_tokens, changes, limits, none or equals:<case>, and is "equals"
        # relation: 'equals:top_k=7'
        x.yaml:11: knob.relation: there is no valid case `x::top_k=7`; take a name that `wattest params list` shows
        # relation: 'equals:!top_k=-1'
        x.yaml:11: knob.relation: there is no valid case `x::!top_k=-1`; take a name that `wattest params list` shows
        # per_value: [{values: [77]}]
        x.yaml:12: knob.per_value.0.values.0: 77 is not among the values that are tried; add it to `samples`
        # per_value: [{values: [2], relation: none}, {values: [2.0]}]
        x.yaml:12: knob.per_value.1.values.0: 2.0 stands twice; keep one of them
        # per_value: [{value: [2]}]
        x.yaml:12: knob.per_value.0: has no `values`; add it: a list of values
        x.yaml:12: knob.per_value.0.value: unknown key; did you mean `values`?
        # refused: [{value: 2, with: {nothing: 1}}]
        x.yaml:12: knob.refused.0: has no `because`; add it: why
        # refused: [{value: 2, with: {nothing: 1}, because: It is there.}]
        x.yaml:12: knob.refused.0.with.nothing: no parameter is named `nothing`; add it to `params`, or remove it here
        # refused: [{value: -1, with: {}, because: It is twice.}]
        x.yaml:5: knob: two cases are named `x::!knob=-1`; remove one
        # description:
        x.yaml:5: knob.description: is not one line of text; say in one what it does
        # description: ' '
        x.yaml:11: knob.description: is not one line of text; say in one what it does
        "#);
}

#[test]
fn a_comparison_with_what_is_known_later_is_refused() {
    let text = file(SOUND).replace("samples: [5]", "samples: [5, '@token.0']");
    let text = text.replace(
        "relation: none\n  description: Draws.",
        "relation: 'equals:top_k=@token.0'\n  description: Draws.",
    );
    insta::assert_snapshot!(of_file(&text), @"x.yaml:20: do_sample.relation: the settings of `x::top_k=@token.0` hold references; compare with a case of fixed values");
}

#[test]
fn a_folder_has_its_files_checked() {
    let folder = tempfile::tempdir().unwrap();
    let load = || {
        let faults = load_all(folder.path()).map(|tables| tables.len()).unwrap_err();
        lines(&faults).replace(&folder.path().display().to_string(), "params")
    };
    insta::assert_snapshot!(load(), @"params: has no parameter file; add `<backend>.yaml`");
    std::fs::write(folder.path().join("y.yaml"), file(SOUND)).unwrap();
    insta::assert_snapshot!(load(), @r#"params/y.yaml:1: backend: is "x"; a file of parameters is named after its backend: rename one"#);
    std::fs::remove_file(folder.path().join("y.yaml")).unwrap();
    std::fs::write(folder.path().join("x.yaml"), file(SOUND)).unwrap();
    assert_eq!(load_all(folder.path()).unwrap().len(), 1);
    let missing = lines(&load_all(&folder.path().join("none")).unwrap_err());
    assert!(missing.contains("cannot be read"), "{missing}");
}

#[test]
fn an_included_file_brings_its_entries_and_its_own_lines() {
    let folder = tempfile::tempdir().unwrap();
    let own = "backend: x\nengine: x 1\ninclude: shared/y.yaml\nparams:\n";
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("shared")).unwrap();
    let faults = || {
        let told = lines(&load_all(folder.path()).unwrap_err());
        told.replace(&folder.path().display().to_string(), "params")
    };
    let (first, rest) = SOUND.split_at(SOUND.find("- path: dtype").unwrap());
    write("x.yaml", format!("{own}{rest}"));
    assert!(faults().contains("params/shared/y.yaml: cannot be read"), "{}", faults());

    write("shared/y.yaml", format!("baseline: {{do_sample: true}}\nparams:\n{first}"));
    let tables = load_all(folder.path()).unwrap();
    let paths: Vec<&str> = tables[0].params.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, ["top_k", "do_sample", "dtype"]);
    assert_eq!(tables[0].baseline.get("do_sample"), Some(&true.into()));

    write("shared/y.yaml", format!("params:\n{}", first.replace("Draws.", "''")));
    write("x.yaml", format!("{own}{}", rest.replace("1.0", "1.0'\n  shape: 'x")));
    insta::assert_snapshot!(faults(), @r"
    params/x.yaml:12: dtype.shape: unknown key; remove it, or use one of: path, section, type, default, relation, bounds, optional, choices, samples, negatives, refused, known, generate, quick, with, brings, requires, conflicts, per_value, aliases, since, deprecated, until, description
    params/shared/y.yaml:1: has no `baseline`; add it: a mapping of parameters to values
    params/shared/y.yaml:18: do_sample.description: is not one line of text; say in one what it does
    ");
}
