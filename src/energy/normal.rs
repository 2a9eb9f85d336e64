//! The standard normal distribution.

/// The part of it below `z`, to 1e-7 (Abramowitz and Stegun 26.2.17).
pub(super) fn below(z: f64) -> f64 {
    const OF_T: [f64; 5] =
        [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let sum = OF_T.iter().rev().fold(0.0, |sum, factor| (sum + factor) * t);
    let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if z < 0.0 { density * sum } else { 1.0 - density * sum }
}

/// Below which value `part` (0 < part < 1) of it lies: [`below`] turned around, by bisection.
pub(super) fn quantile(part: f64) -> f64 {
    // Nothing that is counted among thousands of draws lies farther out.
    let (mut lo, mut hi) = (-8.0f64, 8.0f64);
    for _ in 0..60 {
        let middle = lo.midpoint(hi);
        if below(middle) < part { lo = middle } else { hi = middle }
    }
    lo.midpoint(hi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_that_of_the_tables() {
        for (z, part) in [
            (-3.0, 0.001_349_90),
            (-1.0, 0.158_655_25),
            (0.0, 0.5),
            (0.5, 0.691_462_46),
            (1.959_964, 0.975),
        ] {
            assert!((below(z) - part).abs() < 2e-7, "{z}: {}", below(z));
            assert!((quantile(part) - z).abs() < 1e-4, "{part}: {}", quantile(part));
        }
    }
}
