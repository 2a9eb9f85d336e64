//! The words of libraries.

/// What a message says about its writer when its form says nothing.
pub(super) struct Words {
    /// Literals, one of which is in every message that matches.
    pub(super) needs: &'static [&'static str],
    pub(super) pattern: &'static str,
    pub(super) source: &'static str,
}

/// In order of precedence.
pub(super) const WORDS: &[Words] = &[
    Words { needs: &["sglang", "SGLang"], pattern: r"\bsglang\b|SGLang", source: "other" },
    Words {
        needs: &["flash_attn"],
        pattern: r"\bflash_attn\w*cuda|\bflash_attn_2\b|libflash_attn",
        source: "flash_attention",
    },
    Words {
        needs: &["libnvinfer", "tensorrt_llm", "TensorRT-LLM", "[TRT", "TllmException", "nvinfer1"],
        pattern: r"\blibnvinfer|tensorrt_llm|TensorRT-LLM|\[TRT(?:-LLM)?\]|\bTllmException\b|nvinfer1",
        source: "tensorrt",
    },
    Words {
        needs: &["NCCL", "nccl"],
        pattern: r"\bNCCL\b|ncclSystemError|ncclInternalError|ncclUnhandled|libnccl",
        source: "nccl",
    },
    Words {
        needs: &[
            "CUDA out of memory",
            "torch",
            "Torch",
            "libc10",
            "c10::",
            "aten",
            "TypedStorage",
            "sourceTensor",
            "requires_grad",
            "mat1 and mat2",
            "expected m1",
            "expected scalar type",
            "expected all tensors",
            "state_dict",
            "size of tensor a",
            "autograd",
            "TORCH_",
            "at::native",
            "TracerWarning",
        ],
        pattern: r"CUDA out of memory|torch\.|PyTorch|\bpytorch\b|libtorch|libc10|/pytorch/|\baten[:/]|\bc10::|\bat::native|TypedStorage|sourceTensor|requires_grad|mat1 and mat2|expected (?:m1|scalar type|all tensors)|state_dict|size of tensor a|autograd|torchrun failed|TORCH_|TracerWarning",
        source: "torch",
    },
    Words {
        needs: &["bitsandbytes"],
        pattern: r"\bbitsandbytes\b|libbitsandbytes",
        source: "bitsandbytes",
    },
    Words {
        needs: &["accelerate launch", "accelerate config"],
        pattern: r"`?accelerate (?:launch|config)`?",
        source: "accelerate",
    },
    Words {
        needs: &["ray.", "ray::", "raylet", "RayTask", "RayActor"],
        pattern: r"\bray\.\w+|\bray::|\braylet\b|RayTask|RayActor",
        source: "ray",
    },
    Words {
        needs: &["vllm.", "VLLM_", "vLLM"],
        pattern: r"\bvllm\.|\bVLLM_|\bvLLM\b",
        source: "vllm",
    },
    Words {
        needs: &["Triton Error", "triton."],
        pattern: r"Triton Error|\btriton\.(?:compiler|runtime|language)",
        source: "triton",
    },
    Words {
        needs: &["huggingface_hub", "hf_xet", "commit hash", "HF_HUB_", "hf_hub_download", "`hf "],
        pattern: r"huggingface_hub|\bhf_xet\b|commit hash to |\bHF_HUB_|hf_hub_download|`hf [a-z]",
        source: "huggingface_hub",
    },
    Words {
        needs: &[
            "ransformers",
            "`past_key_values`",
            "`seen_tokens`",
            "`use_cache",
            "`low_cpu_mem_usage",
            "`do_sample`",
            "`torch_dtype`",
            "`use_fast`",
            "mage processor of type",
            "tokenizer class you load",
            "`pad_token_id`",
            "GenerationConfig",
            "Auto classes",
        ],
        pattern: r"\b[Tt]ransformers\b|`past_key_values`|`seen_tokens`|`use_cache|`low_cpu_mem_usage|`do_sample`|`torch_dtype`|`use_fast`|[Ii]mage processor of type|tokenizer class you load|`pad_token_id`|GenerationConfig|Auto classes",
        source: "transformers",
    },
    Words {
        needs: &["CUDA ", "CUDA:", "cudaError", "CUDA_ERROR_", "cuInit", "libcuda", "NVRM:"],
        pattern: r"CUDA (?:error|driver|initialization|runtime)|failed to initialize CUDA: |cudaError|CUDA_ERROR_|\bcuInit\b|\blibcuda(?:rt)?\b|NVRM:",
        source: "cuda",
    },
    Words {
        needs: &["TensorRT", "Tensorrt"],
        pattern: r"\bTensorRT\b|\bTensorrt\b",
        source: "tensorrt",
    },
];
