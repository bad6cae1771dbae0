# Units that are compiled for several levels of x86-64, whatever the flags of the rest: the program
# chooses among them when it runs (visplay/core/simd_level.hpp).
#
# visplay_simd_units(core kernels/objective_stock_unit.ipp) adds to visplay_core a unit for each of the
# levels portable, avx2 and avx512, or for those that are named behind it.
include_guard()

function(visplay_simd_units name body)
  get_target_property(type visplay_${name} TYPE)
  if(NOT type STREQUAL STATIC_LIBRARY OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$"
     OR NOT CMAKE_CXX_COMPILER_ID MATCHES "^(GNU|Clang)$")
    return()
  endif()
  get_filename_component(stem "${body}" NAME_WE)
  set(levels ${ARGN})
  if(NOT levels)
    set(levels portable avx2 avx512)
  endif()
  set(flags_portable -march=x86-64)
  set(flags_avx2 -march=x86-64-v3)
  set(flags_avx512 -march=x86-64-v4)
  set(flags_avx512_bf16 ${flags_avx512} -mavx512bf16)
  set(flags_amx ${flags_avx512_bf16} -mamx-tile -mamx-bf16)
  foreach(level IN LISTS levels)
    set(unit "${PROJECT_BINARY_DIR}/bodies/simd/${stem}_${level}.cpp")
    file(CONFIGURE OUTPUT "${unit}" CONTENT "#include <visplay/${body}>\n" @ONLY)
    # Multiplications and additions may fuse here: a level fixes its own rounding.
    set_source_files_properties("${unit}" PROPERTIES COMPILE_OPTIONS
                                "${flags_${level}};-O3;-ffp-contract=fast")
    target_sources(visplay_${name} PRIVATE "${unit}")
  endforeach()
  target_compile_definitions(visplay_${name} PRIVATE VISPLAY_SIMD_UNITS)
endfunction()
