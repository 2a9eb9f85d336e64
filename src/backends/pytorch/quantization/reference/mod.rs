//! What bitsandbytes makes of random layers, and whether we make the same of them. `make.py` writes
//! its answers.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use super::blockwise::Blockwise;
use super::codebook::Codebook;
use super::four_bit::{FourBit, FourBitFormat, Scales};
use super::int8::Int8;

#[derive(Deserialize)]
struct Layers {
    eight: Vec<Case<Eight>>,
    four: Vec<Case<Four>>,
}

/// A layer: how its numbers are drawn, and what bitsandbytes made of it.
#[derive(Deserialize)]
struct Case<T> {
    out: usize,
    #[serde(rename = "in")]
    width: usize,
    rows: usize,
    weights: String,
    inputs: String,
    dtype: String,
    bias: bool,
    seed: u64,
    #[serde(default)]
    codes: Option<String>,
    scales: String,
    /// The SHA-256 of the weights as they come back, in float32.
    back: String,
    #[serde(default)]
    output: Option<String>,
    #[serde(flatten)]
    own: T,
}

#[derive(Deserialize)]
struct Eight {
    threshold: f64,
}

#[derive(Deserialize)]
struct Four {
    book: String,
    double: bool,
    compute: String,
    #[serde(default)]
    scales_of_scales: String,
    #[serde(default)]
    mean: String,
}

/// The weight, the bias and the input of a layer.
struct Drawn {
    weight: Tensor,
    bias: Option<Tensor>,
    x: Tensor,
}

impl<T> Case<T> {
    fn drawn(&self) -> Drawn {
        let dtype = kind(&self.dtype);
        let tensor = |seed: u64, size: [usize; 2], of: &str, factor: f64| {
            let numbers = drawn(self.seed + seed, size[0] * size[1], of);
            let numbers = Tensor::from_slice(&numbers) * factor;
            numbers.reshape(size.map(|size| size as i64)).to_kind(dtype)
        };
        let bias = || tensor(2, [1, self.out], "normal", 1.0).reshape([-1]);
        Drawn {
            weight: tensor(1, [self.out, self.width], &self.weights, 1.0),
            bias: self.bias.then(bias),
            x: tensor(3, [self.rows, self.width], &self.inputs, 2.0),
        }
    }

    /// What differs from bitsandbytes in a layer with these `codes`, `scales`, weights that come
    /// `back` and `output`. A product is summed in another order there: it is allowed to differ by
    /// `steps` of its type, the rest is not.
    fn differences(&self, ours: &Made<'_>, steps: f32) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(codes) = &self.codes
            && *codes != ours.codes
        {
            found.push("codes".to_owned());
        }
        for (name, ours, theirs) in &ours.floats {
            if ours != *theirs {
                found.push((*name).to_owned());
            }
        }
        if digest(ours.back) != self.back {
            found.push("weights".to_owned());
        }
        if let Some(output) = &self.output {
            let theirs = floats(output);
            let ours: Vec<f32> = vec_of(&ours.output);
            let scale = theirs.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            let distance = |(a, b): (&f32, &f32)| (a - b).abs();
            let most = ours.iter().zip(&theirs).map(distance).fold(0.0, f32::max);
            if ours.len() != theirs.len() || most > steps * scale {
                found.push(format!("output, by {most} of {scale}"));
            }
        }
        let told = |one: String| {
            format!(
                "{}x{} {} {} {}: {one}",
                self.out, self.width, self.weights, self.dtype, self.seed
            )
        };
        found.into_iter().map(told).collect()
    }
}

/// What we made of a layer.
struct Made<'a> {
    codes: String,
    /// Names, ours, theirs, as hexadecimal bytes.
    floats: Vec<(&'static str, String, &'a str)>,
    back: &'a Tensor,
    output: Tensor,
}

fn kind(name: &str) -> Kind {
    match name {
        "float32" => Kind::Float,
        "float16" => Kind::Half,
        "bfloat16" => Kind::BFloat16,
        other => panic!("{other}"),
    }
}

/// The precision of `kind`.
fn step(kind: Kind) -> f32 {
    match kind {
        Kind::Half => 1.0 / 1024.0,
        Kind::BFloat16 => 1.0 / 128.0,
        _ => 1.0 / 1_048_576.0,
    }
}

