// What tch does not bind: the process-wide switches of libtorch (at::Context), the number of
// threads among operations, and the half of libtorch for GPUs, which is loaded when it is asked
// for. native.rs is the only caller, and says what each switch is.
//
// No exception crosses the border: every function gives 0, or 1 with a message in `said`.

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstring>
#include <exception>
#include <string>

namespace {

// As `Switch` in native.rs.
enum Switch : int32_t {
  FLOAT32_MATMUL_PRECISION,
  ALLOW_TF32,
  CUDNN_ALLOW_TF32,
  DETERMINISTIC_ALGORITHMS,
  DETERMINISTIC_WARN_ONLY,
  FILL_UNINITIALIZED_MEMORY,
  MKLDNN,
  MKLDNN_DETERMINISTIC,
  CUDNN_BENCHMARK,
  SDPA_KERNELS,
  MATH_SDP_REDUCTION,
  FP16_REDUCTION,
  BF16_REDUCTION,
  FP16_ACCUMULATION,
  FLUSH_DENORMAL,
};

// Bits of SDPA_KERNELS.
constexpr int64_t MATH = 1, FLASH = 2, EFFICIENT = 4, CUDNN = 8;

constexpr const char* PRECISIONS[] = {"highest", "high", "medium"};

void tell(const char* text, char* said, size_t room) {
  if (room == 0) return;
  std::strncpy(said, text, room - 1);
  said[room - 1] = '\0';
}

template <typename Work>
int32_t guarded(char* said, size_t room, Work work) noexcept {
  try {
    work();
    return 0;
  } catch (const c10::Error& error) {
    tell(error.what_without_backtrace(), said, room);
  } catch (const std::exception& error) {
    tell(error.what(), said, room);
  } catch (...) {
    tell("libtorch failed without a message", said, room);
  }
  return 1;
}

// Whether this thread makes denormal results zero: by looking, as there is no function that tells.
bool flushes_denormals() {
  volatile float tiny = 1e-38f;
  volatile float denormal = tiny * 0.01f;
  return denormal == 0.0f;
}

// The setting belongs to a thread: all that operations are split among have to have it.
bool all_flush_denormals() {
  if (!flushes_denormals()) return false;
  bool all = true;
#pragma omp parallel num_threads(at::get_num_threads()) reduction(&& : all)
  all = flushes_denormals();
  return all;
}

void flush_denormals(bool on) {
  bool can = true;
#pragma omp parallel num_threads(at::get_num_threads()) reduction(&& : can)
  can = at::Context::setFlushDenormal(on);
  TORCH_CHECK(can || !on, "this processor does not flush denormal numbers");
}

bool reduces(at::CuBLASReductionOption option) {
  return option == at::CuBLASReductionOption::AllowReducedPrecisionWithSplitK;
}

int64_t get(int32_t which) {
  auto& context = at::globalContext();
  switch (which) {
    case FLOAT32_MATMUL_PRECISION:
      switch (context.float32MatmulPrecision()) {
        case at::Float32MatmulPrecision::HIGHEST: return 0;
        case at::Float32MatmulPrecision::HIGH: return 1;
        case at::Float32MatmulPrecision::MEDIUM: return 2;
      }
      break;
    case ALLOW_TF32: return context.allowTF32CuBLAS();
    case CUDNN_ALLOW_TF32: return context.allowTF32CuDNN();
    case DETERMINISTIC_ALGORITHMS: return context.deterministicAlgorithms();
    case DETERMINISTIC_WARN_ONLY: return context.deterministicAlgorithmsWarnOnly();
    case FILL_UNINITIALIZED_MEMORY: return context.deterministicFillUninitializedMemory();
    case MKLDNN: return context.userEnabledMkldnn();
    case MKLDNN_DETERMINISTIC: return context.deterministicMkldnn();
    case CUDNN_BENCHMARK: return context.benchmarkCuDNN();
    case SDPA_KERNELS:
      return (context.userEnabledMathSDP() ? MATH : 0) | (context.userEnabledFlashSDP() ? FLASH : 0) |
          (context.userEnabledMemEfficientSDP() ? EFFICIENT : 0) |
          (context.userEnabledCuDNNSDP() ? CUDNN : 0);
    case MATH_SDP_REDUCTION: return context.allowFP16BF16ReductionMathSDP();
    case FP16_REDUCTION: return reduces(context.allowFP16ReductionCuBLAS());
    case BF16_REDUCTION: return reduces(context.allowBF16ReductionCuBLAS());
    case FP16_ACCUMULATION: return context.allowFP16AccumulationCuBLAS();
    case FLUSH_DENORMAL: return all_flush_denormals();
  }
  TORCH_CHECK(false, "there is no switch ", which);
}

void set(int32_t which, int64_t value) {
  auto& context = at::globalContext();
  const bool on = value != 0;
  switch (which) {
    case FLOAT32_MATMUL_PRECISION:
      TORCH_CHECK(value >= 0 && value <= 2, "there is no precision ", value);
      return context.setFloat32MatmulPrecision(PRECISIONS[value]);
    case ALLOW_TF32: return context.setAllowTF32CuBLAS(on);
    case CUDNN_ALLOW_TF32: return context.setAllowTF32CuDNN(on);
    case DETERMINISTIC_ALGORITHMS:
      return context.setDeterministicAlgorithms(on, context.deterministicAlgorithmsWarnOnly());
    case DETERMINISTIC_WARN_ONLY:
      return context.setDeterministicAlgorithms(context.deterministicAlgorithms(), on);
    case FILL_UNINITIALIZED_MEMORY: return context.setDeterministicFillUninitializedMemory(on);
    case MKLDNN: return context.setUserEnabledMkldnn(on);
    case MKLDNN_DETERMINISTIC: return context.setDeterministicMkldnn(on);
    case CUDNN_BENCHMARK: return context.setBenchmarkCuDNN(on);
    case SDPA_KERNELS:
      context.setSDPUseMath((value & MATH) != 0);
      context.setSDPUseFlash((value & FLASH) != 0);
      context.setSDPUseMemEfficient((value & EFFICIENT) != 0);
      return context.setSDPUseCuDNN((value & CUDNN) != 0);
    case MATH_SDP_REDUCTION: return context.setAllowFP16BF16ReductionMathSDP(on);
    case FP16_REDUCTION: return context.setAllowFP16ReductionCuBLAS(on);
    case BF16_REDUCTION: return context.setAllowBF16ReductionCuBLAS(on);
    case FP16_ACCUMULATION: return context.setAllowFP16AccumulationCuBLAS(on);
    case FLUSH_DENORMAL: return flush_denormals(on);
  }
  TORCH_CHECK(false, "there is no switch ", which);
}

// The function `name` of the CUDA runtime, which libtorch has loaded.
template <typename Function>
Function runtime(const char* name) {
  auto found = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
  TORCH_CHECK(found != nullptr, "the CUDA runtime has no ", name);
  return found;
}

} // namespace

