//! The table of rules: data only.

use super::{Reach, Rule, Severity, Structure};

/// Records that are known by their shape.
pub(in crate::scan) const STRUCTURES: &[Structure] = &[
    Structure {
        id: "python-traceback",
        needs: &[
            "traceback (most recent",
            "  file \"",
            "exception ignored",
            "exception in thread",
            "process ",
        ],
        examples: &[
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nKeyError: 'x'",
            "Exception ignored in: <function f at 0x7f>\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'x'",
            "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 1, in <module>\n  | ExceptionGroup: two (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ValueError: one\n    +------------------------------------",
        ],
        counter_examples: &[
            "A traceback (most recent call last) is what Python prints",
            "Process group: 3",
        ],
    },
    Structure {
        id: "python-exception",
        needs: &["error: ", "exception: ", "exception(", "error(", "interrupt"],
        examples: &["torch.OutOfMemoryError: CUDA out of memory.", "(W pid=3) ValueError: bad"],
        counter_examples: &["test_raises_ValueError PASSED", "print('ValueError: x')"],
    },
    Structure {
        id: "python-warning",
        needs: &["warning: "],
        examples: &["/a/b.py:3: UserWarning: odd\n  f(x)", "DeprecationWarning: old"],
        counter_examples: &["filterwarnings = error::DeprecationWarning"],
    },
    Structure {
        id: "python-fatal",
        needs: &["timeout (", "fatal python error"],
        examples: &[
            "Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007f (most recent call first):\n  File \"a.py\", line 3 in f",
            "Timeout (0:00:01)!\nThread 0x00007f (most recent call first):\n  File \"a.py\", line 3 in f",
        ],
        counter_examples: &["timeout (s): 30"],
    },
    Structure {
        id: "pytest-failure",
        needs: &["____ "],
        examples: &[
            "____ test_f ____\n    def test_f(): assert 0\nE   AssertionError: no\na.py:3: AssertionError",
        ],
        counter_examples: &["____ test_f ____"],
    },
    Structure {
        id: "rust-panic",
        needs: &["panicked at"],
        examples: &[
            "thread 'main' panicked at src/main.rs:3:5:\nno luck\nnote: run with `RUST_BACKTRACE=1`",
            "thread 'main' panicked at 'no luck', src/main.rs:3:5",
        ],
        counter_examples: &["the crowd panicked at noon"],
    },
    Structure {
        id: "compiler-diagnostic",
        needs: &["warning: ", "error: ", "error[", "warning["],
        examples: &[
            "warning: unused variable: `x`\n --> src/main.rs:1:2\n  |\n1 | let x = 1;\n  |     ^",
        ],
        counter_examples: &["gcc -Werror -c error.c"],
    },
    Structure {
        id: "log-level",
        needs: &["warn", "error", "critical", "fatal", "[w", "[e", "[f", " w ", " e ", " f "],
        examples: &[
            "WARNING 11-21 07:25:00 [x.py:12] slow path",
            "(EngineCore_DP0 pid=1) ERROR 11-21 07:25:00 [core.py:12] died",
            "[W1121 07:25:00.123456789 socket.cpp:3] cannot connect",
            "[11/19/2024-20:41:02] [TRT-LLM] [W] slow path",
            "[TRT] [E] 4: bad engine",
            "time=2025-06-19T08:22:07.198Z level=WARN source=server.go:219 msg=\"kv cache type not supported\"",
            "{\"level\": \"warning\", \"msg\": \"queue is full\"}",
            "2026-11-21 08:18:54.822 | WARNING  | __main__:<module>:3 - cache miss",
            "[2023-06-08 04:11:52,952] [WARNING] [runner.py:186:fetch] no hostfile",
            "node0:77:77 [0] NCCL WARN comm is NULL",
            "[WARNING|logging.py:340] 2026-11-21 08:11:19,456 >> odd flags",
        ],
        counter_examples: &[
            "INFO 11-21 07:25:00 [x.py:12] 0 errors",
            "DEBUG 11-21 07:25:00 [x.py:12] Error: nothing found",
            "WARNING   0",
            "ERROR: none",
            "node0:77:77 [0] NCCL INFO no error",
            "{\"level\": \"info\", \"msg\": \"error handler ready\"}",
        ],
    },
];

macro_rules! rule {
    ($id:literal, $reach:ident, $severity:ident, $source:expr, [$($need:literal),*], $pattern:literal,
     [$($example:literal),*], [$($counter:literal),*]) => {
        Rule {
            id: $id,
            reach: Reach::$reach,
            needs: &[$($need),*],
            pattern: $pattern,
            severity: Severity::$severity,
            source: $source,
            examples: &[$($example),*],
            counter_examples: &[$($counter),*],
        }
    };
}

