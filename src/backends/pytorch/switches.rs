//! The process-wide switches of libtorch, as an engine wants them. They belong to the process and
//! not to a model: an engine has its own in force only while it works.

use std::collections::BTreeMap;

use super::in_force::InForce;
use super::native::{self, Switch};
use crate::backends::BackendError;
use crate::backends::load::{self, choice, count};
use crate::refusal::{Refusal, nearest};
use crate::settings::{Settings, Value};

/// The parameters that are one switch each, on or off.
const FLAGS: [(&str, Switch); 5] = [
    ("allow_tf32", Switch::AllowTf32),
    ("cudnn_benchmark", Switch::CudnnBenchmark),
    ("deterministic_algorithms", Switch::DeterministicAlgorithms),
    ("flush_denormal", Switch::FlushDenormal),
    ("mkldnn", Switch::Mkldnn),
];

/// The keys of `extra`: switches without a parameter of their own.
const EXTRA: [(&str, Switch); 8] = [
    ("allow_bf16_reduced_precision_reduction", Switch::Bf16Reduction),
    ("allow_fp16_accumulation", Switch::Fp16Accumulation),
    ("allow_fp16_bf16_reduction_math_sdp", Switch::MathSdpReduction),
    ("allow_fp16_reduced_precision_reduction", Switch::Fp16Reduction),
    ("cudnn_allow_tf32", Switch::CudnnAllowTf32),
    ("deterministic_warn_only", Switch::DeterministicWarnOnly),
    ("fill_uninitialized_memory", Switch::FillUninitializedMemory),
    ("mkldnn_deterministic", Switch::MkldnnDeterministic),
];

/// The values of `float32_matmul_precision`; a place is the value of the switch.
const PRECISIONS: [&str; 3] = ["highest", "high", "medium"];

/// The values of `sdpa_kernel`, with the kernels that each leaves.
const KERNELS: [(&str, i64); 5] =
    [("auto", 15), ("math", 1), ("flash", 2), ("efficient", 4), ("cudnn", 8)];

/// The switches that an engine sets; all others are those of the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Switches {
    wanted: BTreeMap<Switch, i64>,
    /// Which of them came by `extra`.
    extra: Vec<&'static str>,
    interop_threads: Option<usize>,
}

impl Switches {
    /// The switches among `settings`, each by itself.
    ///
    /// # Errors
    /// A [`Refusal`] of a wrong value or key.
    pub(super) fn parse(settings: &Settings) -> Result<Self, Refusal> {
        let mut wanted = BTreeMap::new();
        for (name, switch) in FLAGS {
            if settings.get(name).is_some() {
                wanted.insert(switch, i64::from(load::flag(settings, name, false)?));
            }
        }
        if let Some(name) = choice(settings, "float32_matmul_precision", &PRECISIONS)? {
            let place = PRECISIONS.iter().position(|one| *one == name);
            wanted.insert(Switch::Float32MatmulPrecision, place.map_or(0, |place| place as i64));
        }
        let names = KERNELS.map(|(name, _)| name);
        if let Some(name) = choice(settings, "sdpa_kernel", &names)? {
            let kernels = KERNELS.iter().find(|one| one.0 == name).map(|one| one.1);
            wanted.extend(kernels.map(|kernels| (Switch::SdpaKernels, kernels)));
        }
        let mut extra = Vec::new();
        for (key, switch, on) in extras(settings)? {
            wanted.insert(switch, i64::from(on));
            extra.push(key);
        }
        let interop_threads = count(settings, "interop_threads", load::MOST_THREADS)?;
        Ok(Self { wanted, extra, interop_threads })
    }

    /// Whether an engine with these has what `other`, made of some settings alone, asks for.
    pub(super) fn has(&self, other: &Self) -> bool {
        let value =
            |switch: &Switch| self.wanted.get(switch).copied().or(native::get(*switch).ok());
        let threads = |asked| self.interop_threads == Some(asked) || interop_is(asked);
        other.wanted.iter().all(|(switch, asked)| value(switch) == Some(*asked))
            && other.interop_threads.is_none_or(threads)
    }

