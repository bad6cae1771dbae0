// All that a loss of one's own needs to be evaluated on a GPU.
#include <visplay/kernels/cuda/launch_kernel.cuh>

#include "cuda_custom_loss.hpp"

VISPLAY_CUDA_OBJECTIVE(visplay::testing::OwnReinforce, visplay::K3, visplay::NoCorrection)
