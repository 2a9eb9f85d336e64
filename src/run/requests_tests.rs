use std::ops::Range;

use super::*;
use crate::backends::{Availability, PromptOutput};
use crate::refusal::Refusal;
use crate::schema::Table;

/// A backend whose engine repeats its prompt, and whose only load setting is `dtype`.
struct Echo;

struct EchoEngine {
    dtype: Value,
}

impl Backend for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn availability(&self) -> Availability {
        Availability::Ready
    }

    fn check(&self, settings: &Settings) -> Result<(), BackendError> {
        match settings.get("top_k") {
            Some(value) if value.as_i64() < Some(0) => {
                Err(Refusal::new("top_k", value.clone(), "at least 0").into())
            }
            _ => Ok(()),
        }
    }

    fn load(&self, model: &Path, settings: &Settings) -> Result<Box<dyn Engine>, BackendError> {
        if model == Path::new("absent") {
            return Err(BackendError::Model("absent/config.json: no such file".to_owned()));
        }
        let dtype = settings.get("dtype").cloned().unwrap_or_else(|| "f32".into());
        Ok(Box::new(EchoEngine { dtype }))
    }
}

impl Engine for EchoEngine {
    fn effective(&self) -> Settings {
        [("dtype", self.dtype.clone())].into_iter().collect()
    }

    fn generate_share(
        &mut self,
        prompts: &[Prompt],
        share: Range<usize>,
        settings: &Settings,
    ) -> Result<Generation, BackendError> {
        if let Some(asked) = settings.get("dtype") {
            assert_eq!(*asked, self.dtype, "the wrong engine was asked");
        }
        let scores = settings.get("output_scores").and_then(Value::as_bool) == Some(true);
        let prompts = prompts[share].iter().map(|prompt| {
            let prompt_tokens = match prompt {
                Prompt::Tokens(tokens) => tokens.clone(),
                Prompt::Text(text) => text.bytes().map(u32::from).collect(),
            };
            let row = Row {
                text: format!("{} tokens", prompt_tokens.len()),
                scores: scores
                    .then(|| prompt_tokens.iter().map(|token| vec![(*token, -0.5)]).collect()),
                tokens: prompt_tokens.clone(),
                sequence_score: None,
                finish: Finish::Length,
            };
            PromptOutput { prompt_tokens, rows: vec![row] }
        });
        Ok(Generation {
            prompts: prompts.collect(),
            effective: settings.merged(&self.effective()),
            ..Generation::default()
        })
    }

    fn token_text(&self, token: u32) -> String {
        token.to_string()
    }

    fn architecture(&self) -> String {
        "echo".to_owned()
    }
}

/// `torch_dtype` is another name of `dtype`, and `torch_compile` is refused.
fn names() -> Names {
    let text = "
backend: echo
engine: echo 1
baseline: {}
refused:
- {names: [torch_compile], because: nothing is compiled, instead: use another backend}
params:
- {path: dtype, section: load, type: enum, default: f32, choices: [f32, f16], relation: none,
   aliases: [torch_dtype], description: Number format.}
- {path: top_k, section: sampling, type: int, default: 50, bounds: {ge: 0}, relation: none,
   description: Number of tokens.}
- {path: output_scores, section: sampling, type: bool, default: false, relation: none,
   description: Scores.}
";
    Table::parse(Path::new("echo.yaml"), text).unwrap().names()
}

/// The answers to `requests`, with times set to 0, and the tally.
fn answers(requests: &str, settings: &Settings) -> (String, Tally) {
    let mut output = Vec::new();
    let tally =
        serve(&Echo, Path::new("model"), &names(), settings, requests.as_bytes(), &mut output)
            .unwrap();
    let lines = String::from_utf8(output).unwrap();
    let lines = lines.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if let Some(load_s) = line.pointer_mut("/timings/load_s") {
            *load_s = json!(0);
        }
        format!("{line}\n")
    });
    (lines.collect(), tally)
}

/// Engines in Python take no request parameters when they are loaded.
#[test]
fn an_engine_is_loaded_with_load_settings_alone_where_they_are_known() {
    let settings: Settings = [("dtype", json!("f16")), ("top_k", json!(3))].into_iter().collect();
    let known = names().of_load(&settings);
    assert_eq!(known, Some([("dtype", "f16")].into_iter().collect()));
    assert_eq!(Names::default().of_load(&settings), None);
    let requests = r#"
{"prompt": "a", "settings": {"top_k": 1}}
{"prompt": "a", "settings": {"top_k": 2}}
{"prompt": "a", "settings": {"top_k": 2, "unheard": 1}}
"#;
    let loads = |names: &Names| {
        let input = requests.as_bytes();
        let over = Settings::new();
        serve(&Echo, Path::new("model"), names, &over, input, io::sink()).unwrap().loads
    };
    // What the parameter file does not have may belong to what is loaded.
    assert_eq!(loads(&names()), 2);
    // By what the engine reports.
    assert_eq!(loads(&Names::default()), 1);
}

