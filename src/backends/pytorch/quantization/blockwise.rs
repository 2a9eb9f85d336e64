//! Vectors of float32 in eight bits: blocks of 256, each scaled by its greatest magnitude, in codes
//! whose spacing grows with the value (Dettmers et al., arXiv 2110.02861, section 2.1).

use tch::{Device, Kind, TchError, Tensor};

/// Values that share a scale.
const BLOCK: i64 = 256;

/// Steps of the grid from -1 to 1 on which bitsandbytes' CPU path looks a code up
/// (`build_quantize_lut` in csrc/cpu_ops.cpp).
const STEPS: f32 = 65535.0;

/// A vector in eight bits.
pub(super) struct Blockwise {
    /// One byte a value.
    pub codes: Tensor,
    /// Greatest magnitude of each block, float32.
    pub absmax: Tensor,
    /// What a code stands for: 256 of float32.
    pub map: Tensor,
}

impl Blockwise {
    /// The float32 vector `values` in eight bits. They are few beside the weights, and one way of
    /// rounding them serves all devices.
    pub(super) fn quantise(values: &Tensor) -> Result<Self, TchError> {
        let device = values.device();
        let map = dynamic_map()?;
        let mut floats = vec![0.0_f32; values.numel()];
        let values = values.f_to_device(Device::Cpu)?.f_contiguous()?;
        values.f_copy_data(&mut floats, values.numel())?;
        let middles: Vec<f32> = map.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])).collect();
        let (mut codes, mut absmax) = (Vec::new(), Vec::new());
        for block in floats.chunks(BLOCK as usize) {
            let most = block.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            absmax.push(most);
            let factor = 1.0 / most;
            codes.extend(block.iter().map(|value| match most {
                0.0 => 0,
                _ => code(value * factor, &middles),
            }));
        }
        let codes = Tensor::f_from_slice::<u8>(&codes)?.f_to_device(device)?;
        let absmax = Tensor::f_from_slice(&absmax)?.f_to_device(device)?;
        Ok(Self { codes, absmax, map: Tensor::f_from_slice(&map)?.f_to_device(device)? })
    }

    /// The float32 vector again.
    pub(super) fn dequantise(&self) -> Result<Tensor, TchError> {
        let count = self.codes.size1()?;
        let values = self.map.f_index_select(0, &self.codes.f_to_kind(Kind::Int)?)?;
        let scaled = in_blocks(&values, BLOCK)?.f_mul(&self.absmax.f_unsqueeze(1)?)?;
        scaled.f_reshape([-1])?.f_narrow(0, 0, count)
    }

    /// The same tensors once more.
    pub(super) fn shallow_clone(&self) -> Self {
        Self {
            codes: self.codes.shallow_clone(),
            absmax: self.absmax.shallow_clone(),
            map: self.map.shallow_clone(),
        }
    }
}

/// The code of `scaled` (from -1 to 1): the nearest point of the grid, and then as many codes as
/// have their `middles` below it.
fn code(scaled: f32, middles: &[f32]) -> u8 {
    let half = (scaled.clamp(-1.0, 1.0) + 1.0) * 0.5;
    let point = half.mul_add(STEPS, 0.5).trunc();
    let on_grid = -1.0 + (2.0 * point) / STEPS;
    middles.partition_point(|middle| *middle < on_grid) as u8
}

/// `values` as rows of `block`; the last one is filled up with zeros.
pub(super) fn in_blocks(values: &Tensor, block: i64) -> Result<Tensor, TchError> {
    let missing = (block - values.size1()? % block) % block;
    match missing {
        0 => values.f_reshape([-1, block]),
        _ => values.f_constant_pad_nd([0, missing])?.f_reshape([-1, block]),
    }
}

/// The 256 values of the dynamic map, in ascending order (`create_dynamic_map` in bitsandbytes'
/// functional.py): zero, one, and for each of seven powers of ten the middles of equal parts of its
/// upper nine tenths, twice as many parts for each power, of either sign.
fn dynamic_map() -> Result<Vec<f32>, TchError> {
    let mut values = vec![0.0_f32, 1.0];
    for exponent in 0..7_i32 {
        let parts = 1_i64 << exponent;
        let bounds = Tensor::f_linspace(0.1, 1.0, parts + 1, (Kind::Float, Device::Cpu))?;
        let (low, high) = (bounds.f_narrow(0, 0, parts)?, bounds.f_narrow(0, 1, parts)?);
        let middles = low.f_add(&high)?.f_div_scalar(2.0)?;
        let middles = middles.f_mul_scalar(10_f64.powi(exponent - 6))?;
        let mut found = vec![0.0; parts as usize];
        middles.f_copy_data(&mut found, parts as usize)?;
        values.extend(found.iter().flat_map(|value| [*value, -*value]));
    }
    values.sort_by(f32::total_cmp);
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_map_has_256_values_and_no_gap_at_zero() {
        let map = dynamic_map().unwrap();
        assert_eq!(map.len(), 256);
        assert!(map.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!((map[0], map[127], map[255]), (-0.992_968_75, 0.0, 1.0));
    }

    proptest! {
        #[test]
        fn a_value_comes_back_as_near_as_the_codes_and_the_grid_allow(
            values in prop::collection::vec(-4.0..4.0_f32, 1..600),
        ) {
            let map = dynamic_map().unwrap();
            let packed = Blockwise::quantise(&Tensor::from_slice(&values)).unwrap();
            let back: Vec<f32> = packed.dequantise().unwrap().try_into().unwrap();
            prop_assert_eq!(back.len(), values.len());
            for (values, back) in values.chunks(256).zip(back.chunks(256)) {
                let absmax = values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                for (value, back) in values.iter().zip(back) {
                    let distance = |code: &f32| (code * absmax - value).abs();
                    let least = map.iter().map(distance).fold(f32::INFINITY, f32::min);
                    // A step of the grid may lead to the neighbour of the nearest.
                    let most = least + 4.0 * absmax / STEPS;
                    prop_assert!((back - value).abs() <= most, "{} -> {}", value, back);
                }
            }
        }
    }

    #[test]
    fn zeros_stay_zeros() {
        let packed = Blockwise::quantise(&Tensor::from_slice(&[0.0_f32; 300])).unwrap();
        let back: Vec<f32> = packed.dequantise().unwrap().try_into().unwrap();
        assert!(back.iter().all(|value| *value == 0.0));
    }
}
