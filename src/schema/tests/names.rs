//! The other names of the parameters of this repository, and the names that are refused.

use std::collections::BTreeSet;
use std::path::Path;

use crate::schema::{Kind, Reference, Relation, Selection, Table, load_all};
use crate::settings::Settings;

fn tables() -> Vec<Table> {
    load_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("params")).unwrap()
}

fn one(name: &str, value: crate::settings::Value) -> Settings {
    [(name, value)].into_iter().collect()
}

#[test]
fn every_alias_has_a_case_that_must_give_what_its_parameter_gives() {
    for table in tables() {
        let cases = table.cases(Selection::All);
        for param in &table.params {
            for alias in &param.aliases {
                let mut own = cases.iter().filter(|case| case.alias.as_ref() == Some(alias));
                let case = own.next().unwrap_or_else(|| panic!("{alias} has no case"));
                assert!(own.next().is_none(), "{alias}: one case is enough");
                assert_eq!(case.kind, Kind::Valid);
                assert!(case.name.starts_with(&format!("{}::{alias}=", table.backend)));
                assert_eq!(case.parameter.as_ref(), Some(&param.path));
                let given = case.given();
                assert_eq!((given.get(alias), given.get(&param.path)), (case.value.as_ref(), None));
                let named = table.names().resolve(&given).unwrap();
                assert_eq!(named.settings, case.settings, "{}", case.name);
                assert_eq!(named.notes, [format!("{alias} is another name of {}", param.path)]);
                if !case.settings.iter().any(|(_, value)| Reference::within(value)) {
                    let Relation::Equals(own) = &case.relation else { panic!("{}", case.name) };
                    assert_eq!(case.settings, table.case(own).unwrap().settings);
                }
            }
        }
    }
}

#[test]
fn every_refused_name_has_a_negative_case_and_is_refused_for_its_reason() {
    for table in tables() {
        // An engine over its surface refuses names of its own accord.
        let own = table.params.iter().all(|param| param.origin.is_file());
        assert!(
            table.refused.len() >= if own { 45 } else { 1 },
            "{}: {}",
            table.backend,
            table.refused.len()
        );
        let cases = table.cases(Selection::All);
        for refused in &table.refused {
            let case = cases.iter().find(|case| case.parameter.as_ref() == Some(&refused.name));
            let case = case.unwrap_or_else(|| panic!("{} has no case", refused.name));
            assert_eq!(case.kind, Kind::Negative, "{}", case.name);
            let refusal = table.names().resolve(&case.given()).unwrap_err();
            assert_eq!(refusal.parameter, refused.name);
            assert!(refusal.rule.contains(&refused.because), "{refusal}");
            assert!(refused.instead.iter().all(|text| refusal.rule.contains(text)), "{refusal}");
        }
    }
}

/// Cases that are refused before any engine is asked for shall not cost one.
#[test]
fn refused_names_share_the_engine_of_the_baseline() {
    for table in tables() {
        let cases = table.cases(Selection::All);
        let key = |case: &crate::schema::Case| case.load_settings().key();
        let refused: BTreeSet<&str> = table.refused.iter().map(|one| one.name.as_str()).collect();
        for case in &cases {
            if case.parameter.as_deref().is_some_and(|path| refused.contains(path)) {
                assert_eq!(key(case), key(&cases[0]), "{}", case.name);
            }
        }
    }
}

#[test]
fn a_backend_knows_no_name_but_those_of_its_parameters() {
    // Over a surface the names are the engine's own, other names among them.
    let is_ours = |table: &Table| table.params.iter().all(|one| one.origin.is_file());
    for table in tables().into_iter().filter(is_ours) {
        let Some(backend) = crate::backends::find(&table.backend, &Default::default()) else {
            panic!("there is no backend {}", table.backend)
        };
        if backend.availability() != crate::backends::Availability::Ready {
            continue;
        }
        let refused = table.refused.iter().map(|one| one.name.as_str());
        let aliases = table.params.iter().flat_map(|one| &one.aliases).map(String::as_str);
        for name in refused.chain(aliases) {
            let error = backend.check(&one(name, true.into())).unwrap_err();
            assert!(error.to_string().contains("no such parameter"), "{name}: {error}");
        }
    }
}

