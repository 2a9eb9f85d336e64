//! What the switches of an engine must fit: where it computes, how it attends, in which numbers. A
//! switch that would do nothing there is refused.

use tch::Kind;

use super::attention::Implementation;
use super::cuda;
use super::native::Switch;
use super::settings::dtype_name;
use super::switches::Switches;
use crate::backends::BackendError;
use crate::backends::load::Place;
use crate::refusal::Refusal;
use crate::settings::Settings;

/// The compute capability that the flash and the cuDNN kernel need.
const FUSED_CAPABILITY: (i64, i64) = (8, 0);

/// What else an engine is loaded with, as far as switches depend on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Company {
    /// Where it computes.
    pub device: Place,
    /// How it attends.
    pub attention: Implementation,
    /// Its number format; none where that is not known yet.
    pub dtype: Option<Kind>,
}

impl Switches {
    /// Refuses what has no effect, or cannot work, in `company`; `settings` are those that this
    /// was made of.
    ///
    /// # Errors
    /// A [`Refusal`] with the setting that stands against it.
    pub(super) fn check(&self, settings: &Settings, company: Company) -> Result<(), Refusal> {
        let refused = |name: &str, rule: String| {
            Err(Refusal::new(name, settings.get(name).cloned().unwrap_or_default(), rule))
        };
        let on = |switch| self.wanted(switch).is_some_and(|value| value != 0);
        let on_cpu = company.device == Place::Cpu;
        for (name, switch) in
            [("allow_tf32", Switch::AllowTf32), ("cudnn_benchmark", Switch::CudnnBenchmark)]
        {
            if on(switch) && on_cpu {
                return refused(name, "it acts on an NVIDIA GPU, and device is cpu".to_owned());
            }
        }
        if on(Switch::FlushDenormal) && !on_cpu {
            return refused("flush_denormal", "it acts on the CPU, and device is cuda".to_owned());
        }
        if self.wanted(Switch::Mkldnn) == Some(0) && !on_cpu {
            return refused("mkldnn", "oneDNN computes on the CPU, and device is cuda".to_owned());
        }
        self.check_float32(company, &refused)?;
        self.check_kernel(company, &refused)?;
        for key in self.extra() {
            if let Some(rule) = self.without_effect(key, company) {
                return refused("extra", format!("{key} {rule}"));
            }
        }
        Ok(())
    }

    fn check_float32(
        &self,
        company: Company,
        refused: &impl Fn(&str, String) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let precision = self.wanted(Switch::Float32MatmulPrecision);
        let tf32 = self.wanted(Switch::AllowTf32);
        if let (Some(precision), Some(tf32)) = (precision, tf32)
            && (precision != 0) != (tf32 != 0)
        {
            let rule = "float32_matmul_precision says otherwise: highest is without TF32, high \
                        and medium are with it; give one of the two";
            return refused("allow_tf32", rule.to_owned());
        }
        if let Some(dtype) = company.dtype.filter(|dtype| *dtype != Kind::Float) {
            let rule = || format!("it acts on float32, and dtype is {}", dtype_name(dtype));
            if precision.is_some_and(|precision| precision != 0) {
                return refused("float32_matmul_precision", rule());
            }
            if tf32.is_some_and(|tf32| tf32 != 0) {
                return refused("allow_tf32", rule());
            }
        }
        Ok(())
    }

    fn check_kernel(
        &self,
        company: Company,
        refused: &impl Fn(&str, String) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let kernel = self.kernel();
        let rule = match (kernel, company.device) {
            ("auto", _) => return Ok(()),
            _ if company.attention != Implementation::Sdpa => {
                "it is a kernel of sdpa, and attn_implementation is eager".to_owned()
            }
            ("efficient" | "cudnn", Place::Cpu) => {
                "it is a kernel for GPUs, and device is cpu; auto, math or flash".to_owned()
            }
            ("flash" | "cudnn", Place::Cuda(_)) if company.dtype == Some(Kind::Float) => {
                "on a GPU it takes float16 or bfloat16, and dtype is float32".to_owned()
            }
            _ => return Ok(()),
        };
        refused("sdpa_kernel", rule)
    }

