//! The 16 values that four bits stand for.

use tch::{Device, Kind, TchError, Tensor};

/// A code book of four-bit weights, each value a part of the greatest magnitude in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::backends::pytorch) enum Codebook {
    /// A sign, two bits of exponent and one of fraction.
    Fp4,
    /// Quantiles of a normal distribution (`NormalFloat`; Dettmers et al., arXiv 2305.14314,
    /// appendix E).
    Nf4,
}

impl Codebook {
    /// Both, in the order of listings.
    pub(super) const ALL: [Self; 2] = [Self::Fp4, Self::Nf4];

    /// The value of `bnb_4bit_quant_type`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fp4 => "fp4",
            Self::Nf4 => "nf4",
        }
    }

    /// What each code stands for (`get_4bit_type` in bitsandbytes' functional.py).
    pub(super) fn values(self) -> [f32; 16] {
        match self {
            // The last three bits are no float's: 0, 1/16, then 8, 12, 4, 6, 2, 3, all over 12.
            Self::Fp4 => [
                0.0, 0.0625, 8.0, 12.0, 4.0, 6.0, 2.0, 3.0, 0.0, -0.0625, -8.0, -12.0, -4.0, -6.0,
                -2.0, -3.0,
            ]
            .map(|value: f32| value / 12.0),
            Self::Nf4 => [
                -1.0,
                -0.696_192_8,
                -0.525_073_05,
                -0.394_917_5,
                -0.284_441_38,
                -0.184_773_43,
                -0.091_050_036,
                0.0,
                0.079_580_3,
                0.160_930_2,
                0.246_112_3,
                0.337_915_24,
                0.440_709_83,
                0.562_617,
                0.722_956_84,
                1.0,
            ],
        }
    }

    /// The codes in the order of their values; of equal ones the lower first.
    fn order(self) -> [u8; 16] {
        let values = self.values();
        let mut order = std::array::from_fn(|code| code as u8);
        order.sort_by(|a: &u8, b: &u8| values[usize::from(*a)].total_cmp(&values[usize::from(*b)]));
        order
    }

    /// The nearest code (u8) for each of `scaled` (float32 from -1 to 1); half-way, the one of the
    /// lower value.
    pub(super) fn nearest(self, scaled: &Tensor) -> Result<Tensor, TchError> {
        let (order, values) = (self.order(), self.values());
        let sorted = order.map(|code| values[usize::from(code)]);
        let middles: Vec<f32> = sorted.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
        let device = scaled.device();
        let middles = Tensor::f_from_slice(&middles)?.f_to_device(device)?;
        let order = Tensor::f_from_slice(&order)?.f_to_device(device)?;
        order.f_index_select(0, &scaled.f_bucketize(&middles, true, false)?)
    }

    /// What every byte of two codes stands for, the higher four bits first: 256 pairs of float32,
    /// each as one 64-bit word, so that a look-up moves both.
    pub(super) fn pairs(self, device: Device) -> Result<Tensor, TchError> {
        let values = self.values();
        let pairs: Vec<f32> =
            (0..256).flat_map(|byte: usize| [values[byte >> 4], values[byte & 15]]).collect();
        Tensor::f_from_slice(&pairs)?.f_view_dtype(Kind::Int64)?.f_to_device(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_taken_in_the_order_of_their_values() {
        assert_eq!(Codebook::Nf4.order(), std::array::from_fn(|code| code as u8));
        assert_eq!(Codebook::Fp4.order(), [11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3]);
    }

    #[test]
    fn a_value_of_the_book_is_its_own_nearest() {
        for book in Codebook::ALL {
            let values = book.values();
            let codes: Vec<u8> =
                book.nearest(&Tensor::from_slice(&values)).unwrap().try_into().unwrap();
            for (code, found) in codes.iter().enumerate() {
                assert_eq!(values[usize::from(*found)], values[code], "{}", book.name());
            }
        }
    }
}
