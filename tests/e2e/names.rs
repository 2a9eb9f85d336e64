//! Other names of parameters, and names that are refused with a reason.

use crate::support::{Place, params_in, without};

#[test]
fn run_takes_other_names_and_refuses_declared_ones() {
    let place = params_in(Place::new());
    place.wattest(&["model", "new", "--arch", "llama", "model"]).exits(0);
    place.write(
        "requests.jsonl",
        concat!(
            "{\"prompt_tokens\": [3], \"settings\": {\"max_output_tokens\": 3}}\n",
            "{\"prompt_tokens\": [3], \"settings\": {\"max_output_tokens\": 3, \"max_new_tokens\": 4}}\n",
            "{\"prompt_tokens\": [3], \"settings\": {\"dataset.name\": \"x\"}}\n",
        ),
    );
    let words = ["run", "--backend", "candle", "--model", "model", "--requests", "requests.jsonl"];
    let run = place.wattest(&words).exits(0);
    let answers: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers[0]["tokens"][0].as_array().unwrap().len(), 3, "{run:?}");
    insta::assert_snapshot!(answers[0]["notes"], @r#"["max_output_tokens is another name of max_new_tokens"]"#);
    insta::assert_snapshot!(answers[1]["error"]["message"], @r#""max_output_tokens = 3 is refused: another name of max_new_tokens, which is set to 4 beside it; set one of them""#);
    insta::assert_snapshot!(answers[2]["error"]["message"], @r#""dataset.name = \"x\" is refused: not a parameter of candle: prompts are not settings; each is a line of `wattest run --requests FILE`""#);
    // Without parameter files a backend is asked as it is.
    std::fs::remove_dir_all(place.path("params")).unwrap();
    place.wattest(&words).exits(0).says("max_output_tokens = 3 is refused: no such parameter");
    place
        .wattest(&[&words[..], &["--params", "params"]].concat())
        .exits(2)
        .complains("cannot be read");
}

#[test]
fn a_name_that_is_refused_in_the_file_and_taken_by_the_backend_fails() {
    let place = params_in(Place::new());
    let file = "params/shared/generation.yaml";
    let text = without(&place.read(file), "renormalize_logits");
    let entry = "refused:\n- {names: [renormalize_logits], because: it is said to be gone}\n";
    place.write(file, &text.replacen("refused:\n", entry, 1));
    let words = ["test", "--params", "params", "--backend", "candle", "--out", "out"];
    place
        .wattest(&[&words[..], &["!renormalize_logits", "!token_healing"]].concat())
        .exits(101)
        .says("1 passed; 1 failed")
        .says("renormalize_logits = true was accepted; it must be refused");
}