    /// Why `key` of `extra` does nothing in `company`; none where it does something.
    fn without_effect(&self, key: &str, company: Company) -> Option<&'static str> {
        let deterministic = self.wanted(Switch::DeterministicAlgorithms) == Some(1);
        match key {
            "deterministic_warn_only" | "fill_uninitialized_memory" => (!deterministic)
                .then_some("acts beside deterministic_algorithms, which is not set to true"),
            "mkldnn_deterministic" => {
                (company.device != Place::Cpu).then_some("acts on the CPU, and device is cuda")
            }
            "allow_fp16_bf16_reduction_math_sdp" => (company.attention != Implementation::Sdpa)
                .then_some("acts on sdpa, and attn_implementation is eager"),
            _ => {
                (company.device == Place::Cpu).then_some("acts on an NVIDIA GPU, and device is cpu")
            }
        }
    }

    /// That GPU `number` can do what is wanted of it.
    ///
    /// # Errors
    /// [`BackendError::Unavailable`].
    pub(super) fn check_gpu(&self, number: usize) -> Result<(), BackendError> {
        if matches!(self.kernel(), "flash" | "cudnn") {
            let what = format!("sdpa_kernel {}", self.kernel());
            cuda::check_capability(number, FUSED_CAPABILITY, &what)?;
        }
        if self.wanted(Switch::AllowTf32) == Some(1) {
            cuda::check_capability(number, FUSED_CAPABILITY, "allow_tf32")?;
        }
        // cuBLAS refuses to work otherwise, in the middle of a request.
        let fixed = [":4096:8", ":16:8"].map(Some);
        let workspace = std::env::var("CUBLAS_WORKSPACE_CONFIG").ok();
        if self.wanted(Switch::DeterministicAlgorithms) == Some(1)
            && self.wanted(Switch::DeterministicWarnOnly) != Some(1)
            && !fixed.contains(&workspace.as_deref())
        {
            return Err(BackendError::Unavailable {
                reason: "deterministic_algorithms needs cuBLAS with a fixed workspace".to_owned(),
                remedy: "set CUBLAS_WORKSPACE_CONFIG=:4096:8 in the environment".to_owned(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::Value;

    fn settings(pairs: &[(&str, Value)]) -> Settings {
        pairs.iter().map(|(name, value)| (*name, value.clone())).collect()
    }

    fn company(device: Place, attention: Implementation, dtype: Kind) -> Company {
        Company { device, attention, dtype: Some(dtype) }
    }

    const ON_CPU: Company =
        Company { device: Place::Cpu, attention: Implementation::Sdpa, dtype: None };
    const ON_GPU: Company =
        Company { device: Place::Cuda(0), attention: Implementation::Sdpa, dtype: None };

    fn refused(pairs: &[(&str, Value)], company: Company) -> String {
        let settings = settings(pairs);
        let parsed = Switches::parse(&settings);
        parsed.and_then(|one| one.check(&settings, company)).unwrap_err().to_string()
    }

    #[test]
    fn a_key_of_the_escape_hatch_is_known_or_refused_with_the_nearest() {
        let extra = |value: Value| refused(&[("extra", value)], ON_CPU);
        insta::assert_snapshot!(extra(json!({"mkldn_deterministic": true})), @r#"extra = {"mkldn_deterministic":true} is refused: no switch of libtorch is called `mkldn_deterministic`; did you mean `mkldnn_deterministic`?"#);
        insta::assert_snapshot!(extra(json!({"torch_compile": true})), @r#"extra = {"torch_compile":true} is refused: no switch of libtorch is called `torch_compile`; there are allow_bf16_reduced_precision_reduction, allow_fp16_accumulation, allow_fp16_bf16_reduction_math_sdp, allow_fp16_reduced_precision_reduction, cudnn_allow_tf32, deterministic_warn_only, fill_uninitialized_memory, mkldnn_deterministic"#);
        insta::assert_snapshot!(extra(json!({"mkldnn_deterministic": 1})), @r#"extra = {"mkldnn_deterministic":1} is refused: mkldnn_deterministic is true or false"#);
        insta::assert_snapshot!(extra(json!({"allow_fp16_accumulation": true})), @r#"extra = {"allow_fp16_accumulation":true} is refused: allow_fp16_accumulation acts on an NVIDIA GPU, and device is cpu"#);
        insta::assert_snapshot!(extra(json!({"deterministic_warn_only": true})), @r#"extra = {"deterministic_warn_only":true} is refused: deterministic_warn_only acts beside deterministic_algorithms, which is not set to true"#);
        insta::assert_snapshot!(extra(json!("mkldnn_deterministic")), @r#"extra = "mkldnn_deterministic" is refused: a map of switches of libtorch to true or false: allow_bf16_reduced_precision_reduction, allow_fp16_accumulation, allow_fp16_bf16_reduction_math_sdp, allow_fp16_reduced_precision_reduction, cudnn_allow_tf32, deterministic_warn_only, fill_uninitialized_memory, mkldnn_deterministic"#);
    }

    #[test]
    fn a_switch_without_effect_is_refused() {
        let eager = company(Place::Cpu, Implementation::Eager, Kind::Float);
        let narrow = company(Place::Cpu, Implementation::Sdpa, Kind::BFloat16);
        let wide_gpu = company(Place::Cuda(0), Implementation::Sdpa, Kind::Float);
        insta::assert_snapshot!(refused(&[("allow_tf32", true.into())], ON_CPU), @"allow_tf32 = true is refused: it acts on an NVIDIA GPU, and device is cpu");
        insta::assert_snapshot!(refused(&[("cudnn_benchmark", true.into())], ON_CPU), @"cudnn_benchmark = true is refused: it acts on an NVIDIA GPU, and device is cpu");
        insta::assert_snapshot!(refused(&[("flush_denormal", true.into())], ON_GPU), @"flush_denormal = true is refused: it acts on the CPU, and device is cuda");
        insta::assert_snapshot!(refused(&[("mkldnn", false.into())], ON_GPU), @"mkldnn = false is refused: oneDNN computes on the CPU, and device is cuda");
        insta::assert_snapshot!(refused(&[("float32_matmul_precision", "high".into())], narrow), @r#"float32_matmul_precision = "high" is refused: it acts on float32, and dtype is bfloat16"#);
        insta::assert_snapshot!(refused(&[("sdpa_kernel", "math".into())], eager), @r#"sdpa_kernel = "math" is refused: it is a kernel of sdpa, and attn_implementation is eager"#);
        insta::assert_snapshot!(refused(&[("sdpa_kernel", "efficient".into())], ON_CPU), @r#"sdpa_kernel = "efficient" is refused: it is a kernel for GPUs, and device is cpu; auto, math or flash"#);
        insta::assert_snapshot!(refused(&[("sdpa_kernel", "flash".into())], wide_gpu), @r#"sdpa_kernel = "flash" is refused: on a GPU it takes float16 or bfloat16, and dtype is float32"#);
        let both = [("allow_tf32", true.into()), ("float32_matmul_precision", "highest".into())];
        insta::assert_snapshot!(refused(&both, ON_GPU), @"allow_tf32 = true is refused: float32_matmul_precision says otherwise: highest is without TF32, high and medium are with it; give one of the two");
    }

    #[test]
    fn what_says_nothing_new_is_accepted() {
        for pairs in [
            [("allow_tf32", false.into()), ("cudnn_benchmark", false.into())],
            [("flush_denormal", false.into()), ("mkldnn", true.into())],
            [("float32_matmul_precision", "highest".into()), ("sdpa_kernel", "auto".into())],
        ] {
            for company in [ON_CPU, ON_GPU, company(Place::Cpu, Implementation::Eager, Kind::Half)]
            {
                let settings = settings(&pairs);
                Switches::parse(&settings).unwrap().check(&settings, company).unwrap();
            }
        }
    }
}
