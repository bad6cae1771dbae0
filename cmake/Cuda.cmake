# visplay::cuda: the kernels of include/visplay/kernels/cuda, compiled by nvcc for CMAKE_CUDA_ARCHITECTURES
# (Ampere, Hopper and Blackwell unless set), and their launchers. Links cudart and cuBLASLt, no libtorch.
include_guard()
if(CMAKE_VERSION VERSION_LESS 3.31)
  message(FATAL_ERROR "visplay: VISPLAY_CUDA needs CMake 3.31, expected by nvcc 13 in C++20; this is ${CMAKE_VERSION}")
endif()
# OFF is what find_package(Torch) of a project around this one makes of it; its own choice of processors is in
# the flags, and nvcc 13 does not know some of them.
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90a-real 100)
  string(REGEX REPLACE "-gencode[ ;=]+arch=[^ ;]+" "" CMAKE_CUDA_FLAGS "${CMAKE_CUDA_FLAGS}")
endif()
if(NOT DEFINED CMAKE_CUDA_RUNTIME_LIBRARY)
  set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)  # as CUDA::cudart: one runtime in a program, not two
endif()
enable_language(CUDA)

set(cuda_dir "${PROJECT_SOURCE_DIR}/include/visplay/kernels/cuda")
add_library(visplay_cuda STATIC "${cuda_dir}/kernels.cu" "${cuda_dir}/stream.cu" "${cuda_dir}/launch.cpp")
add_library(visplay::cuda ALIAS visplay_cuda)
set_target_properties(visplay_cuda PROPERTIES EXPORT_NAME cuda)
target_compile_features(visplay_cuda PRIVATE cuda_std_20)
target_compile_options(visplay_cuda
                       PUBLIC $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>  # a user's losses too
                       PRIVATE $<$<COMPILE_LANGUAGE:CXX>:$<TARGET_PROPERTY:visplay_flags,INTERFACE_COMPILE_OPTIONS>>)
target_link_libraries(visplay_cuda PUBLIC visplay_core CUDA::cudart CUDA::cublasLt)
install(TARGETS visplay_cuda EXPORT visplay)
