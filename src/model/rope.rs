//! Rotary position embeddings: how `config.json` describes them and the frequencies that follow.

use std::f32::consts::PI;

use serde::Deserialize;

/// The rotary embedding of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Base of the geometric series of wave lengths.
    pub theta: f64,
    /// How the frequencies are stretched for long contexts.
    pub scaling: RopeScaling,
}

/// How rotary frequencies are stretched; the names are those of `rope_type`.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    Default,
    /// Positions divided by `factor`.
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// NTK scaling that sets in beyond the trained length. A row never gets longer than
    /// `max_position_embeddings` here, and up to there it is the same as `default`.
    Dynamic,
    /// Llama 3.1: low frequencies are divided, high ones kept, those between blended.
    Llama3 {
        /// Divisor of the low frequencies.
        factor: f64,
        /// Wave lengths above `original / low_freq_factor` are divided.
        low_freq_factor: f64,
        /// Wave lengths below `original / high_freq_factor` are kept.
        high_freq_factor: f64,
        /// Positions of the original training.
        original_max_positions: f64,
    },
    /// YaRN (arXiv 2309.00071).
    Yarn {
        /// Ratio of the new context length to the original one.
        factor: f64,
        /// What cosine and sine are multiplied by.
        attention_factor: f64,
        /// Rotations above which a dimension is kept.
        beta_fast: f64,
        /// Rotations below which a dimension is interpolated.
        beta_slow: f64,
        /// Positions of the original training.
        original_max_positions: f64,
        /// Whether the bounds are rounded to whole dimensions.
        truncate: bool,
    },
}

/// `rope_scaling` or `rope_parameters`, as written in `config.json`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct RopeFile {
    rope_type: Option<String>,
    /// The older spelling of `rope_type`.
    #[serde(rename = "type")]
    kind: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<f64>,
    attention_factor: Option<f64>,
    beta_fast: Option<f64>,
    beta_slow: Option<f64>,
    mscale: Option<f64>,
    mscale_all_dim: Option<f64>,
    truncate: Option<bool>,
    partial_rotary_factor: Option<f64>,
}

impl Rope {
    /// What the entries of `config.json` mean: `theta` is its own `rope_theta`, `file` its
    /// `rope_parameters` or `rope_scaling`.
    ///
    /// # Errors
    /// The reason in words: an unknown `rope_type` or a missing or impossible number.
    pub(crate) fn parse(
        theta: Option<f64>,
        file: Option<&RopeFile>,
        max_positions: usize,
    ) -> Result<Self, String> {
        let plain = RopeFile::default();
        let file = file.unwrap_or(&plain);
        let theta = file.rope_theta.or(theta).unwrap_or(10_000.0);
        if !(theta.is_finite() && theta > 0.0) {
            return Err(format!("rope_theta is {theta}, it must be above 0"));
        }
        if file.partial_rotary_factor.is_some_and(|part| part != 1.0) {
            return Err("partial_rotary_factor other than 1 is not supported".to_owned());
        }
        let kind = file.rope_type.as_deref().or(file.kind.as_deref()).unwrap_or("default");
        let number = |name: &str, value: Option<f64>| match value {
            Some(value) if value.is_finite() && value > 0.0 => Ok(value),
            Some(value) => Err(format!("{name} of rope_type `{kind}` is {value}, not above 0")),
            None => Err(format!("rope_type `{kind}` needs {name}")),
        };
        let scaling = match kind {
            "default" => RopeScaling::Default,
            "linear" => RopeScaling::Linear { factor: number("factor", file.factor)? },
            "dynamic" => {
                number("factor", file.factor)?;
                RopeScaling::Dynamic
            }
            "llama3" => RopeScaling::Llama3 {
                factor: number("factor", file.factor)?,
                low_freq_factor: number("low_freq_factor", file.low_freq_factor)?,
                high_freq_factor: number("high_freq_factor", file.high_freq_factor)?,
                original_max_positions: number(
                    "original_max_position_embeddings",
                    file.original_max_position_embeddings,
                )?,
            },
            "yarn" => {
                let factor = number("factor", file.factor)?;
                let original = file.original_max_position_embeddings;
                RopeScaling::Yarn {
                    factor,
                    attention_factor: match file.attention_factor {
                        Some(given) => given,
                        None => yarn_attention(factor, file.mscale, file.mscale_all_dim),
                    },
                    beta_fast: file.beta_fast.unwrap_or(32.0),
                    beta_slow: file.beta_slow.unwrap_or(1.0),
                    original_max_positions: original.unwrap_or(max_positions as f64),
                    truncate: file.truncate.unwrap_or(true),
                }
            }
            other => {
                return Err(format!(
                    "rope_type `{other}` is not supported (default, linear, dynamic, llama3 and \
                     yarn are)"
                ));
            }
        };
        Ok(Self { theta, scaling })
    }

