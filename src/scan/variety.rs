//! Output of the same kinds as the corpus that is not in it.

use super::{Phase, Scanner, Stream};

/// Each finding as `severity source first-last xcount rule: message`, one per line.
fn scan(text: &str) -> String {
    let mut scanner = Scanner::new(Stream::Stderr, Phase::Run);
    scanner.feed(text.as_bytes());
    let show = |one: super::Finding| {
        let severity = format!("{:?}", one.severity).to_lowercase();
        let message = one.message.replace('\n', " / ");
        format!(
            "{severity} {} {}-{} x{} {}: {message}",
            one.source, one.line, one.end_line, one.count, one.rule
        )
    };
    scanner.finish().findings.into_iter().map(show).collect::<Vec<_>>().join("\n")
}

#[test]
fn fallbacks_at_info() {
    let text = r##"INFO 11-21 07:25:00 [cuda.py:12] FlashInfer is not available, using PyTorch-native implementation of top-p & top-k sampling.
INFO 11-21 07:25:00 [topk_topp_sampler.py:36] FlashInfer version >= 0.2.3 required. Falling back to default sampling implementation.
WARNING 11-21 07:25:00 [topk_topp_sampler.py:69] FlashInfer is not available. Falling back to the PyTorch-native implementation of top-p & top-k sampling. For the best performance, please install FlashInfer.
INFO 11-21 07:25:00 [config.py:1] Using FlashAttention version 3
INFO 11-21 07:25:00 [backends.py:1] Using cache directory: /root/.cache/vllm for errors"##;
    insta::assert_snapshot!(scan(text), @r##"
    warning vllm 1-1 x1 unavailable-alternative: FlashInfer is not available, using PyTorch-native implementation of top-p & top-k sampling.
    warning vllm 2-2 x1 fallback: FlashInfer version >= 0.2.3 required. Falling back to default sampling implementation.
    warning vllm 3-3 x1 log-level: FlashInfer is not available. Falling back to the PyTorch-native implementation of top-p & top-k sampling. For the best performance, please install FlashInfer.
    "##);
}

#[test]
fn interleaved_ranks() {
    let text = r##"[rank0]: Traceback (most recent call last):
[rank0]:   File "/w/run.py", line 3, in <module>
[rank0]:     main()
[rank1]: Traceback (most recent call last):
[rank1]:   File "/w/run.py", line 3, in <module>
[rank0]: RuntimeError: boom 0
[rank1]: RuntimeError: boom 1"##;
    insta::assert_snapshot!(scan(text), @r##"error python 1-6 x2 python-traceback: RuntimeError: boom 0"##);
}

#[test]
fn shutdown_noise() {
    let text = r##"[rank0]:[W1121 07:25:00.531268 ProcessGroupNCCL.cpp:1496] Warning: WARNING: destroy_process_group() was not called before program exit, which can leak resources. (function operator())
/usr/lib/python3.12/multiprocessing/resource_tracker.py:254: UserWarning: resource_tracker: There appear to be 1 leaked shared_memory objects to clean up at shutdown
  warnings.warn('resource_tracker: There appear to be %d '"##;
    insta::assert_snapshot!(scan(text), @r##"
    warning nccl 1-1 x1 log-level: Warning: WARNING: destroy_process_group() was not called before program exit, which can leak resources. (function operator())
    warning python 2-3 x1 python-warning: UserWarning: resource_tracker: There appear to be 1 leaked shared_memory objects to clean up at shutdown
    "##);
}

#[test]
fn tensorflow_and_absl() {
    let text = r##"2024-06-01 10:11:12.123456: W tensorflow/compiler/tf2tensorrt/utils/py_utils.cc:38] TF-TRT Warning: Could not find TensorRT
2024-06-01 10:11:12.123456: E external/local_xla/xla/stream_executor/cuda/cuda_dnn.cc:9261] Unable to register cuDNN factory: Attempting to register factory for plugin cuDNN when one has already been registered
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
E0000 00:00:1733130000.123456   12345 cuda_dnn.cc:8310] Unable to register cuDNN factory
W1121 08:15:03.879000 19699 app.py:12] absl python warning"##;
    insta::assert_snapshot!(scan(text), @r##"
    warning other 1-1 x1 log-level: TF-TRT Warning: Could not find TensorRT
    error other 2-2 x1 log-level: Unable to register cuDNN factory: Attempting to register factory for plugin cuDNN when one has already been registered
    warning other 3-3 x1 log-level: All log messages before absl::InitializeLog() is called are written to STDERR
    error other 4-4 x1 log-level: Unable to register cuDNN factory
    warning python 5-5 x1 log-level: absl python warning
    "##);
}

#[test]
fn transformers_advice() {
    let text = r##"Some weights of LlamaForSequenceClassification were not initialized from the model checkpoint at gpt2 and are newly initialized: ['score.weight']
You should probably TRAIN this model on a down-stream task to be able to use it for predictions and inference.
`torch_dtype` is deprecated! Use `dtype` instead!
The attention mask is not set and cannot be inferred from input because pad token is same as eos token.
Starting from v4.46, the `logits` model output will have the same type as the model
We've detected an older driver with an RTX 4000 series GPU.
Token indices sequence length is longer than the specified maximum sequence length for this model (600 > 512). Running this sequence through the model will result in indexing errors
`do_sample` is set to `False`. However, `temperature` is set to `0.9` -- this flag is only used in sample-based generation modes."##;
    insta::assert_snapshot!(scan(text), @r##"
    warning transformers 1-2 x1 transformers-notice: Some weights of LlamaForSequenceClassification were not initialized from the model checkpoint at gpt2 and are newly initialized: ['score.weight']
    deprecation transformers 3-3 x1 deprecated: `torch_dtype` is deprecated! Use `dtype` instead!
    warning transformers 4-4 x1 transformers-notice: The attention mask is not set and cannot be inferred from input because pad token is same as eos token.
    warning transformers 5-5 x1 transformers-notice: Starting from v4.46, the `logits` model output will have the same type as the model
    warning accelerate 6-6 x1 accelerate-notice: We've detected an older driver with an RTX 4000 series GPU.
    warning transformers 7-7 x1 transformers-notice: Token indices sequence length is longer than the specified maximum sequence length for this model (600 > 512). Running this sequence through the model will result in indexing errors
    warning transformers 8-8 x1 transformers-notice: `do_sample` is set to `False`. However, `temperature` is set to `0.9` -- this flag is only used in sample-based generation modes.
    "##);
}

#[test]
fn warnings_of_libraries() {
    let text = r##"/v/lib/python3.11/site-packages/transformers/generation/configuration_utils.py:590: UserWarning: `do_sample` is set to `False`. However, `temperature` is set to `0.9`
  warnings.warn(
/v/lib/python3.11/site-packages/torch/cuda/__init__.py:129: UserWarning: CUDA initialization: Found no NVIDIA driver on your system.
  return torch._C._cuda_getDeviceCount() > 0
<frozen importlib._bootstrap>:241: RuntimeWarning: numpy.dtype size changed, may indicate binary incompatibility
/home/u/x.py:7: RuntimeWarning: divide by zero encountered in divide
  a/b"##;
    insta::assert_snapshot!(scan(text), @r##"
    warning transformers 1-2 x1 python-warning: UserWarning: `do_sample` is set to `False`. However, `temperature` is set to `0.9`
    warning torch 3-4 x1 python-warning: UserWarning: CUDA initialization: Found no NVIDIA driver on your system.
    warning python 6-7 x1 python-warning: RuntimeWarning: divide by zero encountered in divide
    "##);
}

#[test]
fn bitsandbytes() {
    let text = r##"bitsandbytes library load error: /v/libbitsandbytes_cuda121.so: cannot open shared object file: No such file or directory
WARNING:bitsandbytes.cextension:Could not find the bitsandbytes CUDA binary at PosixPath('/v/x.so')
The installed version of bitsandbytes was compiled without GPU support. 8-bit optimizers and GPU quantization are unavailable."##;
    insta::assert_snapshot!(scan(text), @r##"
    error bitsandbytes 1-1 x1 error-word: bitsandbytes library load error: /v/libbitsandbytes_cuda121.so: cannot open shared object file: No such file or directory
    warning bitsandbytes 2-2 x1 log-level: Could not find the bitsandbytes CUDA binary at PosixPath('/v/x.so')
    warning bitsandbytes 3-3 x1 accelerator-unavailable: The installed version of bitsandbytes was compiled without GPU support. 8-bit optimizers and GPU quantization are unavailable.
    "##);
}

#[test]
fn llama_cpp() {
    let text = r##"ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected
warning: no usable GPU found, --gpu-layers option will be ignored
warning: one possible reason is that llama.cpp was compiled without GPU support
llama_context: n_ctx_per_seq (4096) < n_ctx_train (131072) -- the full capacity of the model will not be utilized
ggml_backend_cuda_buffer_type_alloc_buffer: allocating 5120.00 MiB on device 0: cudaMalloc failed: out of memory
main: error: failed to load model 'x.gguf'"##;
    insta::assert_snapshot!(scan(text), @r##"
    error cuda 1-1 x1 failed: ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected
    warning other 2-2 x1 warning-word: warning: no usable GPU found, --gpu-layers option will be ignored
    warning other 3-3 x1 warning-word: warning: one possible reason is that llama.cpp was compiled without GPU support
    warning other 4-4 x1 llama-notice: llama_context: n_ctx_per_seq (4096) < n_ctx_train (131072) -- the full capacity of the model will not be utilized
    error other 5-5 x1 memory-allocation: ggml_backend_cuda_buffer_type_alloc_buffer: allocating 5120.00 MiB on device 0: cudaMalloc failed: out of memory
    error other 6-6 x1 error-word: main: error: failed to load model 'x.gguf'
    "##);
}

#[test]
fn panic_with_a_cuda_fault() {
    let text = r##"thread 'tokio-runtime-worker' panicked at src/x.rs:3:5:
called `Result::unwrap()` on an `Err` value: DriverError(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered")
stack backtrace:
   0: rust_begin_unwind
             at /rustc/x/library/std/src/panicking.rs:665:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace."##;
    insta::assert_snapshot!(scan(text), @r##"critical cuda 1-6 x1 rust-panic: called `Result::unwrap()` on an `Err` value: DriverError(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered")"##);
}

#[test]
fn panic_with_a_thread_id() {
    let text = r##"thread 'main' (12345) panicked at src/main.rs:3:5:
index out of bounds: the len is 3 but the index is 7
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"##;
    insta::assert_snapshot!(scan(text), @r##"error rust 1-3 x1 rust-panic: index out of bounds: the len is 3 but the index is 7"##);
}

#[test]
fn env_logger() {
    let text = r##"[2026-11-21T07:25:00Z WARN  infer::kv] cache nearly full
[2026-11-21T07:25:00Z ERROR infer::kv] cache full
[2026-11-21T07:25:00Z INFO  infer::kv] errors=0"##;
    insta::assert_snapshot!(scan(text), @r##"
    warning rust 1-1 x1 log-level: cache nearly full
    error rust 2-2 x1 log-level: cache full
    "##);
}

#[test]
fn assertion_and_abort() {
    let text = r##"python: ../nptl/pthread_mutex_lock.c:117: ___pthread_mutex_lock: Assertion `mutex->__data.__owner == 0' failed.
Aborted (core dumped)"##;
    insta::assert_snapshot!(scan(text), @r##"critical other 1-2 x1 c-assertion: python: ../nptl/pthread_mutex_lock.c:117: ___pthread_mutex_lock: Assertion `mutex->__data.__owner == 0' failed."##);
}

#[test]
fn shells() {
    let text = r##"./run.sh: line 12: 12345 Segmentation fault      (core dumped) python run.py
Segmentation fault"##;
    insta::assert_snapshot!(scan(text), @r##"
    critical other 1-1 x1 signal: ./run.sh: line 12: 12345 Segmentation fault      (core dumped) python run.py
    critical other 2-2 x1 signal: Segmentation fault
    "##);
}

#[test]
fn address_sanitizer() {
    let text = r##"==1234==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 at pc 0x0 bp 0x0 sp 0x0
READ of size 4 at 0x602000000010 thread T0
    #0 0x4f in main /x.cpp:5
SUMMARY: AddressSanitizer: heap-use-after-free /x.cpp:5 in main"##;
    insta::assert_snapshot!(scan(text), @r##"critical other 1-4 x1 sanitizer: ==1234==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 at pc 0x0 bp 0x0 sp 0x0 / SUMMARY: AddressSanitizer: heap-use-after-free /x.cpp:5 in main"##);
}

#[test]
fn device_assertions() {
    let text = r##"/pytorch/aten/src/ATen/native/cuda/Indexing.cu:1422: indexSelectLargeIndex: block: [3,0,0], thread: [32,0,0] Assertion `srcIndex < srcSelectDimSize` failed.
/pytorch/aten/src/ATen/native/cuda/Indexing.cu:1422: indexSelectLargeIndex: block: [3,0,0], thread: [33,0,0] Assertion `srcIndex < srcSelectDimSize` failed."##;
    insta::assert_snapshot!(scan(text), @r##"critical cuda 1-1 x2 cuda-fault: /pytorch/aten/src/ATen/native/cuda/Indexing.cu:1422: indexSelectLargeIndex: block: [3,0,0], thread: [32,0,0] Assertion `srcIndex < srcSelectDimSize` failed."##);
}

#[test]
fn access_logs() {
    let text = r##"INFO:     127.0.0.1:40022 - "POST /v1/completions HTTP/1.1" 500 Internal Server Error
INFO:     127.0.0.1:40022 - "POST /v1/completions HTTP/1.1" 400 Bad Request"##;
    insta::assert_snapshot!(scan(text), @r##""##);
}

#[test]
fn vllm_startup_failure() {
    let text = r##"(EngineCore_DP0 pid=5) ERROR 11-21 07:25:00 [core.py:708] EngineCore failed to start.
(EngineCore_DP0 pid=5) ERROR 11-21 07:25:00 [core.py:708] Traceback (most recent call last):
(EngineCore_DP0 pid=5) ERROR 11-21 07:25:00 [core.py:708]   File "/v/dist-packages/vllm/v1/engine/core.py", line 699, in run_engine_core
(EngineCore_DP0 pid=5) ERROR 11-21 07:25:00 [core.py:708]     engine_core = EngineCoreProc(*args, **kwargs)
(EngineCore_DP0 pid=5) ERROR 11-21 07:25:01 [core.py:708] ValueError: Free memory on device (1/2 GiB) is less than desired
(EngineCore_DP0 pid=5) Process EngineCore_DP0:
(EngineCore_DP0 pid=5) Traceback (most recent call last):
(EngineCore_DP0 pid=5)   File "/usr/lib/python3.12/multiprocessing/process.py", line 314, in _bootstrap
(EngineCore_DP0 pid=5)     self.run()
(EngineCore_DP0 pid=5) ValueError: Free memory on device (1/2 GiB) is less than desired
(APIServer pid=1) Traceback (most recent call last):
(APIServer pid=1)   File "/usr/local/bin/vllm", line 10, in <module>
(APIServer pid=1)     sys.exit(main())
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above."##;
    insta::assert_snapshot!(scan(text), @r##"
    error vllm 1-5 x2 python-traceback: ValueError: Free memory on device (1/2 GiB) is less than desired
    error vllm 11-14 x1 python-traceback: RuntimeError: Engine core initialization failed. See root cause above.
    "##);
}

#[test]
fn tensorrt_llm() {
    let text = r##"[TensorRT-LLM][ERROR] Encountered an error in forwardAsync function: CUDA runtime error in cudaEventSynchronize(mEvent): an illegal memory access was encountered
[TensorRT-LLM][WARNING] Default padding attention mask will be used
[11/21/2026-07:25:00] [TRT-LLM] [RANK 0] [E] Failed to initialize executor
[TensorRT-LLM][INFO] Engine version 0.11 found
[TRT] [W] Using PreviewFeature is deprecated
[02/03/2024-10:00:00] [TRT] [F] something fatal"##;
    insta::assert_snapshot!(scan(text), @r##"
    critical cuda 1-1 x1 cuda-fault: Encountered an error in forwardAsync function: CUDA runtime error in cudaEventSynchronize(mEvent): an illegal memory access was encountered
    warning tensorrt 2-2 x1 log-level: Default padding attention mask will be used
    error tensorrt 3-3 x1 log-level: Failed to initialize executor
    deprecation tensorrt 5-5 x1 log-level: Using PreviewFeature is deprecated
    critical tensorrt 6-6 x1 log-level: something fatal
    "##);
}

#[test]
fn exception_group() {
    let text = r##"  + Exception Group Traceback (most recent call last):
  |   File "/v/site-packages/starlette/x.py", line 3, in f
  |     raise
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/v/site-packages/vllm/x.py", line 3, in f
    | ValueError: bad
    +------------------------------------
after"##;
    insta::assert_snapshot!(scan(text), @r##"error vllm 1-9 x1 python-traceback: ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception) / ValueError: bad"##);
}

#[test]
fn json_lines() {
    let text = r##"{"time":"2024-01-01T00:00:00Z","level":"ERROR","msg":"boom","component":"router"}
{"asctime": "2024", "levelname": "WARNING", "name": "vllm.engine", "message": "kv cache small"}
{"ts":1,"level":"info","msg":"failed to open x, falling back to y"}"##;
    insta::assert_snapshot!(scan(text), @r##"
    error python 1-1 x1 log-level: boom
    warning vllm 2-2 x1 log-level: kv cache small
    warning python 3-3 x1 fallback: failed to open x, falling back to y
    "##);
}

#[test]
fn message_after_a_bar() {
    let text = r##"Loading:  50%|█████     | 1/2 [00:01<00:01,  1.90it/s]WARNING 11-21 07:25:00 [x.py:1] mid bar"##;
    insta::assert_snapshot!(scan(text), @r##"warning vllm 1-1 x1 log-level: mid bar"##);
}

#[test]
fn triton_server() {
    let text = r##"W0204 03:12:50.100411 880 pinned_memory_manager.cc:237] Unable to allocate pinned system memory, pinned memory pool will not be available: CUDA driver version is insufficient for CUDA runtime version"##;
    insta::assert_snapshot!(scan(text), @r##"warning cuda 1-1 x1 log-level: Unable to allocate pinned system memory, pinned memory pool will not be available: CUDA driver version is insufficient for CUDA runtime version"##);
}

#[test]
fn tools() {
    let text = r##"The tokenizer class you load from this checkpoint is not the same type as the class this function is called from.
Killed
dmesg: Out of memory: Killed process 123 (python3) total-vm:1kB
slurmstepd: error: Detected 1 oom_kill event in StepId=1.batch. Some of the step tasks have been OOM Killed.
srun: error: node1: task 0: Out Of Memory
make: *** [Makefile:3: all] Error 2
CMake Error at CMakeLists.txt:3 (find_package):
CMake Warning (dev) at CMakeLists.txt:3:
ninja: build stopped: subcommand failed.
nvcc fatal   : Unsupported gpu architecture 'compute_120'
ld: cannot find -lcuda
bash: vllm: command not found
pip: ERROR: No matching distribution found for vllm
ERROR: Could not find a version that satisfies the requirement vllm==9
E: Unable to locate package foo
ModuleNotFoundError: No module named 'x'
curl: (7) Failed to connect to localhost port 8000
docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]]."##;
    insta::assert_snapshot!(scan(text), @r##"
    warning transformers 1-1 x1 transformers-notice: The tokenizer class you load from this checkpoint is not the same type as the class this function is called from.
    critical other 2-2 x1 signal: Killed
    critical other 3-3 x1 kernel-oom: dmesg: Out of memory: Killed process 123 (python3) total-vm:1kB
    critical other 4-4 x1 out-of-memory-kill: slurmstepd: error: Detected 1 oom_kill event in StepId=1.batch. Some of the step tasks have been OOM Killed.
    error other 5-5 x1 error-word: srun: error: node1: task 0: Out Of Memory
    error other 6-6 x1 build-tool: make: *** [Makefile:3: all] Error 2
    error other 7-7 x1 build-tool: CMake Error at CMakeLists.txt:3 (find_package):
    warning other 8-8 x1 warning-word: CMake Warning (dev) at CMakeLists.txt:3:
    error other 9-9 x1 build-tool: ninja: build stopped: subcommand failed.
    error other 10-10 x1 build-tool: nvcc fatal   : Unsupported gpu architecture 'compute_120'
    error other 11-11 x1 build-tool: ld: cannot find -lcuda
    error other 12-12 x1 build-tool: bash: vllm: command not found
    error other 13-13 x1 error-word: pip: ERROR: No matching distribution found for vllm
    error other 14-14 x1 log-level: Could not find a version that satisfies the requirement vllm==9
    error other 15-15 x1 build-tool: E: Unable to locate package foo
    error python 16-16 x1 python-exception: ModuleNotFoundError: No module named 'x'
    error other 17-17 x1 build-tool: curl: (7) Failed to connect to localhost port 8000
    error other 18-18 x1 error-word: docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].
    "##);
}

#[test]
fn words_alone() {
    let text = r##"Skipping cudagraphs due to cpu device (arg0_1)
skipping warmup because device is busy
Model loading took 3 s; no errors
could not open shared memory, continuing without it
Cannot connect to the server at 127.0.0.1
flash_attn is not installed
using eager attention because flash attention is unavailable
GPU 0 lost, aborting run
kernel launch timed out after 30 s
Device memory exhausted; request dropped
Retrying request 3 after timeout
Disabling CUDA graphs: not enough memory
tokenizer mismatch: 3 tokens differ
output truncated to 128 tokens"##;
    insta::assert_snapshot!(scan(text), @r##"
    warning other 1-1 x1 skipped: Skipping cudagraphs due to cpu device (arg0_1)
    warning other 2-2 x1 skipped: skipping warmup because device is busy
    warning other 4-4 x1 unavailable-alternative: could not open shared memory, continuing without it
    error other 5-5 x1 failed: Cannot connect to the server at 127.0.0.1
    warning flash_attention 6-6 x1 accelerator-unavailable: flash_attn is not installed
    warning other 7-7 x1 unavailable-alternative: using eager attention because flash attention is unavailable
    error other 8-8 x1 failed: GPU 0 lost, aborting run
    error other 9-9 x1 failed: kernel launch timed out after 30 s
    warning other 10-10 x1 degraded: Device memory exhausted; request dropped
    warning other 11-11 x1 not-accepted: Retrying request 3 after timeout
    warning other 12-12 x1 unavailable-alternative: Disabling CUDA graphs: not enough memory
    "##);
}

#[test]
fn mentions() {
    let text = r##"Is it an error? No.
error handling enabled
No warnings were emitted
Finished with 0 warnings and 0 errors
I was warned about this error.
Warnings are treated as errors: no
warnings.filterwarnings("ignore")
def test_error(): pass
Usage: foo [--error-log FILE]
Loading checkpoint error_model.pt
Checking error codes... done
err_cnt=0 warn_cnt=0
retry_on_failure: 3
Error rate: 0.0%
error budget remaining: 99.9%
Exception handling: enabled
Failed requests: 0
Failures: 0
failed=0
Total errors: 0, total warnings: 0
ERROR_LOG=/var/log/error.log
log level set to WARNING
level=info msg="no errors"
E2E latency 3 s
Downloading error-bert: 100%
Critical path length: 12
fatal_errors: 0
Fatal: false
Error-free run completed
panic=abort"##;
    insta::assert_snapshot!(scan(text), @r##""##);
}

#[test]
fn info_mentions() {
    let text = r##"[INFO] fallback_model=none
INFO deprecated flags: none
INFO: error callback registered
INFO engine: 0 requests failed, 12 succeeded
INFO engine: retrying disabled
INFO Using flash attention
INFO using sdpa attention
INFO worker: exception handler installed, falling back disabled
INFO kernel cache miss, not found in cache, compiling
INFO config file not found, using defaults
INFO Prefix caching is not enabled
INFO Loaded 3 plugins, 0 unavailable"##;
    insta::assert_snapshot!(scan(text), @r##"warning other 10-10 x1 unavailable-alternative: config file not found, using defaults"##);
}

#[test]
fn other_prefixes() {
    let text = r##"2026-11-21 07:25:00,123 [WARNING] engine: slow
2026-11-21 07:25:00,123 WARNING engine slow
WARNING - engine - slow2
2026-11-21 07:25:00 | ERROR | engine | broken
11-21 07:25:00 ERROR engine broke
ERROR 2026-11-21 07:25:00 engine broke
Nov 21 07:25:00 host python[123]: ERROR broke
[ERROR] 2026-11-21 broke
[2026-11-21 07:25:00] ERROR: broke2
[2026-11-21 07:25:00 +0000] [123] [ERROR] Worker (pid:124) was sent SIGKILL! Perhaps out of memory?
2026-11-21T07:25:00.123456+00:00 ERROR broke3
(vLLM) [ERROR] x
I1121 07:25:00.123456 123 server.cc:1] Error: none
07:25:00 - WARNING - slow4
<<< WARNING >>> slow5
!! WARNING: slow6
E0821 12:00:00.000000 123 foo.py:12] x
WARNING 11-21 07:25:00 slow7"##;
    insta::assert_snapshot!(scan(text), @r##"
    warning python 1-1 x1 log-level: engine: slow
    warning python 2-2 x1 log-level: engine slow
    warning python 3-3 x1 log-level: slow2
    error other 4-4 x1 log-level: engine | broken
    error other 5-5 x2 log-level: engine broke
    error other 7-7 x1 log-level: broke
    error other 8-8 x1 log-level: 2026-11-21 broke
    error other 9-9 x1 log-level: broke2
    error other 10-10 x1 log-level: Worker (pid:124) was sent SIGKILL! Perhaps out of memory?
    error other 11-11 x1 log-level: broke3
    warning other 14-14 x1 log-level: slow4
    warning other 16-16 x1 warning-word: !! WARNING: slow6
    error python 17-17 x1 log-level: x
    warning vllm 18-18 x1 log-level: slow7
    "##);
}

#[test]
fn carriers() {
    let text = r##"vllm-1  | WARNING 11-21 07:25:00 [x.py:3] slow
vllm-1  | Traceback (most recent call last):
vllm-1  |   File "/a.py", line 3, in f
vllm-1  | ValueError: bad
Nov 21 07:25:00 host python[123]: ERROR broke
[1,0]<stderr>: RuntimeError: boom
0: [rank0]: ValueError: x"##;
    insta::assert_snapshot!(scan(text), @r##"
    warning vllm 1-1 x1 log-level: slow
    error python 2-4 x1 python-traceback: ValueError: bad
    error other 5-5 x1 log-level: broke
    error python 6-6 x1 python-exception: RuntimeError: boom
    error python 7-7 x1 python-exception: ValueError: x
    "##);
}

#[test]
fn conversations() {
    let text = r##"User: what does "Error: x" mean? Error: it failed
<|assistant|> Error: out of memory
choices[0].text = Error: no
Prompt 3: Failed to do it
data: Error: failed to x
Model load failed: bad magic
chunk 3: Falling back to x
Text: Warning: hot surface
[user] Failed to x"##;
    insta::assert_snapshot!(scan(text), @r##"error other 6-6 x1 failed: Model load failed: bad magic"##);
}
