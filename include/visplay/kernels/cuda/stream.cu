// Bodies of stream.hpp and the products of device_executor.hpp, by cuBLASLt.
#include <visplay/kernels/cuda/call.cuh>
#include <visplay/kernels/cuda/device_executor.hpp>
#include <visplay/kernels/cuda/space_stack.hpp>
#include <visplay/kernels/cuda/stream.hpp>

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace visplay::cuda {
namespace {

constexpr std::size_t blas_bytes = std::size_t(32) << 20;

void check_blas(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS) throw_cuda_error(call, cublasLtGetStatusString(status));
}

/// What cuBLASLt's heuristics depend on.
using Shape = std::array<std::int64_t, 16>;

struct Choice {
  Shape shape;
  cublasLtMatmulAlgo_t algorithm;
};

/// A description of cuBLASLt's, destroyed with its owner.
template <class Handle, cublasStatus_t (*destroy)(Handle)>
struct Owned {
  Owned() = default;
  ~Owned() {
    if (handle) destroy(handle);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Handle handle = nullptr;
};

cudaDataType_t blas_type(FloatType type) {
  if (type == FloatType::float16) return CUDA_R_16F;
  return type == FloatType::bfloat16 ? CUDA_R_16BF : CUDA_R_32F;
}

/// The largest power of two, at most 256, that an address is a multiple of.
std::uint32_t alignment_of(const void* at) {
  const auto address = reinterpret_cast<std::uintptr_t>(at) | 256;
  return std::uint32_t(address & (~address + 1));
}

/// Row-major [rows, columns] is, column by column, its transpose.
struct Layout : Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy> {
  template <class Matrix>
  explicit Layout(const Matrix& m) {
    check_blas(cublasLtMatrixLayoutCreate(&handle, blas_type(m.type), std::uint64_t(m.columns),
                                          std::uint64_t(m.rows), m.stride),
               "cublasLtMatrixLayoutCreate");
  }
};

struct Operation : Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy> {
  /// @param device  whether factors are read from the device
  Operation(bool first_transposed, bool second_transposed, bool device) {
    check_blas(cublasLtMatmulDescCreate(&handle, CUBLAS_COMPUTE_32F, CUDA_R_32F),
               "cublasLtMatmulDescCreate");
    set(CUBLASLT_MATMUL_DESC_TRANSA, first_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, second_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (device) set(CUBLASLT_MATMUL_DESC_POINTER_MODE, CUBLASLT_POINTER_MODE_DEVICE);
  }
  template <class T>
  void set(cublasLtMatmulDescAttributes_t which, const T& value) {
    check_blas(cublasLtMatmulDescSetAttribute(handle, which, &value, sizeof(value)),
               "cublasLtMatmulDescSetAttribute");
  }
};

struct Preference : Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy> {
  Preference() {
    check_blas(cublasLtMatmulPreferenceCreate(&handle), "cublasLtMatmulPreferenceCreate");
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, blas_bytes);
    // Parts of a sum that goes by parts are not rounded to the output's type.
    set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
        std::uint32_t(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  }
  template <class T>
  void set(cublasLtMatmulPreferenceAttributes_t which, const T& value) {
    check_blas(cublasLtMatmulPreferenceSetAttribute(handle, which, &value, sizeof(value)),
               "cublasLtMatmulPreferenceSetAttribute");
  }
};

}  // namespace

struct Stream::State {
  cudaStream_t stream = nullptr;
  SpaceStack spaces;
  cublasLtHandle_t blas = nullptr;
  std::vector<Choice> choices;

  [[nodiscard]] std::byte* allocate(std::size_t bytes) const {
    void* memory = nullptr;
    check_call(cudaMallocAsync(&memory, bytes, stream), "cudaMallocAsync of work space");
    return static_cast<std::byte*>(memory);
  }
  void release(std::byte* memory) const { cudaFreeAsync(memory, stream); }
  void need_blas() {
    if (!blas) check_blas(cublasLtCreate(&blas), "cublasLtCreate");
  }
};

Stream::Stream(void* stream) : state_(std::make_unique<State>()) {
  int devices = 0;
  check_call(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
  state_->stream = static_cast<cudaStream_t>(stream);
}
Stream::~Stream() {
  if (state_->blas) cublasLtDestroy(state_->blas);
  state_->spaces.release_all([this](std::byte* memory) { state_->release(memory); });
}
void Stream::use_space(std::span<std::byte> memory) { state_->spaces.use(memory); }
void Stream::synchronize() {
  check_call(cudaStreamSynchronize(state_->stream), "cudaStreamSynchronize");
}
void* Stream::handle() const { return state_->stream; }

Stream::Space::Space(Stream& stream, std::size_t bytes) : stream_(&stream), bytes_(bytes) {
  State& state = stream.state();
  data_ = state.spaces.take(
      bytes, [&](std::size_t size) { return state.allocate(size); },
      [&](std::byte* memory) { state.release(memory); });
}
Stream::Space::~Space() { stream_->state().spaces.give_back(bytes_); }

void Stream::fetch(void* to, const void* from, std::size_t bytes) {
  check_call(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, state_->stream),
             "cudaMemcpyAsync");
  synchronize();
}

namespace {

/// Column by column, out^T [J, I] is right [J, K] times left^T [K, I].
class Product {
 public:
  Product(const ProductOperand& left, const ProductOperand& right, const MutableFloatMatrix& out,
          const ProductFactor* factor)
      : operation_(!right.turned, left.turned, factor != nullptr),
        factor_(factor),
        first_(right.matrix),
        second_(left.matrix),
        out_(out),
        shape_{out.rows,
               out.columns,
               left.depth(),
               right.matrix.stride,
               left.matrix.stride,
               out.stride,
               std::int64_t(right.matrix.type),
               std::int64_t(left.matrix.type),
               std::int64_t(out.type),
               right.turned,
               left.turned,
               alignment_of(right.matrix.data),
               alignment_of(left.matrix.data),
               alignment_of(out.data),
               factor != nullptr} {}

  void run(const ProductOperand& left, const ProductOperand& right, const MutableFloatMatrix& out,
           bool adds, Stream::State& state, std::byte* space) const {
    constexpr ProductFactor one{1};
    const ProductFactor* const factor = factor_ ? factor_ : &one;  // of the device, or here
    const float* const before = adds ? &factor->all : &factor->none;
    const cublasLtMatmulAlgo_t algorithm = choose(state);
    check_blas(cublasLtMatmul(state.blas, operation_.handle, &factor->factor, right.matrix.data,
                              first_.handle, left.matrix.data, second_.handle, before, out.data,
                              out_.handle, out.data, out_.handle, &algorithm, space, blas_bytes,
                              state.stream),
               "cublasLtMatmul");
  }

 private:
  /// cuBLASLt's first choice, kept for products of the same shape.
  [[nodiscard]] cublasLtMatmulAlgo_t choose(Stream::State& state) const {
    for (const Choice& choice : state.choices)
      if (choice.shape == shape_) return choice.algorithm;
    Preference preference;
    preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, std::uint32_t(shape_[11]));
    preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, std::uint32_t(shape_[12]));
    preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, std::uint32_t(shape_[13]));
    preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, std::uint32_t(shape_[13]));
    cublasLtMatmulHeuristicResult_t result{};
    int found = 0;
    check_blas(cublasLtMatmulAlgoGetHeuristic(state.blas, operation_.handle, first_.handle,
                                              second_.handle, out_.handle, out_.handle,
                                              preference.handle, 1, &result, &found),
               "cublasLtMatmulAlgoGetHeuristic");
    if (found == 0) throw_cuda_error("cublasLtMatmulAlgoGetHeuristic", "no algorithm fits");
    check_blas(result.state, "cublasLtMatmulAlgoGetHeuristic");
    if (state.choices.size() >= 64) state.choices.clear();
    state.choices.push_back({shape_, result.algo});
    return result.algo;
  }

  Operation operation_;
  const ProductFactor* factor_;
  Layout first_, second_, out_;
  Shape shape_;
};

}  // namespace

void product(const ProductOperand& left, const ProductOperand& right, const MutableFloatMatrix& out,
             bool adds, const ProductFactor* factor, Stream& stream) {
  stream.state().need_blas();
  const Stream::Space space(stream, blas_bytes);
  Product(left, right, out, factor).run(left, right, out, adds, stream.state(), space.data());
}
std::size_t product_bytes() { return blas_bytes; }

void clear(const MutableFloatMatrix& out, Stream& stream) {
  const auto bytes = std::size_t(bytes_of(out.type));
  check_call(cudaMemset2DAsync(out.data, std::size_t(out.stride) * bytes, 0,
                               std::size_t(out.columns) * bytes, std::size_t(out.rows),
                               static_cast<cudaStream_t>(stream.handle())),
             "cudaMemset2DAsync");
}

}  // namespace visplay::cuda
