# Units that are compiled for several levels of x86-64, whatever the flags of the rest: the program
# chooses among them when it runs (visplay/core/simd_level.hpp).
#
# visplay_simd_units(core kernels/objective_stock_unit.ipp) adds to visplay_core a unit per level.
include_guard()

function(visplay_simd_units name body)
  get_target_property(type visplay_${name} TYPE)
  if(NOT type STREQUAL STATIC_LIBRARY OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$"
     OR NOT CMAKE_CXX_COMPILER_ID MATCHES "^(GNU|Clang)$")
    return()
  endif()
  get_filename_component(stem "${body}" NAME_WE)
  foreach(level IN ITEMS portable avx2 avx512)
    string(REPLACE "portable" "x86-64" march "${level}")
    string(REPLACE "avx512" "x86-64-v4" march "${march}")
    string(REPLACE "avx2" "x86-64-v3" march "${march}")
    set(unit "${PROJECT_BINARY_DIR}/bodies/simd/${stem}_${level}.cpp")
    file(CONFIGURE OUTPUT "${unit}" CONTENT "#include <visplay/${body}>\n" @ONLY)
    # Multiplications and additions may fuse here: a level fixes its own rounding.
    set_source_files_properties("${unit}" PROPERTIES COMPILE_OPTIONS
                                "-march=${march};-O3;-ffp-contract=fast")
    target_sources(visplay_${name} PRIVATE "${unit}")
  endforeach()
  target_compile_definitions(visplay_${name} PRIVATE VISPLAY_SIMD_UNITS)
endfunction()
