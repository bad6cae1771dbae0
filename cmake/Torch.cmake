# visplay::libtorch: the C++ half of the PyPI wheel `torch`, without its Python half.
#
# The wheel's own find_package(Torch) asks for a CUDA toolkit even for CPU work, and adds processors of its
# own choice to the flags of every CUDA unit, some of which nvcc 13 does not know: it is not used. The wheel
# carries a fmt newer than the system's: its include folder comes last (-idirafter), so that every unit
# sees the system's fmt.
include_guard()

# The first torch package with headers among: the given folder, or that of a find_package(Torch) before;
# .deps/venv, the active Python's.
function(visplay_find_torch out)
  file(GLOB candidates "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../.deps/venv/lib/python3*/site-packages/torch")
  if(VISPLAY_TORCH_DIR)
    set(candidates "${VISPLAY_TORCH_DIR}")
  elseif(TORCH_INSTALL_PREFIX)
    set(candidates "${TORCH_INSTALL_PREFIX}")
  elseif(NOT candidates)
    find_package(Python3 QUIET COMPONENTS Interpreter)
    if(Python3_FOUND)
      execute_process(
        COMMAND "${Python3_EXECUTABLE}" -c
                "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
        OUTPUT_VARIABLE candidates OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    endif()
  endif()
  foreach(folder IN LISTS candidates)
    if(EXISTS "${folder}/include/ATen/ATen.h")
      get_filename_component(folder "${folder}" REALPATH)
      set(${out} "${folder}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "visplay: no libtorch in '${candidates}'. Run ./run build, or pass "
                      "-DVISPLAY_TORCH_DIR=<site-packages>/torch, or -DVISPLAY_TORCH=OFF.")
endfunction()

if(NOT TARGET visplay::libtorch)
  visplay_find_torch(VISPLAY_TORCH_FOUND_DIR)
  add_library(visplay::libtorch INTERFACE IMPORTED GLOBAL)
  target_compile_options(visplay::libtorch INTERFACE
                         "SHELL:-idirafter \"${VISPLAY_TORCH_FOUND_DIR}/include\"")
  find_package(Threads REQUIRED)
  set(torch_libraries torch_cpu c10)
  # Needed by name alone: what a GPU's tensors do is registered when they are loaded.
  if(VISPLAY_CUDA AND EXISTS "${VISPLAY_TORCH_FOUND_DIR}/lib/libtorch_cuda.so")
    list(PREPEND torch_libraries torch_cuda c10_cuda)
    target_link_options(visplay::libtorch INTERFACE -Wl,--no-as-needed)
    # A program has one cuBLASLt: the one that libtorch's cuBLAS came with, before the toolkit's.
    file(GLOB cuda_libraries "${VISPLAY_TORCH_FOUND_DIR}/../nvidia/cu13/lib")
    if(cuda_libraries)
      get_filename_component(cuda_libraries "${cuda_libraries}" REALPATH)
      target_link_options(visplay::libtorch INTERFACE "-Wl,-rpath,${cuda_libraries}")
    endif()
  endif()
  foreach(name IN LISTS torch_libraries)
    add_library(visplay::libtorch_${name} SHARED IMPORTED GLOBAL)
    set_target_properties(visplay::libtorch_${name} PROPERTIES IMPORTED_LOCATION
                          "${VISPLAY_TORCH_FOUND_DIR}/lib/lib${name}.so")
    target_link_libraries(visplay::libtorch INTERFACE visplay::libtorch_${name})
  endforeach()
  # Found when the program starts; at link time nothing looks for them.
  target_link_options(visplay::libtorch INTERFACE -Wl,--allow-shlib-undefined)
  target_link_libraries(visplay::libtorch INTERFACE Threads::Threads)
  # ATen's parallel_for is a template in its headers, and serial in a unit compiled without OpenMP.
  # The wheel brings its own runtime: linking that one keeps a program at one pool of threads.
  find_package(OpenMP COMPONENTS CXX)
  file(GLOB openmp_runtime "${VISPLAY_TORCH_FOUND_DIR}/lib/libgomp*.so*"
       "${VISPLAY_TORCH_FOUND_DIR}/../torch.libs/libgomp*.so*")
  if(NOT OpenMP_CXX_FOUND)
    message(STATUS "visplay: no OpenMP; attention and norms run on one thread")
  elseif(openmp_runtime)
    list(GET openmp_runtime 0 openmp_runtime)
    add_library(visplay::libtorch_openmp SHARED IMPORTED GLOBAL)
    set_target_properties(visplay::libtorch_openmp PROPERTIES IMPORTED_LOCATION "${openmp_runtime}")
    separate_arguments(openmp_flags UNIX_COMMAND "${OpenMP_CXX_FLAGS}")
    target_compile_options(visplay::libtorch INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${openmp_flags}>")
    target_link_libraries(visplay::libtorch INTERFACE visplay::libtorch_openmp)
  else()
    target_link_libraries(visplay::libtorch INTERFACE OpenMP::OpenMP_CXX)
  endif()
endif()
