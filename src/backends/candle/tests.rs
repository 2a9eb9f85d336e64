//! The backend over tiny models of every architecture.

use std::path::Path;

use tempfile::TempDir;

use super::context::CandleLm;
use super::engine::CandleEngine;
use crate::generate::{CausalLm, Context, Want};
use crate::model::{Architecture, tiny};
use crate::settings::{Settings, Value};

const LAST: Want = Want { logits: 1, hidden: false };

pub(super) fn model(arch: Architecture) -> TempDir {
    let dir = TempDir::new().unwrap();
    tiny::write(arch, 0, dir.path()).unwrap();
    dir
}

fn engine(dir: &Path, settings: &[(&str, Value)]) -> CandleEngine {
    let settings: Settings = settings.iter().map(|(name, value)| (*name, value.clone())).collect();
    CandleEngine::load(dir, &settings).unwrap()
}

fn argmax(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.unwrap().0 as u32
}

fn greedy(lm: &CandleLm, prompt: &[u32], count: usize) -> (Vec<u32>, Vec<Vec<f32>>) {
    let mut context = lm.begin(1).unwrap();
    let real = vec![true; prompt.len()];
    let mut logits = context.extend(prompt, &real, LAST).unwrap().logits;
    let (mut tokens, mut all) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let next = argmax(&logits);
        tokens.push(next);
        all.push(logits);
        logits = context.extend(&[next], &[true], LAST).unwrap().logits;
    }
    (tokens, all)
}

#[test]
fn look() {
    for arch in Architecture::ALL {
        let start = std::time::Instant::now();
        let dir = model(arch);
        println!("write {:?}", start.elapsed());
        let start = std::time::Instant::now();
        let engine = engine(dir.path(), &[]);
        println!("load {:?}", start.elapsed());
        for text in ["Hello, my name is", "The quick brown fox", "once upon a time there was"] {
            let prompt = engine.tokenizer().encode(text).unwrap();
            let start = std::time::Instant::now();
            let (tokens, logits) = engine.pool().install(|| greedy(engine.lm(), &prompt, 40));
            let took = start.elapsed() / 40;
            let stats: Vec<String> = logits
                .iter()
                .step_by(8)
                .map(|row| {
                    let mean = row.iter().sum::<f32>() / 512.0;
                    let std = (row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 512.0).sqrt();
                    let max = row.iter().copied().fold(f32::MIN, f32::max);
                    let z: f32 = row.iter().map(|x| (x - max).exp()).sum();
                    let h: f32 = row
                        .iter()
                        .map(|x| {
                            let p = (x - max).exp() / z;
                            if p > 0.0 { -p * p.ln() } else { 0.0 }
                        })
                        .sum();
                    format!("std {std:.1} p {:.2} H {h:.2}", 1.0 / z)
                })
                .collect();
            println!("{arch} {took:?} {prompt:?} -> {tokens:?}\n   {stats:?}");
        }
    }
}
