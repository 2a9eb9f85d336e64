//! Every kind of cache against the dynamic one, and the quantised ones against what was recorded.

use proptest::prelude::*;
use serde_json::json;

use super::config::QuantizedConfig;
use super::reference::{HEADS, STEPS, WIDTH, numbers, recorded};
use super::*;
use crate::backends::load::CacheKind;
use crate::settings::Value;

const LIMIT: usize = 300;
const LAYERS: usize = 2;

fn shape(implementation: CacheImplementation, sliding: Option<Sliding>) -> CacheShape {
    let kind = implementation.growth();
    let (kv_heads, head_dim) = (HEADS as usize, WIDTH as usize);
    CacheShape {
        sizes: CacheSizes { layers: LAYERS, kv_heads, head_dim, element: 4, limit: LIMIT, kind },
        dtype: Kind::Float,
        compute: Kind::Float,
        device: Device::Cpu,
        implementation,
        sliding,
    }
}

fn quantized(config: Value) -> CacheImplementation {
    let settings = [("cache_config", config)].into_iter().collect();
    CacheImplementation::Quantized(QuantizedConfig::parse(&settings).unwrap())
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.to_kind(Kind::Float).contiguous().reshape([-1])).unwrap()
}

/// Writes `new` positions of random numbers from -1 to 1 to all caches: what each gives, per layer and of keys
/// and values.
fn extend(caches: &mut [Cache], rows: usize, new: usize) -> Vec<Vec<Tensor>> {
    let random = || {
        let size = [rows as i64, HEADS, new as i64, WIDTH];
        Tensor::rand(size, (Kind::Float, Device::Cpu)) * 2.0 - 1.0
    };
    let mut given: Vec<Vec<Tensor>> = caches.iter().map(|_| Vec::new()).collect();
    for layer in 0..LAYERS {
        let (keys, values) = (random(), random());
        for (cache, given) in caches.iter_mut().zip(&mut given) {
            if layer == 0 {
                cache.reserve(new).unwrap();
            }
            let (all_keys, all_values) = cache.write(layer, &keys, &values).unwrap();
            // Copies: later steps may write over what a buffer has behind its length.
            given.extend([all_keys.copy(), all_values.copy()]);
        }
    }
    caches.iter_mut().for_each(|cache| cache.advance(new));
    given
}

/// Steps of any kind: (kind, rows or positions).
fn steps(longest: usize) -> impl Strategy<Value = Vec<(u8, Vec<usize>)>> {
    let numbers = prop::collection::vec(0_usize..longest, 1..4);
    prop::collection::vec((0_u8..5, numbers), 1..12)
}

