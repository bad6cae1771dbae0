// The kernels of kernels/cuda as a GPU runs them: nvcc compiles this file, with neither libtorch nor
// fmt in it. tests/kernels/check_cuda.py holds the registers that each takes.
#include <visplay/kernels/cuda/batch.hpp>
#include <visplay/kernels/cuda/compact_adamw_kernel.hpp>
#include <visplay/kernels/cuda/launch_kernel.cuh>
#include <visplay/kernels/cuda/linear_log_probs_kernel.hpp>
#include <visplay/kernels/cuda/linear_log_probs_slopes.hpp>
#include <visplay/kernels/cuda/log_probs_kernel.hpp>
#include <visplay/loss/log_prob_losses.hpp>
#include <visplay/loss/ratio_losses.hpp>

namespace visplay {

VISPLAY_CUDA_KERNEL(LogProbsKernel<float>)
VISPLAY_CUDA_KERNEL(LogProbsKernel<float, true>)
VISPLAY_CUDA_KERNEL(LogProbsKernel<BFloat16>)
VISPLAY_CUDA_KERNEL(LogProbsKernel<BFloat16, true>)
VISPLAY_CUDA_KERNEL(LogProbsKernel<Float16>)
VISPLAY_CUDA_KERNEL(LogProbsKernel<Float16, true>)
VISPLAY_CUDA_KERNEL(LogProbsBackwardKernel<float>)
VISPLAY_CUDA_KERNEL(LogProbsBackwardKernel<BFloat16>)
VISPLAY_CUDA_KERNEL(LogProbsBackwardKernel<Float16>)

VISPLAY_CUDA_KERNEL(HeadSumsKernel<>)
VISPLAY_CUDA_KERNEL(HeadSumsKernel<true>)
VISPLAY_CUDA_KERNEL(HeadTopKernel)
VISPLAY_CUDA_KERNEL(HeadResultsKernel)
VISPLAY_CUDA_KERNEL(HeadTopResultsKernel)
VISPLAY_CUDA_KERNEL(HeadRowsKernel)
VISPLAY_CUDA_KERNEL(HeadScaleKernel)
VISPLAY_CUDA_KERNEL(HeadSlopesKernel<float>)
VISPLAY_CUDA_KERNEL(HeadSlopesKernel<BFloat16>)
VISPLAY_CUDA_KERNEL(HeadSlopesKernel<Float16>)
VISPLAY_CUDA_KERNEL(HeadSlopesKernel<BFloat16, KeptChunk>)
VISPLAY_CUDA_KERNEL(RoundKernel<BFloat16>)
VISPLAY_CUDA_KERNEL(RoundKernel<Float16>)

VISPLAY_CUDA_KERNEL(cuda::Batch<SquaresKernel<float>>)
VISPLAY_CUDA_KERNEL(cuda::Batch<SquaresKernel<BFloat16>>)
VISPLAY_CUDA_KERNEL(NormKernel)
VISPLAY_CUDA_KERNEL(cuda::Batch<AdamWKernel>)
VISPLAY_CUDA_KERNEL(cuda::Batch<CompactAdamWKernel>)

VISPLAY_CUDA_KERNEL(GroupAdvantageKernel)
VISPLAY_CUDA_KERNEL(MaskedSumKernel)
VISPLAY_CUDA_KERNEL(TokenWeightsKernel)
VISPLAY_CUDA_KERNEL(ReportKernel)

// As kernels/objective_stock.hpp, and the group losses.
VISPLAY_CUDA_OBJECTIVE(ClippedSurrogate, K3, NoCorrection)
VISPLAY_CUDA_OBJECTIVE(ClippedSurrogate, K3, TokenTis)
VISPLAY_CUDA_OBJECTIVE(Cispo, K3, NoCorrection)
VISPLAY_CUDA_OBJECTIVE(Sapo, K3, NoCorrection)
VISPLAY_CUDA_SEQUENCE_LOSS(Gspo)
VISPLAY_CUDA_SEQUENCE_LOSS(GspoToken)
VISPLAY_CUDA_GROUP_LOSS(Tpo)
VISPLAY_CUDA_GROUP_LOSS(Real)
VISPLAY_CUDA_COMPLETION_OBJECTIVE(Gspo, K3, NoCorrection)
VISPLAY_CUDA_COMPLETION_OBJECTIVE(GspoToken, K3, NoCorrection)
VISPLAY_CUDA_COMPLETION_OBJECTIVE(Tpo, K3, NoCorrection)
VISPLAY_CUDA_COMPLETION_OBJECTIVE(Real, K3, NoCorrection)

}  // namespace visplay