    /// Puts them in force; what the process had comes back when the result is dropped.
    ///
    /// # Errors
    /// [`BackendError::Unavailable`] where libtorch does not take one.
    pub(super) fn apply(&self) -> Result<InForce, BackendError> {
        let mut force = InForce::new(self.wanted.is_empty());
        if let Some(wanted) = self.interop_threads.filter(|wanted| !interop_is(*wanted)) {
            set_interop(wanted)?;
        }
        // TF32 is a part of the precision: to take it back is to take back both.
        if self.wanted.contains_key(&Switch::AllowTf32) {
            force.put(Switch::Float32MatmulPrecision, None)?;
        }
        for (switch, value) in &self.wanted {
            force.put(*switch, Some(*value))?;
        }
        Ok(force)
    }

    /// What libtorch has in force now, by parameter.
    ///
    /// # Errors
    /// [`BackendError::Failed`] where it does not say.
    pub(super) fn effective(&self) -> Result<Vec<(&'static str, Value)>, BackendError> {
        let read = |switch| native::get(switch).map_err(|why| BackendError::Failed(why.into()));
        let flag = |switch| Ok::<_, BackendError>(Value::from(read(switch)? != 0));
        let mut found = Vec::new();
        for (name, switch) in FLAGS {
            found.push((name, flag(switch)?));
        }
        let precision = usize::try_from(read(Switch::Float32MatmulPrecision)?).ok();
        let precision = precision.and_then(|place| PRECISIONS.get(place).copied());
        found.push(("float32_matmul_precision", precision.into()));
        found.push(("sdpa_kernel", kernel_name(read(Switch::SdpaKernels)?).into()));
        let mut extra = serde_json::Map::new();
        for (key, switch) in EXTRA.iter().filter(|(key, _)| self.extra.contains(key)) {
            extra.insert((*key).to_owned(), flag(*switch)?);
        }
        found.push(("extra", extra.into()));
        let threads = native::interop_threads().map_err(|why| BackendError::Failed(why.into()))?;
        found.push(("interop_threads", threads.into()));
        Ok(found)
    }

    /// What `switch` is to be; none for what the process has.
    pub(super) fn wanted(&self, switch: Switch) -> Option<i64> {
        self.wanted.get(&switch).copied()
    }

    /// The keys that came by `extra`.
    pub(super) fn extra(&self) -> &[&'static str] {
        &self.extra
    }

    /// The value of `sdpa_kernel`.
    pub(super) fn kernel(&self) -> &'static str {
        self.wanted.get(&Switch::SdpaKernels).and_then(|one| kernel_name(*one)).unwrap_or("auto")
    }
}

/// The keys of `extra` with their switches and whether they are on.
fn extras(settings: &Settings) -> Result<Vec<(&'static str, Switch, bool)>, Refusal> {
    let Some(value) = settings.get("extra") else { return Ok(Vec::new()) };
    let known = || EXTRA.iter().map(|(key, _)| *key);
    let refused = |rule: String| Refusal::new("extra", value.clone(), rule);
    let Some(map) = value.as_object() else {
        let keys = known().collect::<Vec<_>>().join(", ");
        return Err(refused(format!("a map of switches of libtorch to true or false: {keys}")));
    };
    let mut found = Vec::new();
    for (key, value) in map {
        let Some((name, switch)) = EXTRA.iter().find(|(name, _)| name == key) else {
            let hint = match nearest(key, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", known().collect::<Vec<_>>().join(", ")),
            };
            return Err(refused(format!("no switch of libtorch is called `{key}`; {hint}")));
        };
        let Some(on) = value.as_bool() else {
            return Err(refused(format!("{key} is true or false")));
        };
        found.push((*name, *switch, on));
    }
    Ok(found)
}