/// Does `steps` to all caches, and gives what they give after each that writes. What was read
/// longer than 64 positions before the last step is not taken back.
fn done(caches: &mut [Cache], steps: &[(u8, Vec<usize>)]) -> Vec<Vec<Vec<Tensor>>> {
    let (mut rows, mut before) = (2, 0);
    let mut given = vec![extend(caches, rows, 3)];
    for (kind, numbers) in steps {
        let len = caches[0].len();
        match kind {
            1 => {
                let chosen: Vec<usize> = numbers.iter().map(|one| one % rows).collect();
                caches.iter_mut().for_each(|cache| cache.select(&chosen).unwrap());
                rows = chosen.len();
            }
            2 => {
                let earliest = before.max(65) - 64;
                let len = len.saturating_sub(numbers[0]).max(earliest).min(len);
                caches.iter_mut().for_each(|cache| cache.crop(len).unwrap());
            }
            _ => {
                let new = (numbers[0] + 1).min(LIMIT - len);
                if new > 0 {
                    before = before.max(len);
                    given.push(extend(caches, rows, new));
                }
            }
        }
        let first = caches[0].len();
        assert!(caches.iter().all(|cache| cache.len() == first));
    }
    given
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is done to them, all kinds in full precision give the same, bit for bit.
    #[test]
    fn full_precision_is_the_same_in_every_kind(steps in steps(90), window in 1_usize..40) {
        use CacheImplementation::{Dynamic, Offloaded, OffloadedStatic, SlidingWindow, Static};
        for sliding in [None, Some(Sliding { window, layers: vec![false, true] })] {
            let mut caches = [Dynamic, Static, Offloaded, OffloadedStatic, SlidingWindow]
                .map(|one| Cache::new(shape(one, sliding.clone()), 2).unwrap());
            for step in done(&mut caches, &steps) {
                for other in &step[1..] {
                    prop_assert_eq!(other.len(), step[0].len());
                    for (one, other) in step[0].iter().zip(other) {
                        prop_assert_eq!(one.size(), other.size());
                        prop_assert!(one.equal(other));
                    }
                }
            }
        }
    }

    /// A quantised cache is off by its rounding alone: half a step of a group each time that it was
    /// quantised. New positions are exact.
    #[test]
    fn quantised_is_the_same_within_its_rounding(
        steps in steps(9),
        hqq in any::<bool>(),
        axis in 0_usize..2,
        residual_length in 0_usize..12,
        q_group_size in prop::sample::select(vec![4, 16, 48]),
    ) {
        let (backend, axis) = if hqq { ("hqq", [0, 1][axis]) } else { ("quanto", [0, -1][axis]) };
        let nbits = if hqq { 8 } else { 4 };
        let config = json!({
            "backend": backend, "nbits": nbits, "axis_key": axis, "axis_value": axis,
            "q_group_size": q_group_size, "residual_length": residual_length,
        });
        let kinds = [CacheImplementation::Dynamic, quantized(config)];
        let mut caches = kinds.map(|one| Cache::new(shape(one, None), 2).unwrap());
        let mut times = 0.0;
        for step in done(&mut caches, &steps) {
            for (exact, other) in step[0].iter().zip(&step[1]) {
                prop_assert_eq!(exact.size(), other.size());
                // The solver of HQQ may leave the ends of a group outside, for the rest's sake.
                let levels = if hqq { 64.0 } else { 15.0 };
                let far = (exact - other).abs().max().double_value(&[]);
                prop_assert!(far <= times * 2.0 / levels, "{} times: {}", times, far);
            }
            times += 1.0;
        }
    }
}

#[test]
fn a_quantised_cache_is_that_of_transformers() {
    for recorded in recorded() {
        let mut shape = shape(quantized(recorded.config.clone()), None);
        let narrow = recorded.dtype == "bfloat16";
        shape.dtype = if narrow { Kind::BFloat16 } else { Kind::Float };
        shape.compute = shape.dtype;
        let kind = shape.dtype;
        let mut cache = Cache::new(shape, 1).unwrap();
        let (mut start, mut given) = (0, None);
        for new in STEPS {
            let count = HEADS * new * WIDTH;
            let tensor = |at: i64| {
                let tensor = Tensor::from_slice(&numbers(count, at));
                tensor.reshape([1, HEADS, new, WIDTH]).to_kind(kind)
            };
            given = Some(cache.write(0, &tensor(start), &tensor(start + count)).unwrap());
            cache.advance(new as usize);
            start += 2 * count;
        }
        let (keys, values) = given.unwrap();
        for (ours, theirs) in [(keys, &recorded.keys), (values, &recorded.values)] {
            let ours = flat(&ours);
            assert_eq!(ours.len(), theirs.len());
            let far = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(far < 1e-5, "{:?} {}: {far}", recorded.config, recorded.dtype);
        }
    }
}

#[test]
fn a_quantised_cache_takes_less_memory() {
    let config = json!({"nbits": 4, "q_group_size": 64, "residual_length": 1});
    let CacheImplementation::Quantized(parsed) = quantized(config.clone()) else { panic!() };
    let keys = Tensor::randn([3, HEADS, 64, WIDTH], (Kind::Float, Device::Cpu));
    let packed = packed::Packed::quantize(&keys, &parsed, 0).unwrap();
    // Half a byte for each of 4 bytes, and two floats for each group of 64.
    assert_eq!(packed.bytes(), 3 * 512 / 2 + 3 * 512 / 64 * 8);
    let full = shape(CacheImplementation::Dynamic, None).bytes(3, 300);
    assert_eq!(full, 2 * 2 * 3 * 300 * 8 * 4);
    // A layer of the two is in full precision while it computes.
    let quantised = shape(quantized(config), None).bytes(3, 300);
    assert!(quantised > full / 2 && quantised < full * 7 / 10, "{quantised} of {full}");
}