/// The rules on words.
pub(in crate::scan) const RULES: &[Rule] = &[
    // The process is lost.
    rule!(
        "cpp-terminate",
        Always,
        Critical,
        None,
        ["terminate called", "pure virtual", "libc++abi"],
        r"terminate called (?:after throwing|without an active|recursively)|^pure virtual method called|^libc\+\+abi.*: terminating",
        ["terminate called after throwing an instance of 'x'\n  what():  bad"],
        ["what to do when terminate is called"]
    ),
    rule!(
        "c-assertion",
        Always,
        Critical,
        None,
        ["assertion"],
        r"Assertion [`'].*' failed\.|: Assertion .* failed\.$|^Assertion failed: .*, (?:function|file) ",
        ["c: c.cpp:2: int main(): Assertion `n % 8 == 0' failed."],
        ["Assertions: 3 passed"]
    ),
    rule!(
        "heap-corruption",
        Always,
        Critical,
        None,
        [
            "free(): ",
            "malloc(): ",
            "realloc(): ",
            "munmap_chunk",
            "corrupted ",
            "stack smashing",
            "double free",
            "malloc_consolidate",
            "buffer overflow"
        ],
        r"^(?:free|malloc|realloc|malloc_consolidate|munmap_chunk)\(\): |^corrupted (?:size|double)|^double free or corruption|\*\*\* (?:stack smashing|buffer overflow) detected|^\*\*\* Error in `",
        ["free(): double free detected in tcache 2", "*** stack smashing detected ***: terminated"],
        ["protects against double free and buffer overflow"]
    ),
    rule!(
        "sanitizer",
        Always,
        Critical,
        None,
        ["sanitizer", "runtime error: "],
        r"^==\d+==\s*ERROR: \w+Sanitizer|^SUMMARY: \w+Sanitizer|^WARNING: ThreadSanitizer|^\S+:\d+:\d+: runtime error: ",
        ["a.cpp:3:5: runtime error: signed integer overflow"],
        ["built with AddressSanitizer support"]
    ),
    rule!(
        "signal",
        Always,
        Critical,
        None,
        [
            "segmentation fault",
            "signal",
            "core dumped",
            "bus error",
            "illegal instruction",
            "floating point exception",
            "killed",
            "aborted",
            "segfault"
        ],
        r"^(?:.*line \d+:\s*)?(?:\[?\d+\]?\s+)?(?:\w+: )?(?-i:Segmentation fault|segmentation fault|Aborted|Bus error|Illegal instruction|Floating point exception|Killed|Trace/breakpoint trap)(?:\s+\(core dumped\)|\s*$|\s{3,}\S)|^.*line \d+:\s+\d+ (?:Killed|Aborted|Terminated)\b|^Process received signal|\*\*\* Process received signal \*\*\*|\b(?:interrupted|killed|terminated|crashed|died|exited|aborted) (?:by|with|on|due to) (?:signal|SIG)|\b(?:caught|received) (?:fatal )?signal (?:11|6|7|4|8|SIGSEGV|SIGABRT|SIGBUS|SIGILL|SIGFPE)\b|^!+ Segfault encountered|^\S+\[\d+\]: segfault at ",
        [
            "Segmentation fault (core dumped)",
            "bash: line 1: 4242 Killed                  python run.py",
            "Process finished with exit code 139 (interrupted by signal 11: SIGSEGV)"
        ],
        [
            "['SIGABRT', 'SIGFPE', 'SIGKILL', 'SIGSEGV']",
            "Killed processes: 0",
            "What is a segmentation fault?"
        ]
    ),
    rule!(
        "stack-overflow",
        Always,
        Critical,
        None,
        ["overflowed its stack", "stack overflow", "fatal runtime error"],
        r"^thread '.*' has overflowed its stack|^thread .* has overflowed its stack|^fatal runtime error: |^stack overflow$",
        ["thread 'main' has overflowed its stack\nfatal runtime error: stack overflow"],
        ["ask on Stack Overflow"]
    ),
    rule!(
        "out-of-memory-kill",
        Always,
        Critical,
        None,
        ["oom", "out of memory", "memory pressure", "low on memory", "memory allocation of"],
        r"\bOut of memory: Kill|\boom-kill|\bOOM[- ]?kill(?:ed|er)|killed due to (?:the )?(?:node running )?(?:memory pressure|low on memory|running low)|running low on memory|^memory allocation of \d+ bytes failed",
        [
            "Out of memory: Killed process 77 (python)",
            "4 Workers (tasks / actors) killed due to memory pressure (OOM)"
        ],
        ["memory pressure: low", "INFO oom_score_adj set to 0"]
    ),
    rule!(
        "cuda-fault",
        Always,
        Critical,
        Some("cuda"),
        [
            "illegal memory access",
            "misaligned address",
            "illegal instruction was",
            "unspecified launch failure",
            "device-side assert",
            "cuda_error_",
            "uncorrectable ecc error encountered",
            "hardware error",
            "xid (",
            "fallen off the bus",
            "illegal address",
            "cudaerror"
        ],
        r"an illegal memory access was encountered|misaligned address|an illegal instruction was encountered|unspecified launch failure|device-side assert triggered|CUDA_ERROR_(?:ILLEGAL_ADDRESS|ILLEGAL_INSTRUCTION|MISALIGNED_ADDRESS|LAUNCH_FAILED|ASSERT|HARDWARE_STACK_ERROR|INVALID_PC|INVALID_ADDRESS_SPACE|ECC_UNCORRECTABLE)\b|cudaError(?:IllegalAddress|IllegalInstruction|MisalignedAddress|LaunchFailure|Assert|HardwareStackError|ECCUncorrectable)\b|uncorrectable ECC error encountered|CUDA error: .*hardware error|NVRM: Xid \(|fallen off the bus",
        [
            "Watchdog terminated with CUDA error: device-side assert triggered",
            "NVRM: Xid (PCI:0000:65:00): 79, GPU has fallen off the bus."
        ],
        ["ECC Mode: Enabled, Volatile Uncorr. ECC errors: 0", "INFO hardware error counters: 0"]
    ),
    // Errors said in words.
    rule!(
        "shared-library",
        Plain,
        Error,
        None,
        ["loading shared libraries"],
        r"error while loading shared libraries: ",
        ["./mm: error while loading shared libraries: libx.so: cannot open shared object file"],
        ["INFO loading shared libraries"]
    ),
    rule!(
        "triton-server-error",
        Plain,
        Error,
        Some("tensorrt"),
        ["creating server: "],
        r"^error: creating server: ",
        ["error: creating server: Internal - failed to load all models"],
        ["creating server: done"]
    ),
    rule!(
        "memory-allocation",
        Plain,
        Error,
        None,
        ["out of memory", "cannot allocate memory", "failed to allocate", "bad_alloc"],
        r"^(?:\S+: )*(?:.{0,40}\b)?(?:(?-i:CUDA|GPU|HIP|device|cudaMalloc failed:) out of memory|cannot allocate memory|failed to allocate \S+ )",
        [
            "CUDA out of memory. Tried to allocate 3 GiB.",
            "ggml_gallocr_reserve_n: failed to allocate CUDA0 buffer of size 3"
        ],
        ["Assistant: CUDA out of memory means that nothing is left", "out of memory events: 0"]
    ),
    rule!(
        "fallback",
        Notice,
        Warning,
        None,
        [
            "falling back",
            "fell back",
            "will fall back",
            "fallback to",
            "reverting to",
            "falls back to",
            "defaulting to lib"
        ],
        r"\bfalling back (?:to|on)\b|\bfell back (?:to|on)\b|\bwill fall back (?:to|on)\b|\b(?:used?|using|as) (?:a )?fallback\b.{0,40}\bbecause\b|\bfallback to\b.{1,80}\b(?:because|since|due to|as )|\breverting to (?:the )?(?:default|eager|cpu|fp|bf|slow)",
        ["INFO 11-21 07:25:00 [x.py:1] No CUDA graph, falling back to eager mode"],
        [
            "### Response: Falling back to sleep after midnight is easier",
            "Fall back to SDPA when flash-attn is missing",
            "fallback_backend=sdpa",
            "INFO fallback to CPU: disabled"
        ]
    ),
    rule!(
        "cannot-use",
        Notice,
        Warning,
        None,
        ["cannot use", "can't use", "cannot be used", "unable to use", "could not use"],
        r"^(?:\w+: )?(?:cannot|can't|can not|unable to|could not) use\b|\bcannot be used\b.{0,80}\b(?:because|since|using|instead|with|disabl)",
        [
            "INFO 11-21 07:25:00 selector.py:1] Cannot use FlashAttention-2 backend because it is not found."
        ],
        ["INFO options that cannot be used together are listed below"]
    ),
    rule!(
        "unavailable-alternative",
        Notice,
        Warning,
        None,
        [
            "not available",
            "not supported",
            "not installed",
            "not found",
            "not implemented",
            "not compatible",
            "not detected",
            "not possible",
            "unavailable",
            "unsupported",
            "not enabled",
            "import failed",
            "could not be ",
            "not built",
            "incompatible",
            "does not support",
            "doesn't support",
            "not usable",
            "cannot import",
            "missing"
        ],
        r"\b(?:not (?:available|supported|installed|found|implemented|compatible|detected|possible|built|enabled|usable)|unavailable|unsupported|incompatible|import failed|does not support|doesn't support|could not be (?:loaded|found|imported|initiali[sz]ed)|cannot import \S+|is missing)\b.{0,200}\b(?:using|will use|uses|used instead|fall(?:ing|s)? back|default(?:s|ing) to|disabl(?:ed|ing)|set(?:ting)? to|switch(?:ed|ing) to|instead|skipp(?:ed|ing)|proceed(?:ing)?|continuing|retrying|(?:is|be) ignored|ignoring)\b",
        [
            "[engine] fp8 kv cache is not supported on this device; using bf16 instead",
            "INFO flash-attn not available, using sdpa"
        ],
        ["INFO unsupported ops: none", "| fp8 | not supported | using bf16 |"]
    ),
    rule!(
        "accelerator-unavailable",
        Notice,
        Warning,
        None,
        [
            "not available",
            "not installed",
            "not found",
            "not supported",
            "unavailable",
            "not detected"
        ],
        r"\b(?:flash[- _]?(?:attention|attn|infer)\S*|xformers|cuda|gpu|triton|tensorrt|nccl|bitsandbytes|cudnn|deepspeed|apex)(?: \S+){0,4}? (?:is |are |was |were )?(?:not (?:available|installed|found|supported|detected)|unavailable)\b",
        ["Flash attention is not available", "CUDA not available"],
        ["Is CUDA available: False", "DEBUG CUDA is not available"]
    ),
    rule!(
        "using-instead",
        Notice,
        Warning,
        None,
        ["instead"],
        r"^(?:\w+: )?(?:will be )?using \S.{0,100}\binstead\b(?: of\b(?:[^(]{0,100}$|.{0,100}\bbecause\b))?",
        ["using sdpa instead of flash_attention_2"],
        ["INFO using A instead of B as requested", "answer: using tea instead of coffee"]
    ),
    rule!(
        "deprecated",
        Notice,
        Deprecation,
        None,
        [
            "deprecat",
            "will be removed",
            "been removed",
            "no longer supported",
            "was removed",
            "is removed"
        ],
        r"\b(?:is|are|was|were|been|be|now) (?:now )?deprecated\b|^\W*deprecat(?:ed|ion)(?: warning| notice)?\s*:|\[deprecated\]|\bdeprecated (?:and|since|as of)\b|\bwill be removed\b|\b(?:has|have) been removed\b|\bno longer supported\b|\b(?:was|is) removed (?:in|since)\b",
        [
            "The option --best-of has been removed; it is ignored.",
            "`torch_dtype` is deprecated! Use `dtype` instead!",
            "DEPRECATION: pip 21 will drop it"
        ],
        [
            "Remove deprecated --swap-space flag",
            "summary: the deprecation of the old bridge was announced",
            "deprecated: []",
            "  -Wdeprecated   Warn if a feature is deprecated"
        ]
    ),
    rule!(
        "transformers-notice",
        Plain,
        Warning,
        Some("transformers"),
        [
            "pad_token_id",
            "pad token id",
            "flash attention 2",
            "generation flags",
            "weights of",
            "special tokens have",
            "token indices sequence",
            "load report",
            "generation_config",
            "max_new_tokens",
            "slow tokenizer",
            "newly initialized",
            "using a model of type"
        ],
        r"^Setting `pad_token_id`|attention mask (?:and the pad token id were|is) not set|^You are attempting to use Flash Attention|generation flags are not valid|^Some weights of|^Special tokens have been added|^Token indices sequence length is longer|^\w+ LOAD REPORT from: |^Both `max_new_tokens`|^Some non-default generation parameters|^A decoder-only architecture is being used|^You are using a model of type|^Using a slow image processor|newly initialized:",
        [
            "Setting `pad_token_id` to `eos_token_id`:2 for open-end generation.",
            "LlamaForCausalLM LOAD REPORT from: /m\nKey | Status |\nlm_head.weight | MISSING |"
        ],
        ["[transformers] loading configuration file /m/generation_config.json"]
    ),
    rule!(
        "accelerate-defaults",
        Plain,
        Warning,
        Some("accelerate"),
        ["accelerate launch"],
        r"^The following values were not passed to `accelerate launch`",
        [
            "The following values were not passed to `accelerate launch` and had defaults used instead:\n\t`--num_processes` was set to a value of `0`"
        ],
        ["run it with `accelerate launch`"]
    ),
    rule!(
        "bitsandbytes-setup",
        Plain,
        Warning,
        Some("bitsandbytes"),
        ["cuda setup:", "quantization state not", "compiled without gpu", "bitsandbytes"],
        r"^CUDA SETUP: (?:Required|Defaulting|WARNING|Something|.*(?:not found|failed|unable|could not))|quantization state not initialized|bitsandbytes was compiled without GPU support",
        ["CUDA SETUP: Defaulting to libbitsandbytes_cpu.so..."],
        ["CUDA SETUP: Detected CUDA version 118"]
    ),
    rule!(
        "not-accepted",
        Plain,
        Warning,
        None,
        ["retrying", "not accept"],
        r"\bdoes not accept \S.*(?:;|,|\.) ?(?:retrying|ignoring|dropping|skipping)|; retrying\b",
        ["Processor.preprocess() does not accept {'device'}; retrying without them."],
        ["INFO retrying policy: exponential"]
    ),
    rule!(
        "ignored-setting",
        Plain,
        Warning,
        None,
        ["ignored"],
        r"^[^:]{0,120}\b(?:setting|option|argument|parameter|flag|value|keyword|variable|config\w*|`[^`]+`|--[\w-]+|env\w*)s?\b.{0,80}\b(?:will be|is|are|may be|was|were) ignored\b",
        ["The argument --foo is ignored on CPU"],
        ["test result: ok. 31 passed; 0 failed; 1 ignored", "comments are ignored"]
    ),
    rule!(
        "warning-word",
        Plain,
        Warning,
        None,
        ["warning", "warn:"],
        r"^(?:\S+ )?warning(?:\[[\w:-]+\])?\s*:\s+\S|(?-i:\bWarning: \S)|^\W*warn(?:ing)?\s*[:!]\s*\S|^[\w./-]+(?::\d+){0,2}: warning: \S",
        ["TF-TRT Warning: Could not find TensorRT", "a.c:3:5: warning: unused variable"],
        [
            "warnings: 0",
            "warning: false",
            "power warning: none",
            "Overall health: healthy. Warnings: none."
        ]
    ),
    rule!(
        "error-word",
        Plain,
        Error,
        None,
        ["error", "fatal:"],
        r"^(?:fatal )?error(?:\[\w+\])?\s*:\s+\S|^(?:[\w./\\-]+ ?){1,4}(?::\d+){0,2}: (?:fatal )?error:? ?\S|(?-i:^\S.{0,80} (?:hit|encountered|got) an? (?:unexpected )?(?:exception|error): \S)|^(?:\w+ )?(?-i:\bError: \S)|^fatal: \S|^[a-z]\w*(?:_\w+|::\w+)+: error\b|^npm ERR!",
        [
            "vllm: error: unrecognized arguments: --x",
            "Error: no kernel for dtype f8e4m3",
            "fatal: not a git repository",
            "llama_model_load: error loading model: x"
        ],
        [
            "Error: none",
            "error: false",
            "error_log: null",
            "word error rate (WER): 0.087",
            "last error: none",
            "hw slowdown error: no",
            "0 errors so far"
        ]
    ),
    rule!(
        "failed",
        Plain,
        Error,
        None,
        ["failed", "unable to", "could not", "cannot", "can't", "failure"],
        r"^(?-i:Failed|FAILED)(?: to | with |: )\S|^[a-z][\w]*(?:_\w+|::\w+)+: (?:failed|unable|cannot|could not)\b|^(?:srv|main|slot|init)\s[^:]{0,40}: (?:failed|error|unable)\b|^(?-i:Unable to|Could not|Cannot|Can't) \w+|^[A-Z][^:=]{3,80}[a-z)] failed(?:: \S| with | due to | because )|^\w[\w ]{2,60} (?-i:crashed|died unexpectedly|timed out)\b",
        [
            "Failed to acquire the GPU lock",
            "llama_model_load_from_file_impl: failed to load model",
            "Unable to open the cache"
        ],
        [
            "Unable to find image 'vllm/vllm-openai:latest' locally",
            "failed: 0",
            "Clang version: Could not collect",
            "fail_fast: true",
            "Failed: 0",
            "test_failed_request PASSED"
        ]
    ),
];
