//! What the generation loop itself costs per token, with a model that costs next to nothing.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Instant;

use serde_json::json;
use wattest::generate::{
    CausalLm, Context, Detokenizer, Extended, GenerationConfig, ModelDefaults, ModelFault, Want,
    generate,
};
use wattest::settings::Settings;

const VOCABULARY: usize = 50_257;
const TOKENS: usize = 200;

/// Gives the same logits, turned by the number of positions.
struct Turning {
    logits: Vec<f32>,
}

struct Turned<'a> {
    model: &'a Turning,
    rows: usize,
    len: usize,
}

impl CausalLm for Turning {
    fn vocab_size(&self) -> usize {
        VOCABULARY
    }

    fn max_positions(&self) -> usize {
        4096
    }

    fn begin(&self, rows: usize) -> Result<Box<dyn Context + '_>, ModelFault> {
        Ok(Box::new(Turned { model: self, rows, len: 0 }))
    }
}

impl Context for Turned<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn len(&self) -> usize {
        self.len
    }

    fn extend(
        &mut self,
        tokens: &[u32],
        _real: &[bool],
        want: Want,
    ) -> Result<Extended, ModelFault> {
        self.len += tokens.len() / self.rows;
        let mut row = self.model.logits.clone();
        row.rotate_left(self.len * 7919 % VOCABULARY);
        Ok(Extended { logits: row.repeat(self.rows * want.logits), hidden: Vec::new() })
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelFault> {
        self.rows = rows.len();
        Ok(())
    }

    fn crop(&mut self, len: usize) -> Result<(), ModelFault> {
        self.len = len;
        Ok(())
    }
}

struct NoText;

impl Detokenizer for NoText {
    fn decode(&self, _tokens: &[u32], _skip_special: bool) -> String {
        String::new()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Any fixed values will do that are spread like logits.
    let logits = (0..VOCABULARY).map(|n| ((n * 48_271) % 65_537) as f32 / 8000.0).collect();
    let model = Turning { logits };
    let cases = [
        ("greedy", json!({})),
        (
            "repetition_penalty, no_repeat_ngram_size",
            json!({"repetition_penalty": 1.2, "no_repeat_ngram_size": 3}),
        ),
        ("temperature, top_k", json!({"do_sample": true, "temperature": 0.7, "top_k": 50})),
        ("top_p", json!({"do_sample": true, "top_k": 0, "top_p": 0.9})),
        ("typical_p", json!({"do_sample": true, "top_k": 0, "typical_p": 0.9})),
        ("num_beams=4", json!({"num_beams": 4})),
    ];
    for (name, settings) in cases {
        let mut settings: Settings = serde_json::from_value(settings)?;
        settings.set("max_new_tokens", TOKENS);
        let defaults = ModelDefaults {
            vocab_size: VOCABULARY,
            max_positions: 4096,
            ..ModelDefaults::default()
        };
        let config = GenerationConfig::parse(&settings, &defaults)?;
        let started = Instant::now();
        generate(&model, &NoText, &[vec![1, 2, 3, 4]], &config)?;
        let per_token = started.elapsed().as_secs_f64() / TOKENS as f64;
        println!("  {:48} {:.0} us per token", format!("loop: {name}"), per_token * 1e6);
    }
    Ok(())
}
