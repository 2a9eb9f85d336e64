//! Small integers, several to a byte.

use tch::{Kind, TchError, Tensor};

/// Bits that an integer of `bits` takes in memory: three have no even share of a byte.
pub(super) fn stored(bits: usize) -> usize {
    bits.next_power_of_two()
}

/// Integers `[rows, count]` below 2^`bits`, as bytes `[rows, bytes]`.
pub(super) fn pack(integers: &Tensor, bits: usize) -> Result<Tensor, TchError> {
    let bytes = integers.f_to_kind(Kind::Uint8)?;
    let per = (8 / stored(bits)) as i64;
    if per == 1 {
        return Ok(bytes);
    }
    let (rows, count) = bytes.size2()?;
    let parts =
        bytes.f_constant_pad_nd([0, (per - count % per) % per])?.f_reshape([rows, per, -1])?;
    let mut packed = parts.f_select(1, 0)?;
    for part in 1..per {
        let shift = 1_i64 << (part as usize * stored(bits));
        packed = packed.f_add(&parts.f_select(1, part)?.f_mul_scalar(shift)?)?;
    }
    Ok(packed)
}

/// The `count` integers of each row that [`pack`] made `bytes` of.
pub(super) fn unpack(bytes: &Tensor, bits: usize, count: i64) -> Result<Tensor, TchError> {
    let width = stored(bits);
    let per = 8 / width;
    if per == 1 {
        return Ok(bytes.shallow_clone());
    }
    let mask = (1_i64 << width) - 1;
    let part = |part: usize| -> Result<Tensor, TchError> {
        let shift = 1_i64 << (part * width);
        bytes.f_bitwise_and(mask * shift)?.f_floor_divide_scalar(shift)
    };
    let parts = (0..per).map(part).collect::<Result<Vec<_>, _>>()?;
    let rows = bytes.size()[0];
    Tensor::f_stack(&parts, 1)?.f_reshape([rows, -1])?.f_narrow(1, 0, count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_unpacks(
            bits in prop::sample::select(vec![1_usize, 2, 3, 4, 8]),
            rows in 1_usize..4,
            values in prop::collection::vec(0_i64..256, 1..40),
        ) {
            let count = values.len().div_ceil(rows);
            let integers: Vec<i64> =
                values.iter().cycle().take(rows * count).map(|one| one % (1 << bits)).collect();
            let tensor = Tensor::from_slice(&integers).reshape([rows as i64, count as i64]);
            let packed = pack(&tensor, bits).unwrap();
            prop_assert_eq!(packed.kind(), Kind::Uint8);
            let bytes = (count * stored(bits)).div_ceil(8);
            prop_assert_eq!(packed.size(), [rows as i64, bytes as i64]);
            let back = unpack(&packed, bits, count as i64).unwrap();
            let back: Vec<i64> = Vec::try_from(back.to_kind(Kind::Int64).reshape([-1])).unwrap();
            prop_assert_eq!(back, integers);
        }
    }
}
