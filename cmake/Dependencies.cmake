# The libraries that visplay's targets link; read by the build and by the installed package alike.
include_guard()
include(CMakeFindDependencyMacro)

find_dependency(fmt)
find_dependency(Eigen3 3.4)
find_dependency(Threads)
if(VISPLAY_IO)
  find_dependency(nlohmann_json 3.10)
  find_dependency(PNG)
  find_dependency(JPEG)
  find_dependency(yaml-cpp)
  find_dependency(PkgConfig)
  pkg_check_modules(VISPLAY_WEBP REQUIRED IMPORTED_TARGET GLOBAL libwebpdemux libwebp)
  find_path(VISPLAY_XXHASH_INCLUDE_DIR xxhash.h REQUIRED)  # all of it is in the header
  if(TARGET yaml-cpp AND NOT TARGET yaml-cpp::yaml-cpp)  # before version 0.8
    add_library(yaml-cpp::yaml-cpp INTERFACE IMPORTED)
    target_link_libraries(yaml-cpp::yaml-cpp INTERFACE yaml-cpp)
  endif()
endif()
if(VISPLAY_CUDA)
  find_dependency(CUDAToolkit)
endif()