fn vec_of(tensor: &Tensor) -> Vec<f32> {
    tensor.to_kind(Kind::Float).reshape([-1]).try_into().unwrap()
}

fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    bytes.into_iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bits(tensor: &Tensor) -> String {
    hex(vec_of(tensor).into_iter().flat_map(f32::to_le_bytes))
}

fn raw(tensor: &Tensor) -> String {
    let bytes: Vec<u8> = tensor.view_dtype(Kind::Uint8).reshape([-1]).try_into().unwrap();
    hex(bytes)
}

fn digest(tensor: &Tensor) -> String {
    // As in `make.py`, without the sign of a zero.
    let bytes: Vec<u8> = vec_of(&(tensor + 0.0)).into_iter().flat_map(f32::to_le_bytes).collect();
    hex(Sha256::digest(bytes))
}

fn floats(hex: &str) -> Vec<f32> {
    let words = hex.as_bytes().chunks(8).map(|word| {
        let word = u32::from_str_radix(std::str::from_utf8(word).unwrap(), 16).unwrap();
        f32::from_bits(word.swap_bytes())
    });
    words.collect()
}

/// As `mix` and `drawn` of `make.py`.
fn drawn(seed: u64, count: usize, of: &str) -> Vec<f32> {
    let mut state = seed;
    let numbers = (0..count).map(|index| {
        state = mix(state);
        let parts = [0, 16, 32, 48].map(|shift| (state >> shift) & 0xFFFF);
        let number = (parts.iter().sum::<u64>() as f64 - 2.0 * 65535.0) / 65536.0;
        let number = match of {
            "zeros" => 0.0,
            "gaps" if index / 64 % 2 == 0 => 0.0,
            "small" => number / 16384.0,
            "outliers" if index % 37 == 5 => number * 16.0,
            _ => number,
        };
        number as f32
    });
    numbers.collect()
}

fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn recorded() -> Layers {
    serde_json::from_str(include_str!("layers.json")).unwrap()
}

#[test]
fn layers_in_eight_bits_are_those_of_bitsandbytes() {
    let cases = recorded().eight;
    let mut wrong = Vec::new();
    for case in &cases {
        let Drawn { weight, bias, x } = case.drawn();
        let layer = Int8::quantise(&weight, case.own.threshold).unwrap();
        let back = layer.dequantise().unwrap();
        let made = Made {
            codes: raw(&layer.codes),
            floats: vec![("scales", bits(&layer.scales), &case.scales)],
            back: &back,
            output: layer.linear(&x, bias.as_ref()).unwrap(),
        };
        // Only the columns of outliers are summed as floats.
        wrong.extend(case.differences(&made, step(kind(&case.dtype))));
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(cases.len(), 62);
}

#[test]
fn layers_in_four_bits_are_those_of_bitsandbytes() {
    let cases = recorded().four;
    let mut wrong = Vec::new();
    for case in &cases {
        let Drawn { weight, bias, x } = case.drawn();
        let Four { book, double, compute, scales_of_scales, mean } = &case.own;
        let codebook = Codebook::ALL.into_iter().find(|one| one.name() == book).unwrap();
        let compute = kind(compute);
        let format = FourBitFormat { codebook, double: *double, compute, storage: Kind::Uint8 };
        let layer = FourBit::quantise(&weight, &format).unwrap();
        let back = layer.dequantise(compute).unwrap();
        let floats = match &layer.scales {
            Scales::Float(absmax) => vec![("scales", bits(absmax), case.scales.as_str())],
            Scales::Nested(Blockwise { codes, absmax, .. }, offset) => vec![
                ("scales", raw(codes), case.scales.as_str()),
                ("scales of scales", bits(absmax), scales_of_scales),
                ("mean", bits(offset), mean),
            ],
        };
        let output = layer.linear(&x, bias.as_ref()).unwrap();
        let made = Made { codes: raw(&layer.packed), floats, back: &back, output };
        wrong.extend(case.differences(&made, step(compute).max(step(kind(&case.dtype)))));
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(cases.len(), 90);
}
