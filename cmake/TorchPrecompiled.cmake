# ATen's headers, precompiled once for all units that use them: they cost seconds per unit.
#
# visplay_precompile_torch(target) lets a target with the same flags use them.
include_guard()

set(VISPLAY_TORCH_PRECOMPILED <ATen/ATen.h> <torch/csrc/autograd/custom_function.h>
    <algorithm> <map> <span> <string> <vector>)
add_library(visplay_torch_precompiled OBJECT "${PROJECT_SOURCE_DIR}/cmake/empty.cpp")
target_link_libraries(visplay_torch_precompiled PRIVATE visplay_io visplay::libtorch visplay_flags)

function(visplay_precompile_torch target)
  if(VISPLAY_PCH)
    target_precompile_headers(${target} REUSE_FROM visplay_torch_precompiled)
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  endif()
endfunction()

if(VISPLAY_PCH)
  target_precompile_headers(visplay_torch_precompiled PRIVATE ${VISPLAY_TORCH_PRECOMPILED})
  target_compile_options(visplay_torch_precompiled PRIVATE
                         $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  get_target_property(type visplay_torch TYPE)
  if(type STREQUAL STATIC_LIBRARY)
    visplay_precompile_torch(visplay_torch)
  endif()
  if(TARGET visplay_headers_torch)
    visplay_precompile_torch(visplay_headers_torch)
  endif()
endif()