/// The faults of a file whose keys beside the parameters are `top`.
fn faults(top: &str) -> String {
    let text = format!(
        "backend: x\nengine: x 1\nbaseline: {{}}\n{top}params:\n- {{path: dtype, section: load, \
         type: bool, default: false, relation: none, aliases: [torch_dtype, Torch-Type], \
         description: D.}}\n"
    );
    let faults = Table::parse(Path::new("x.yaml"), &text).unwrap_err();
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

#[test]
fn what_is_wrong_with_declared_names_is_told() {
    let told = faults(
        "include: {a: b}
refused:
- {names: [dtype, torch_dtype, gone, gone, Gone], because: ''}
- {names: x, because: why, insted: y}
- {because: why}
excluded:
- {names: [gone], because: why, expires: 2027-01-31}
- {names: [late], because: \"two\\nlines\", expires: soon}
surfaces: upstream.yaml
",
    );
    insta::assert_snapshot!(told, @r#"
    x.yaml:4: include: must be the path of a file, or a list of them, and is {"a":"b"}
    x.yaml:6: refused.0: "" is not one line of text; say it in one
    x.yaml:6: refused.0.names.0: `dtype` names a parameter too; remove one of them
    x.yaml:6: refused.0.names.1: `torch_dtype` names a parameter too; remove one of them
    x.yaml:6: refused.0.names.3: `gone` stands here twice; remove one of them
    x.yaml:6: refused.0.names.4: must be words of a-z, 0-9 and _ (and A-Z after a dot), joined by dots
    x.yaml:7: refused.1.names: must be a list of names, and is "x"
    x.yaml:7: refused.1.insted: unknown key; did you mean `instead`?
    x.yaml:8: refused.2: has no `names`; add it: a list of names
    x.yaml:10: excluded.0.names.0: `gone` stands here twice; remove one of them
    x.yaml:11: excluded.1.expires: must be a day, as 2027-01-31, and is "soon"
    x.yaml:12: surfaces: must be a list of files, and is "upstream.yaml"
    x.yaml:14: dtype.aliases.1: must be words of a-z, 0-9 and _ (and A-Z after a dot), joined by dots
    "#);
}

#[test]
fn several_files_are_included_and_one_may_have_names_alone() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let entry = |name: &str| {
        format!(
            "- {{path: {name}, section: load, type: bool, default: false, relation: none, \
             description: D.}}\n"
        )
    };
    write(
        "x.yaml",
        &format!(
            "backend: x\nengine: x 1\ninclude: [one.yaml, two.yaml]\nsurfaces: [up/x.yaml]\n\
             refused:\n- {{names: [own], because: why}}\nparams:\n{}",
            entry("b")
        ),
    );
    write("one.yaml", &format!("baseline: {{a: true}}\nparams:\n{}", entry("a")));
    write("two.yaml", "refused:\n- {names: [two], because: why}\n");
    let load = || Table::load(&folder.path().join("x.yaml"));
    let table = load().unwrap();
    let names: Vec<&str> = table.refused.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["two", "own"]);
    assert_eq!(table.params.len(), 2);
    assert_eq!(table.surfaces, [folder.path().join("up/x.yaml")]);

    write("two.yaml", "refused:\n- {names: [a, two], becaus: why}\n");
    let told: String = load().unwrap_err().iter().map(|fault| format!("{fault}\n")).collect();
    insta::assert_snapshot!(
        told.replace(&folder.path().display().to_string(), "params"),
        @r#"
        params/two.yaml:2: refused.0: has no `because`; add it: why
        params/two.yaml:2: refused.0.becaus: unknown key; did you mean `because`?
        params/two.yaml:2: refused.0.names.0: `a` names a parameter too; remove one of them
        "#
    );
}

#[test]
fn a_person_is_told_why_and_what_to_do() {
    let table = tables().into_iter().find(|table| table.backend == "pytorch").unwrap();
    let told = |name| table.names().resolve(&one(name, true.into())).unwrap_err().to_string();
    insta::assert_snapshot!(
        ["torch_compile", "beam_search.enabled", "model_name", "decoder.preset"].map(told).join("\n"),
        @"
        torch_compile = true is refused: not a parameter of pytorch: it is the Python code of a model that is compiled, and none runs here; it is for the transformers backend, which is planned
        beam_search.enabled = true is refused: not a parameter of pytorch: the number of beams is the switch; set num_beams above 1
        model_name = true is refused: not a parameter of pytorch: the model is not a setting; name its directory with `--model`
        decoder.preset = true is refused: not a parameter of pytorch: one name for several settings hides what is set; set them: deterministic is do_sample=false; standard is do_sample=true, top_p=0.95; creative is do_sample=true, temperature=0.8, top_p=0.9, repetition_penalty=1.1; factual is do_sample=true, temperature=0.3
        "
    );
}
