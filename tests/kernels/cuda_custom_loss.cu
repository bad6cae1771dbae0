// All that losses of one's own need to be evaluated on a GPU.
#include <visplay/kernels/cuda/launch_kernel.cuh>

#include "cuda_custom_loss.hpp"

VISPLAY_CUDA_OBJECTIVE(visplay::testing::OwnReinforce, visplay::K3, visplay::NoCorrection)

VISPLAY_CUDA_SEQUENCE_LOSS(visplay::testing::OwnSequence)
VISPLAY_CUDA_COMPLETION_OBJECTIVE(visplay::testing::OwnSequence, visplay::K3, visplay::NoCorrection)
VISPLAY_CUDA_COMPLETION_OBJECTIVE(visplay::testing::OwnSequence, visplay::K3, visplay::TokenTis)
