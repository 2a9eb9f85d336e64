//! The adapters: which engine, and the module in Python that knows it.

/// How to have the engines that run on any machine.
const ENGINES: &str = "run `scripts/engines`, or name an interpreter that has it with --python";

/// An engine and its adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::backends) struct Adapter {
    /// The backend.
    pub(in crate::backends) name: &'static str,
    /// The package that must be importable.
    pub(super) package: &'static str,
    /// The name of the module.
    pub(super) module: &'static str,
    /// Its source.
    pub(super) source: &'static str,
    /// How to have it.
    pub(super) remedy: &'static str,
    /// Whether its engines share state of the process, so that there may be one at a time.
    pub(super) one_engine: bool,
}

impl Adapter {
    /// TensorRT-LLM.
    pub(in crate::backends) const TENSORRT: Self = Self {
        name: "tensorrt",
        package: "tensorrt_llm",
        module: "of_tensorrt",
        source: include_str!("engine/of_tensorrt.py"),
        remedy: "install TensorRT-LLM, which needs an NVIDIA GPU, and name its interpreter with --python",
        one_engine: true,
    };
    /// Hugging Face transformers.
    pub(in crate::backends) const TRANSFORMERS: Self = Self {
        name: "transformers",
        package: "transformers",
        module: "of_transformers",
        source: include_str!("engine/of_transformers.py"),
        remedy: ENGINES,
        one_engine: false,
    };
    /// vLLM.
    pub(in crate::backends) const VLLM: Self = Self {
        name: "vllm",
        package: "vllm",
        module: "of_vllm",
        source: include_str!("engine/of_vllm.py"),
        remedy: ENGINES,
        one_engine: true,
    };
}
