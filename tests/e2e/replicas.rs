//! Requests that several processes share.

use serde_json::{Value, json};

use crate::support::{Place, Run};

/// The answers to one request of four prompts on 1, 2, 3 and 5 replicas with `settings`.
fn answers(settings: Value) -> (Vec<Value>, Run) {
    let place = Place::new();
    place.wattest(&["model", "new", "--arch", "llama", "model"]).exits(0);
    let request = |count: usize| {
        let mut settings = settings.clone();
        settings["num_processes"] = json!(count);
        let prompts = json!([[3, 4, 5], [9], [7, 8, 7, 8], [3, 4, 5]]);
        json!({"prompt_tokens": prompts, "settings": settings}).to_string()
    };
    let lines: Vec<String> = [1, 2, 3, 5].map(request).into();
    place.write("requests.jsonl", &lines.join("\n"));
    let words = ["run", "--backend", "candle", "--model", "model", "--requests", "requests.jsonl"];
    let run = place.wattest(&words);
    (run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), run)
}

#[test]
fn rows_do_not_depend_on_the_number_of_replicas() {
    let ways = [
        json!({"max_new_tokens": 6, "output_scores": true}),
        // The first and the last prompt are the same, and draw differently.
        json!({"max_new_tokens": 6, "do_sample": true, "seed": 7, "temperature": 2.0,
               "num_return_sequences": 2, "batch_size": 3, "batching_strategy": "sorted_static"}),
        json!({"max_new_tokens": 6, "num_beams": 3, "num_return_sequences": 2, "batch_size": 2}),
        json!({"max_new_tokens": 6, "assistant_early_exit": 1, "num_assistant_tokens": 3}),
    ];
    for way in ways {
        let (answers, run) = answers(way);
        assert_eq!(answers.len(), 4, "{run:?}");
        for (answer, count) in answers.iter().zip([1, 2, 3, 5]) {
            assert_eq!(answer["effective"]["num_processes"], count, "{run:?}");
            assert!(answer["timings"]["load_s"].is_number(), "another number is another engine");
            for key in ["tokens", "text", "finish", "sequence_scores", "row_scores", "drafts"] {
                assert_eq!(answer[key], answers[0][key], "{key} on {count}\n{run:?}");
            }
        }
        let drafts = answers[0]["effective"]["assistant_early_exit"] == 1;
        assert_eq!(answers[0]["drafts"]["drafted"].as_u64().is_some_and(|some| some > 0), drafts);
        if answers[0]["effective"]["do_sample"] == true {
            assert_ne!(answers[0]["tokens"][0], answers[0]["tokens"][6], "{run:?}");
        }
    }
}

#[test]
fn each_replica_has_a_length_of_drafts_of_its_own() {
    let place = Place::new();
    place.wattest(&["model", "new", "--arch", "llama", "model"]).exits(0);
    place.wattest(&["model", "new", "--arch", "llama", "--seed", "1", "draft"]).exits(0);
    let request = json!({
        "prompt_tokens": [[3, 4, 5], [9], [7, 8, 7, 8]],
        "settings": {"max_new_tokens": 6, "num_processes": 2, "assistant_model": "draft",
                     "num_assistant_tokens_schedule": "heuristic"},
    });
    place.write("requests.jsonl", &format!("{request}\n{request}\n"));
    let words = ["run", "--backend", "candle", "--model", "model", "--requests", "requests.jsonl"];
    let run = place.wattest(&words).exits(0);
    let answers: Vec<Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers[1]["tokens"], answers[0]["tokens"], "{run:?}");
    let lengths = |at: usize| answers[at]["effective"]["num_assistant_tokens"].clone();
    assert_eq!(lengths(0), 20, "{run:?}");
    // The first has two prompts and the second one; no draft of this model is ever right.
    let [one, other] = [lengths(1)[0].as_u64(), lengths(1)[1].as_u64()];
    assert!(one < other && other < Some(20), "{run:?}");
}

#[test]
fn a_refusal_is_that_of_one_process() {
    let (answers, run) = answers(json!({"max_new_tokens": 100_000}));
    assert_eq!(answers.len(), 4, "{run:?}");
    for answer in &answers {
        assert_eq!(answer["error"]["parameter"], "max_new_tokens", "{run:?}");
        assert_eq!(answer["error"]["rule"], answers[0]["error"]["rule"], "{run:?}");
    }
}