#[test]
fn a_window_takes_the_memory_of_the_window() {
    let sliding = Sliding { window: 5, layers: vec![false, true] };
    let full = shape(CacheImplementation::Dynamic, Some(sliding.clone()));
    let windowed = shape(CacheImplementation::SlidingWindow, Some(sliding));
    assert_eq!(windowed.bytes(1, 300), full.bytes(1, 300) / 2 + full.bytes(1, 132) / 2);
}

#[test]
fn what_a_window_has_forgotten_is_not_gone_back_to() {
    let sliding = Sliding { window: 5, layers: vec![false, true] };
    let mut caches =
        [Cache::new(shape(CacheImplementation::SlidingWindow, Some(sliding)), 2).unwrap()];
    for _ in 0..80 {
        extend(&mut caches, 2, 3);
    }
    let [cache] = &mut caches;
    assert_eq!(cache.len(), 240);
    assert!(cache.crop(240 - 64).is_ok());
    let fault = cache.crop(80).unwrap_err();
    insta::assert_snapshot!(fault, @"the sliding-window cache cannot go back from 176 positions to 80: it has forgotten what lies before 125; take cache_implementation dynamic");
    // From the start it can be read anew.
    assert!(cache.crop(0).is_ok());
    let given = extend(&mut caches, 2, 7);
    assert_eq!(given[0][2].size(), [2, HEADS, 7, WIDTH]);
}

#[test]
fn a_narrower_cache_gives_the_type_of_the_activations() {
    let mut narrow = shape(CacheImplementation::Dynamic, None);
    narrow.dtype = Kind::BFloat16;
    assert_eq!(narrow.stored_dtype().unwrap(), Kind::BFloat16);
    let wide = shape(CacheImplementation::Dynamic, None);
    let mut caches = [wide, narrow].map(|one| Cache::new(one, 1).unwrap());
    let given = extend(&mut caches, 1, 9);
    for (wide, narrow) in given[0].iter().zip(&given[1]) {
        assert_eq!(narrow.kind(), Kind::Float);
        assert!(narrow.equal(&wide.to_kind(Kind::BFloat16).to_kind(Kind::Float)));
    }
}

#[test]
fn a_growing_cache_doubles() {
    let mut caches = [Cache::new(shape(CacheImplementation::Dynamic, None), 2).unwrap()];
    let mut capacities = vec![caches[0].capacity()];
    for _ in 0..LIMIT {
        extend(&mut caches, 2, 1);
        if capacities.last() != Some(&caches[0].capacity()) {
            capacities.push(caches[0].capacity());
        }
    }
    assert_eq!(capacities, [64, 128, 256, 300]);
    let fixed = shape(CacheImplementation::Static, None);
    assert_eq!(fixed.sizes.kind, CacheKind::Static);
    assert_eq!(Cache::new(fixed, 1).unwrap().capacity(), 300);
}

#[test]
fn out_of_memory_names_the_sizes() {
    let mut large = shape(quantized(json!({"nbits": 2})), None);
    large.sizes.layers = 1 << 30;
    insta::assert_snapshot!(large.sized(ModelFault::OutOfMemory("no".into()), 2, 300), @"out of memory: no (with a key-value cache of 2 bits (quanto) of 2 rows and 300 positions, 21512192 MiB; lower max_model_len or the number of rows)");
    let fault = large.check_memory(3, 300).unwrap_err().to_string();
    let told = "a key-value cache of 2 bits (quanto) of 3 rows and 300 positions takes";
    assert!(fault.contains(told), "{fault}");
    large.implementation = CacheImplementation::Offloaded;
    large.device = Device::Cuda(0);
    let fault = large.check_memory(3, 300).unwrap_err().to_string();
    assert!(fault.contains("a key-value cache in main memory of 3 rows"), "{fault}");
}
