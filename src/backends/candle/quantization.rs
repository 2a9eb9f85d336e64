//! Block formats of weights (those of ggml), by name.

use candle_core::quantized::GgmlDType;

/// A block format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quantization {
    name: &'static str,
    /// The format in candle.
    pub format: GgmlDType,
}

impl Quantization {
    /// Every format, in the order of listings.
    pub(super) const ALL: [Self; 10] = [
        Self { name: "q8_0", format: GgmlDType::Q8_0 },
        Self { name: "q4_0", format: GgmlDType::Q4_0 },
        Self { name: "q4_1", format: GgmlDType::Q4_1 },
        Self { name: "q5_0", format: GgmlDType::Q5_0 },
        Self { name: "q5_1", format: GgmlDType::Q5_1 },
        Self { name: "q2k", format: GgmlDType::Q2K },
        Self { name: "q3k", format: GgmlDType::Q3K },
        Self { name: "q4k", format: GgmlDType::Q4K },
        Self { name: "q5k", format: GgmlDType::Q5K },
        Self { name: "q6k", format: GgmlDType::Q6K },
    ];

    /// The format called `name`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name == name)
    }

    /// The format that candle calls `format`, if it is one of these.
    pub(super) fn of(format: GgmlDType) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.format == format)
    }

    /// Its name in settings.
    pub(super) fn name(self) -> &'static str {
        self.name
    }

    /// How many weights of a row share a scale: the width of a matrix must be a multiple of it.
    pub(super) fn block_size(self) -> usize {
        self.format.block_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for one in Quantization::ALL {
            assert_eq!(Quantization::named(one.name()), Some(one));
            assert_eq!(Quantization::of(one.format), Some(one));
        }
        assert_eq!(Quantization::named("q4_K"), None);
    }
}