    /// Angle per position of each pair of dimensions: `head_dim / 2` entries.
    pub fn inverse_frequencies(&self, head_dim: usize) -> Vec<f32> {
        let base = (0..head_dim / 2).map(|pair| {
            (1.0 / (self.theta as f32).powf((2 * pair) as f32 / head_dim as f32)) as f64
        });
        match self.scaling {
            RopeScaling::Default | RopeScaling::Dynamic => base.map(|f| f as f32).collect(),
            RopeScaling::Linear { factor } => base.map(|f| (f / factor) as f32).collect(),
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_positions,
            } => {
                let scaled = base.map(|f| {
                    let wave = 2.0 * f64::from(PI) / f;
                    if wave > original_max_positions / low_freq_factor {
                        f / factor
                    } else if wave < original_max_positions / high_freq_factor {
                        f
                    } else {
                        let smooth = (original_max_positions / wave - low_freq_factor)
                            / (high_freq_factor - low_freq_factor);
                        (1.0 - smooth) * f / factor + smooth * f
                    }
                });
                scaled.map(|f| f as f32).collect()
            }
            RopeScaling::Yarn {
                factor,
                beta_fast,
                beta_slow,
                original_max_positions,
                truncate,
                ..
            } => {
                // The dimension that turns `rotations` times over the original length.
                let dimension = |rotations: f64| {
                    head_dim as f64
                        * (original_max_positions / (rotations * 2.0 * std::f64::consts::PI)).ln()
                        / (2.0 * self.theta.ln())
                };
                let (mut low, mut high) = (dimension(beta_fast), dimension(beta_slow));
                if truncate {
                    (low, high) = (low.floor(), high.ceil());
                }
                let (low, mut high) = (low.max(0.0), high.min(head_dim as f64 - 1.0));
                if low == high {
                    high += 0.001;
                }
                let blended = base.enumerate().map(|(pair, f)| {
                    let ramp = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
                    f / factor * ramp + f * (1.0 - ramp)
                });
                blended.map(|f| f as f32).collect()
            }
        }
    }

    /// What cosine and sine are multiplied by: 1 for all but YaRN.
    pub fn attention_factor(&self) -> f32 {
        match self.scaling {
            RopeScaling::Yarn { attention_factor, .. } => attention_factor as f32,
            _ => 1.0,
        }
    }
}

/// The default attention factor of YaRN, `0.1 m ln(s) + 1` (section 3.4 of the paper), or the
/// ratio of two such where a config gives both scales.
fn yarn_attention(factor: f64, mscale: Option<f64>, mscale_all_dim: Option<f64>) -> f64 {
    let scale = |m: f64| if factor <= 1.0 { 1.0 } else { 0.1 * m * factor.ln() + 1.0 };
    match (mscale, mscale_all_dim) {
        (Some(one), Some(all)) if one != 0.0 && all != 0.0 => scale(one) / scale(all),
        _ => scale(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Rope, String> {
        let file: RopeFile = serde_json::from_str(json).unwrap();
        Rope::parse(Some(10_000.0), Some(&file), 256)
    }

    #[test]
    fn plain_frequencies_are_the_geometric_series() {
        let rope = Rope::parse(None, None, 256).unwrap();
        assert_eq!(rope.inverse_frequencies(4), [1.0, 0.01]);
        assert_eq!(rope.attention_factor(), 1.0);
    }

    #[test]
    fn llama3_keeps_high_and_divides_low_frequencies() {
        let rope = parse(
            r#"{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 128}"#,
        )
        .unwrap();
        let plain = Rope::parse(None, None, 256).unwrap().inverse_frequencies(64);
        let scaled = rope.inverse_frequencies(64);
        assert_eq!(scaled[0], plain[0]);
        assert_eq!(scaled[31], plain[31] / 8.0);
        let between = scaled.iter().zip(&plain).filter(|(s, p)| *s < p && **s > *p / 8.0);
        assert!(between.count() > 0);
    }

    #[test]
    fn linear_and_both_spellings() {
        let rope = parse(r#"{"type": "linear", "factor": 2.0, "rope_theta": 100.0}"#).unwrap();
        assert_eq!(rope.inverse_frequencies(4), [0.5, 0.05]);
    }

    #[test]
    fn yarn_blends_between_the_betas() {
        let rope = parse(
            r#"{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}"#,
        )
        .unwrap();
        let scaled = rope.inverse_frequencies(64);
        assert_eq!(scaled[0], 1.0);
        let plain = Rope::parse(None, None, 256).unwrap().inverse_frequencies(64);
        assert_eq!(scaled[31], plain[31] / 4.0);
        assert!((rope.attention_factor() - 1.138_629).abs() < 1e-5);
    }

    #[test]
    fn others_are_refused_by_name() {
        let refused = parse(r#"{"rope_type": "longrope", "factor": 4.0}"#).unwrap_err();
        insta::assert_snapshot!(refused, @"rope_type `longrope` is not supported (default, linear, dynamic, llama3 and yarn are)");
        insta::assert_snapshot!(parse(r#"{"type": "linear"}"#).unwrap_err(), @"rope_type `linear` needs factor");
    }
}