extern "C" {

int32_t wattest_torch_get(int32_t which, int64_t* value, char* said, size_t room) {
  return guarded(said, room, [&] { *value = get(which); });
}

int32_t wattest_torch_set(int32_t which, int64_t value, char* said, size_t room) {
  return guarded(said, room, [&] { set(which, value); });
}

int32_t wattest_torch_interop_threads(int64_t* count, char* said, size_t room) {
  return guarded(said, room, [&] { *count = static_cast<int64_t>(at::get_num_interop_threads()); });
}

int32_t wattest_torch_set_interop_threads(int32_t count, char* said, size_t room) {
  return guarded(said, room, [&] { at::set_num_interop_threads(count); });
}

// Loads `name`, the half of libtorch for GPUs, from the directory of libtorch_cpu. It registers
// itself; its symbols must be seen by the libraries that it brings along.
int32_t wattest_torch_load(const char* name, char* said, size_t room) {
  return guarded(said, room, [&] {
    Dl_info info;
    TORCH_CHECK(
        dladdr(reinterpret_cast<void*>(&at::globalContext), &info) != 0 && info.dli_fname,
        "the loader does not say where libtorch_cpu is");
    std::string path = info.dli_fname;
    const auto slash = path.rfind('/');
    path = slash == std::string::npos ? name : path.substr(0, slash + 1) + name;
    if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      const char* why = dlerror();
      TORCH_CHECK(false, why ? why : "the loader does not say why");
    }
  });
}

// Compute capability of GPU `device`, as 10 * major + minor.
int32_t wattest_torch_capability(int32_t device, int64_t* capability, char* said, size_t room) {
  return guarded(said, room, [&] {
    // cudaDeviceGetAttribute(&value, attribute, device); the numbers are those of cudaDeviceAttr.
    auto attribute = runtime<int (*)(int*, int, int)>("cudaDeviceGetAttribute");
    int major = 0, minor = 0;
    const int failed = attribute(&major, 75, device) | attribute(&minor, 76, device);
    TORCH_CHECK(failed == 0, "CUDA error ", failed, " when asking GPU ", device);
    *capability = 10 * major + minor;
  });
}

// The bytes that are free on GPU `device`.
int32_t wattest_torch_free_memory(int32_t device, int64_t* free, char* said, size_t room) {
  return guarded(said, room, [&] {
    const auto info = at::accelerator::getMemoryInfo(static_cast<c10::DeviceIndex>(device));
    *free = static_cast<int64_t>(info.first);
  });
}

} // extern "C"
