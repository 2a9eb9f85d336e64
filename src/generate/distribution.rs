//! Arithmetic on rows of scores, in float32 as transformers does it, with sums in float64.

use std::cmp::Ordering;

/// The largest score; NaN where there is one, as torch has it.
fn largest(scores: &[f32]) -> f32 {
    scores[argmax(scores)]
}

/// The position of the largest score: the first of equals, and NaN above all, as torch has it.
/// 0 for an empty row.
pub(crate) fn argmax(scores: &[f32]) -> usize {
    let Some(first) = scores.first() else { return 0 };
    let (mut at, mut best) = (0, *first);
    for (here, score) in scores.iter().enumerate() {
        if best.is_nan() {
            break;
        }
        if *score > best || score.is_nan() {
            (at, best) = (here, *score);
        }
    }
    at
}

/// The logarithm of the summed exponentials. Minus infinity where nothing is possible.
pub(crate) fn log_sum_exp(scores: &[f32]) -> f32 {
    if scores.is_empty() {
        return f32::NEG_INFINITY;
    }
    let top = largest(scores);
    if top == f32::NEG_INFINITY {
        return top;
    }
    let sum: f64 = scores.iter().map(|score| f64::from((score - top).exp())).sum();
    top + sum.ln() as f32
}

/// Scores to log-probabilities, in place. A row without any possible token stays as it is.
pub(crate) fn log_softmax(scores: &mut [f32]) {
    let total = log_sum_exp(scores);
    if total != f32::NEG_INFINITY {
        scores.iter_mut().for_each(|score| *score -= total);
    }
}

/// The probabilities of `scores`, written over `into`.
pub(crate) fn softmax(scores: &[f32], into: &mut Vec<f32>) {
    into.clear();
    let top = if scores.is_empty() { 0.0 } else { largest(scores) };
    into.extend(scores.iter().map(|score| (score - top).exp()));
    let sum = into.iter().map(|weight| f64::from(*weight)).sum::<f64>() as f32;
    into.iter_mut().for_each(|weight| *weight /= sum);
}

/// The entropy of log-probabilities, in nats.
pub(crate) fn entropy(log_probs: impl Iterator<Item = f32>) -> f32 {
    let term = |log_prob: f32| match log_prob.exp() {
        0.0 => 0.0,
        prob => -f64::from(log_prob * prob),
    };
    log_probs.map(term).sum::<f64>() as f32
}

/// Best first, the lower position first among equals, NaN above all.
pub(crate) fn best_first(a: &(usize, f32), b: &(usize, f32)) -> Ordering {
    let by_score = match (a.1.is_nan(), b.1.is_nan()) {
        (false, false) => b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal),
        (a_nan, b_nan) => b_nan.cmp(&a_nan),
    };
    by_score.then(a.0.cmp(&b.0))
}

/// The `count` largest scores with their positions, best first, the lower position first among
/// equals. Fewer where there are fewer scores.
pub(crate) fn top(scores: &[f32], count: usize) -> Vec<(usize, f32)> {
    let count = count.min(scores.len());
    if count == 0 {
        return Vec::new();
    }
    // Few are wanted of many: what is not above the worst kept one costs a comparison only.
    let mut kept: Vec<(usize, f32)> = Vec::with_capacity(2 * count);
    let mut bar = f32::NEG_INFINITY;
    let mut full = false;
    for (at, score) in scores.iter().enumerate() {
        if full && *score <= bar {
            continue;
        }
        kept.push((at, *score));
        if kept.len() == 2 * count {
            kept.select_nth_unstable_by(count - 1, best_first);
            kept.truncate(count);
            (bar, full) = (kept[count - 1].1, true);
        }
    }
    kept.sort_unstable_by(best_first);
    kept.truncate(count);
    kept
}

/// The `count`-th largest score, counted from 1; `count` is clipped to the length of the row.
pub(crate) fn nth_largest(scores: &[f32], count: usize, scratch: &mut Vec<f32>) -> f32 {
    if scores.is_empty() || count == 0 {
        return f32::INFINITY;
    }
    scratch.clear();
    scratch.extend_from_slice(scores);
    let at = count.min(scores.len()) - 1;
    let (_, nth, _) = scratch.select_nth_unstable_by(at, |a, b| b.total_cmp(a));
    *nth
}

/// Visits `entries` in the order of `order` until `visit` says false, and sorts them no further
/// than that: the visited ones stand sorted in front, the others in any order behind.
pub(crate) fn in_order(
    entries: &mut [(usize, f32)],
    order: fn(&(usize, f32), &(usize, f32)) -> Ordering,
    mut visit: impl FnMut(usize, (usize, f32)) -> bool,
) {
    let mut sorted = 0;
    let mut share = 64;
    while sorted < entries.len() {
        let end = entries.len().min(sorted + share);
        if end < entries.len() {
            entries[sorted..].select_nth_unstable_by(end - sorted - 1, order);
        }
        entries[sorted..end].sort_unstable_by(order);
        for (at, entry) in entries.iter().enumerate().take(end).skip(sorted) {
            if !visit(at, *entry) {
                return;
            }
        }
        sorted = end;
        share *= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn argmax_takes_the_first_of_equals_and_nan_above_all() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax(&[f32::NEG_INFINITY, f32::NEG_INFINITY]), 0);
        assert_eq!(argmax(&[1.0, f32::NAN, 9.0]), 1);
    }

    #[test]
    fn log_softmax_of_known_numbers() {
        let mut scores = [0.0, (3.0f32).ln(), f32::NEG_INFINITY];
        log_softmax(&mut scores);
        assert!((scores[0] - (0.25f32).ln()).abs() < 1e-6);
        assert!((scores[1] - (0.75f32).ln()).abs() < 1e-6);
        assert_eq!(scores[2], f32::NEG_INFINITY);
        let mut none = [f32::NEG_INFINITY; 2];
        log_softmax(&mut none);
        assert_eq!(none, [f32::NEG_INFINITY; 2]);
    }

    #[test]
    fn entropy_of_a_fair_coin() {
        let half = (0.5f32).ln();
        let coin = [half, half, f32::NEG_INFINITY];
        assert!((entropy(coin.into_iter()) - (2.0f32).ln()).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn in_order_visits_as_a_sort_would(
            scores in prop::collection::vec(-4i16..400, 1..600),
            count in 1usize..600,
        ) {
            let mut entries: Vec<(usize, f32)> =
                scores.iter().map(|score| f32::from(*score)).enumerate().collect();
            let mut sorted = entries.clone();
            sorted.sort_by(best_first);
            let mut seen = Vec::new();
            in_order(&mut entries, best_first, |at, entry| {
                assert_eq!(at, seen.len());
                seen.push(entry);
                seen.len() < count
            });
            sorted.truncate(count);
            prop_assert_eq!(seen, sorted);
        }

        #[test]
        fn top_is_the_head_of_the_sorted_row(
            scores in prop::collection::vec(-4i8..4, 1..60),
            count in 1usize..70,
        ) {
            let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
            let mut sorted: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
            sorted.sort_by(best_first);
            sorted.truncate(count);
            prop_assert_eq!(top(&scores, count), sorted.clone());
            let nth = nth_largest(&scores, count, &mut Vec::new());
            prop_assert_eq!(nth, sorted[sorted.len() - 1].1);
        }
    }
}
