# What can be switched. Everything here can be given to cmake as -DNAME=value.
include_guard()

option(VISPLAY_IO "Build visplay::io: PNG, JPEG, JSON, YAML, safetensors" ON)
option(VISPLAY_TORCH "Build visplay::torch: models, policies, training (needs libtorch)" ON)
option(VISPLAY_CUDA "Build visplay::cuda, and link the CUDA libtorch if any; needs a CUDA toolkit" OFF)
option(VISPLAY_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(VISPLAY_PROGRAMS "Build the programs under examples/" ${PROJECT_IS_TOP_LEVEL})
option(VISPLAY_BENCHMARKS "Build the benchmarks" OFF)
option(VISPLAY_FUZZ "Define the target visplay_fuzz: the programs of tests/fuzz" OFF)
option(VISPLAY_NATIVE "Compile for this machine's processor; turn off for packages that travel"
       ${PROJECT_IS_TOP_LEVEL})
option(VISPLAY_WERROR "Warnings are errors" OFF)
option(VISPLAY_UNITY "Compile the torch-free libraries in a few large files: a quicker first build" OFF)
option(VISPLAY_PCH "Precompile ATen's headers for the units that use them" ON)
set(VISPLAY_SANITIZE "" CACHE STRING "Sanitizers of -fsanitize=, such as address,undefined")
set(VISPLAY_TORCH_DIR "" CACHE PATH "Folder of the torch Python package; empty: look in .deps")

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
endif()

# The flags of our own units; not handed on to those who link the library.
#   -ffp-contract=off   a*b + c rounds twice on every processor, so results do not depend on FMA
add_library(visplay_flags INTERFACE)
#   -Wmaybe-uninitialized, -Wrestrict   wrong about std::optional and std::string in g++ 12, so off
target_compile_options(visplay_flags INTERFACE -Wall -Wextra -ffp-contract=off
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(VISPLAY_WERROR)
  target_compile_options(visplay_flags INTERFACE -Werror)
endif()
if(VISPLAY_SANITIZE)
  target_compile_options(visplay_flags INTERFACE -fsanitize=${VISPLAY_SANITIZE}
                         -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(visplay_flags INTERFACE -fsanitize=${VISPLAY_SANITIZE})
endif()

find_program(VISPLAY_CCACHE ccache)
mark_as_advanced(VISPLAY_CCACHE)
if(PROJECT_IS_TOP_LEVEL AND VISPLAY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The two slacknesses are what ccache asks for where headers are precompiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros ${VISPLAY_CCACHE})
endif()