#[test]
fn every_line_is_answered_in_order_whatever_the_others_do() {
    let requests = r#"
{"prompt_tokens": [1, 2]}
{"prompt": "a", "settings": {"top_k": -1}}
{"prompt": "a"
{"prompt": "a", "prompt_tokens": [1]}
{"promt": "a"}
{"prompt": "ab", "settings": {"output_scores": true}}
"#;
    let over: Settings = [("top_k", 3)].into_iter().collect();
    let (answers, tally) = answers(requests, &over);
    insta::assert_snapshot!(answers, @r##"
    {"tokens":[[1,2]],"text":["2 tokens"],"finish":["length"],"timings":{"prefill_s":0.0,"decode_s":0.0,"load_s":0},"effective":{"dtype":"f32","top_k":3}}
    {"error":{"kind":"refused","line":3,"message":"top_k = -1 is refused: at least 0","parameter":"top_k","value":-1,"rule":"at least 0"}}
    {"error":{"kind":"malformed","line":4,"message":"EOF while parsing an object at column 14; a request is {\"prompt\": \"..\"} or {\"prompt_tokens\": [..]}, with \"settings\": {..} if it has any"}}
    {"error":{"kind":"malformed","line":5,"message":"two prompts: give either `prompt` or `prompt_tokens`"}}
    {"error":{"kind":"malformed","line":6,"message":"unknown field `promt`, expected one of `prompt`, `prompt_tokens`, `settings` at column 8; a request is {\"prompt\": \"..\"} or {\"prompt_tokens\": [..]}, with \"settings\": {..} if it has any"}}
    {"tokens":[[97,98]],"text":["2 tokens"],"finish":["length"],"prompt_tokens":[[97,98]],"timings":{"prefill_s":0.0,"decode_s":0.0},"effective":{"dtype":"f32","output_scores":true,"top_k":3},"scores":[[[97,-0.5]],[[98,-0.5]]]}
    "##);
    assert_eq!(tally, Tally { completed: 2, refused: 1, failed: 3, loads: 1 });
}

#[test]
fn names_are_resolved_before_a_backend_sees_them() {
    let requests = r#"
{"prompt_tokens": [1], "settings": {"torch_dtype": "f16"}}
{"prompt_tokens": [1]}
{"prompt_tokens": [1], "settings": {"torch_dtype": "f16", "dtype": "f32"}}
{"prompt_tokens": [1], "settings": {"torch_compile": true}}
"#;
    let over: Settings = [("dtype", "f32")].into_iter().collect();
    let (answers, tally) = answers(requests, &over);
    insta::assert_snapshot!(answers, @r#"
    {"tokens":[[1]],"text":["1 tokens"],"finish":["length"],"timings":{"prefill_s":0.0,"decode_s":0.0,"load_s":0},"effective":{"dtype":"f16"},"notes":["torch_dtype is another name of dtype"]}
    {"tokens":[[1]],"text":["1 tokens"],"finish":["length"],"timings":{"prefill_s":0.0,"decode_s":0.0,"load_s":0},"effective":{"dtype":"f32"}}
    {"error":{"kind":"refused","line":4,"message":"torch_dtype = \"f16\" is refused: another name of dtype, which is set to \"f32\" beside it; set one of them","parameter":"torch_dtype","value":"f16","rule":"another name of dtype, which is set to \"f32\" beside it; set one of them"}}
    {"error":{"kind":"refused","line":5,"message":"torch_compile = true is refused: not a parameter of echo: nothing is compiled; use another backend","parameter":"torch_compile","value":true,"rule":"not a parameter of echo: nothing is compiled; use another backend"}}
    "#);
    assert_eq!(tally, Tally { completed: 2, refused: 2, failed: 0, loads: 2 });
}

#[test]
fn a_batch_is_answered_row_by_row() {
    let (answers, _) = answers(
        r#"{"prompt_tokens": [[1], [2, 3]], "settings": {"output_scores": true}}"#,
        &Settings::new(),
    );
    insta::assert_snapshot!(answers, @r##"{"tokens":[[1],[2,3]],"text":["1 tokens","2 tokens"],"finish":["length","length"],"timings":{"prefill_s":0.0,"decode_s":0.0,"load_s":0},"effective":{"dtype":"f32","output_scores":true},"scores":[[[1,-0.5]]],"row_scores":[[[[1,-0.5]]],[[[2,-0.5]],[[3,-0.5]]]]}"##);
}

#[test]
fn an_engine_is_kept_while_the_load_settings_stay() {
    let line = |dtype: &str| {
        format!("{{\"prompt\": \"a\", \"settings\": {{\"dtype\": \"{dtype}\", \"top_k\": 1}}}}\n")
    };
    let requests = [line("f32"), line("f32"), line("f16"), line("f16"), line("f32")].concat();
    let (_, tally) = answers(&requests, &Settings::new());
    assert_eq!(tally, Tally { completed: 5, loads: 3, ..Tally::default() });
}

#[test]
fn what_is_wrong_with_the_model_is_told_on_every_line() {
    let mut output = Vec::new();
    let requests = "{\"prompt\": \"a\"}\n\n{\"prompt\": \"b\"}\n";
    serve(&Echo, Path::new("absent"), &names(), &Settings::new(), requests.as_bytes(), &mut output)
        .unwrap();
    insta::assert_snapshot!(String::from_utf8(output).unwrap(), @r##"
    {"error":{"kind":"model","line":1,"message":"absent/config.json: no such file"}}
    {"error":{"kind":"model","line":3,"message":"absent/config.json: no such file"}}
    "##);
}

/// A stream that is full.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_answer_that_cannot_be_written_ends_the_stream() {
    let requests = "\n{\"prompt\": \"a\"}\n".as_bytes();
    let error =
        serve(&Echo, Path::new("model"), &names(), &Settings::new(), requests, Full).unwrap_err();
    insta::assert_snapshot!(error, @"the answer to line 2 cannot be written: no storage space");
}

proptest::proptest! {
    #[test]
    fn no_line_breaks_the_stream(lines in proptest::collection::vec("[^\n]{0,40}", 0..8)) {
        let asked = lines.iter().filter(|line| !line.trim_ascii().is_empty()).count();
        let (answers, tally) = answers(&lines.join("\n"), &Settings::new());
        proptest::prop_assert_eq!(answers.lines().count(), asked);
        proptest::prop_assert_eq!(tally.failed + tally.refused + tally.completed, asked as u64);
    }
}
