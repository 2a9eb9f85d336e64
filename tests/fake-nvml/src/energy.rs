//! What a counter and a sensor show of a GPU that draws what the script says.

use crate::script::{Counter, Gpu};

/// Millijoules drawn from time 0 up to `at_ms`; below 0 before it.
fn drawn_mj(watts: &[(f64, f64)], at_ms: f64) -> f64 {
    let Some(&(_, first)) = watts.first() else { return 0.0 };
    if at_ms <= 0.0 {
        return first * at_ms;
    }
    // Watts times milliseconds are millijoules.
    let mut sum = 0.0;
    let mut since = 0.0;
    let mut level = first;
    for &(from, next) in watts {
        let from = from.clamp(since, at_ms);
        sum += level * (from - since);
        (since, level) = (from, next);
        if from >= at_ms {
            return sum;
        }
    }
    sum + level * (at_ms - since)
}

/// What the counter shows, in millijoules.
pub(crate) fn counter_mj(gpu: &Gpu, now_ms: f64) -> u64 {
    let counter = &gpu.counter;
    if let Some(fixed) = counter.fixed_mj {
        return fixed;
    }
    let now_ms = counter.frozen_at_ms.map_or(now_ms, |frozen| now_ms.min(frozen));
    let tick_ms = last_tick_ms(counter, now_ms);
    let seen_ms = tick_ms - counter.lag_ms;
    let steps = counter.steps.iter().filter(|(from, _)| *from <= tick_ms);
    let added: i64 = steps.map(|(_, by)| by).sum();
    let counted = match counter.reset_at_ms {
        Some(reset) if reset <= tick_ms => {
            drawn_mj(&gpu.watts, seen_ms) - drawn_mj(&gpu.watts, reset)
        }
        _ => drawn_mj(&gpu.watts, seen_ms) + counter.start_mj as f64,
    };
    (counted.floor() as i64).saturating_add(added).max(0) as u64
}

/// What the sensor shows, in milliwatts: the mean over its window up to its last update.
pub(crate) fn power_mw(gpu: &Gpu, now_ms: f64) -> u32 {
    if let Some(fixed) = gpu.power.fixed_mw {
        return fixed;
    }
    let update_ms = (now_ms / gpu.power.update_ms).floor() * gpu.power.update_ms;
    let energy_mj =
        drawn_mj(&gpu.watts, update_ms) - drawn_mj(&gpu.watts, update_ms - gpu.power.window_ms);
    (energy_mj / gpu.power.window_ms * 1000.0).round() as u32
}

/// The time of the last tick at or before `now_ms`.
fn last_tick_ms(counter: &Counter, now_ms: f64) -> f64 {
    let about = ((now_ms - counter.phase_ms) / counter.tick_ms).floor() as i64;
    let tick = |k: i64| {
        let jitter = counter.jitter_ms * noise(k);
        counter.phase_ms + k as f64 * counter.tick_ms + jitter
    };
    (about - 2..=about + 2).rev().map(tick).find(|at| *at <= now_ms).unwrap_or(counter.phase_ms)
}

/// A number from -1 to 1, the same for the same tick (a step of SplitMix64).
fn noise(k: i64) -> f64 {
    let mut z = (k as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}
