//! Means with their spread.

/// The arithmetic mean; none of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation of a sample (over n - 1); none of fewer than two values.
pub fn sd(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// The coefficient of variation: the standard deviation over the mean; none where that is 0.
pub fn cv(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|mean| *mean != 0.0)?;
    Some(sd(values)? / mean.abs())
}

/// The 97.5 % quantile of Student's t distribution; none for 0 degrees of freedom.
///
/// Up to 7 degrees by the table, beyond by the expansion of Cornish and Fisher (Abramowitz and
/// Stegun 26.7.5), which is then right to 1e-4.
pub fn t_975(freedom: usize) -> Option<f64> {
    const TABLE: [f64; 7] =
        [12.706_205, 4.302_653, 3.182_446, 2.776_445, 2.570_582, 2.446_912, 2.364_624];
    const Z: f64 = 1.959_963_985;
    if freedom <= TABLE.len() {
        return TABLE.get(freedom.checked_sub(1)?).copied();
    }
    let n = freedom as f64;
    let first = (Z.powi(3) + Z) / 4.0;
    let second = (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / 96.0;
    let third = (3.0 * Z.powi(7) + 19.0 * Z.powi(5) + 17.0 * Z.powi(3) - 15.0 * Z) / 384.0;
    let fourth = (79.0 * Z.powi(9) + 776.0 * Z.powi(7) + 1482.0 * Z.powi(5)
        - 1920.0 * Z.powi(3)
        - 945.0 * Z)
        / 92160.0;
    Some(Z + first / n + second / n.powi(2) + third / n.powi(3) + fourth / n.powi(4))
}

/// Sum over sum: joules per token and the like. None where nothing is below the line.
///
/// The mean of ratios would count a repeat with few tokens as much as one with many.
pub fn ratio(pairs: &[(f64, f64)]) -> Option<f64> {
    let (above, below) =
        pairs.iter().fold((0.0, 0.0), |sums, (above, below)| (sums.0 + above, sums.1 + below));
    (below > 0.0).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spread_needs_two_values() {
        assert_eq!((mean(&[]), sd(&[]), cv(&[])), (None, None, None));
        assert_eq!((mean(&[3.0]), sd(&[3.0]), cv(&[3.0])), (Some(3.0), None, None));
        assert_eq!(sd(&[1.0, 3.0]), Some(2f64.sqrt()));
        assert_eq!(cv(&[-1.0, 1.0]), None);
        assert_eq!(cv(&[-1.0, -3.0]), Some(2f64.sqrt() / 2.0));
    }

    #[test]
    fn a_ratio_is_of_sums() {
        assert_eq!(ratio(&[(10.0, 1.0), (10.0, 9.0)]), Some(2.0));
        assert_eq!(ratio(&[(10.0, 0.0)]), None);
        assert_eq!(ratio(&[]), None);
    }

    #[test]
    fn quantiles_of_t_are_those_of_the_tables() {
        let table = [
            (1, 12.7062),
            (2, 4.3027),
            (7, 2.3646),
            (8, 2.3060),
            (9, 2.2622),
            (10, 2.2281),
            (15, 2.1314),
            (20, 2.0860),
            (30, 2.0423),
            (60, 2.0003),
            (120, 1.9799),
        ];
        for (freedom, quantile) in table {
            let ours = t_975(freedom).unwrap();
            assert!((ours - quantile).abs() < 1e-4, "{freedom}: {ours}");
        }
        assert_eq!(t_975(0), None);
    }

    proptest! {
        #[test]
        fn the_spread_does_not_depend_on_the_level(
            values in prop::collection::vec(0.0..100.0f64, 2..20), by in -1e3..1e3f64,
        ) {
            let moved: Vec<f64> = values.iter().map(|value| value + by).collect();
            let (one, other) = (sd(&values).unwrap(), sd(&moved).unwrap());
            prop_assert!((one - other).abs() < 1e-9, "{one} {other}");
        }
    }
}