fn kernel_name(kernels: i64) -> Option<&'static str> {
    KERNELS.iter().find(|one| one.1 == kernels).map(|one| one.0)
}

fn interop_is(wanted: usize) -> bool {
    native::interop_threads().is_ok_and(|now| usize::try_from(now) == Ok(wanted))
}

fn set_interop(wanted: usize) -> Result<(), BackendError> {
    let told = i32::try_from(wanted).map_err(|error| error.to_string());
    told.and_then(native::set_interop_threads).map_err(|_| {
        let has = native::interop_threads().map_or_else(|why| why, |now| now.to_string());
        BackendError::Unavailable {
            reason: format!(
                "interop_threads = {wanted}: libtorch takes the number once per process, and this \
                 one has {has}"
            ),
            remedy: "load the engine in a process of its own (`--isolate group`)".to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tch::{Device, Kind, Tensor};

    use super::*;

    fn switches(pairs: &[(&str, Value)]) -> Switches {
        let pairs = pairs.iter().map(|(name, value)| (*name, value.clone()));
        Switches::parse(&pairs.collect()).unwrap()
    }

    /// All that is done to the process in one test, as its switches are those of every test. None
    /// of these has a bearing on float32 on the CPU.
    #[test]
    fn switches_are_in_force_while_they_are_wanted() {
        let names = ["allow_tf32", "cudnn_benchmark", "deterministic_algorithms", "flush_denormal"];
        let read = |one: &Switches| {
            let found = one.effective().unwrap();
            let of = |name: &str| found.iter().find(|one| one.0 == name).unwrap().1.clone();
            (names.map(|name| of(name) == true), of("extra"), of("float32_matmul_precision"))
        };
        let none = Switches::default();
        let before = none.apply().map(|_force| read(&none)).unwrap();
        assert_eq!(before, ([false; 4], json!({}), json!("highest")));

        let extra = json!({"deterministic_warn_only": true, "fill_uninitialized_memory": false});
        let mut pairs = names.map(|name| (name, true.into())).to_vec();
        pairs.push(("extra", extra.clone()));
        let all = switches(&pairs);
        let force = all.apply().unwrap();
        assert_eq!(read(&all), ([true; 4], extra, json!("high")));
        // An engine within another: what it does not want stays.
        let inner = switches(&[("cudnn_benchmark", false.into())]);
        let within = inner.apply().unwrap();
        assert_eq!(read(&inner).0, [true, false, true, true]);
        drop(within);
        assert_eq!(read(&inner).0, [true; 4]);
        drop(force);
        assert_eq!(none.apply().map(|_force| read(&none)).unwrap(), before);
    }

    #[test]
    fn denormals_are_flushed_in_every_thread_of_an_operation() {
        let tiny = || {
            let ones = Tensor::ones([1 << 16], (Kind::Float, Device::Cpu)) * 1e-20;
            let product: Tensor = &ones * 1e-20;
            product.count_nonzero(None::<i64>).int64_value(&[])
        };
        let flushing = switches(&[("flush_denormal", true.into())]);
        assert_eq!(tiny(), 1 << 16);
        let force = flushing.apply().unwrap();
        assert_eq!(tiny(), 0);
        drop(force);
        assert_eq!(tiny(), 1 << 16);
    }

    #[test]
    fn an_engine_has_what_it_was_loaded_with() {
        let engine = switches(&[("cudnn_benchmark", true.into()), ("interop_threads", 900.into())]);
        assert!(engine.has(&switches(&[("cudnn_benchmark", true.into())])));
        assert!(engine.has(&switches(&[("mkldnn", true.into())])));
        assert!(engine.has(&switches(&[("interop_threads", 900.into())])));
        assert!(engine.has(&switches(&[("interop_threads", Value::Null)])));
        assert!(!engine.has(&switches(&[("cudnn_benchmark", false.into())])));
        assert!(!engine.has(&switches(&[("mkldnn", false.into())])));
        assert!(!engine.has(&switches(&[("interop_threads", 901.into())])));
    }
}
