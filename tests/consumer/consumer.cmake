# Builds and runs the consumer project tests/consumer/${KIND} (trainer: examples/link_into_trainer) as
# a user would, from nothing.
#   cmake -D KIND=installed -D BUILD=<visplay's build folder> -D GENERATOR=... -P consumer.cmake
set(work "${BUILD}/consumer/${KIND}")
set(flags "-G${GENERATOR}" -DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM} -DCMAKE_BUILD_TYPE=Debug)
if(LAUNCHER)
  list(APPEND flags -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
endif()
file(REMOVE_RECURSE "${work}")

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(KIND STREQUAL "subdirectory")  # builds the library: a few large files take a third of the time
  list(APPEND flags -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=16)
endif()

if(NOT KIND MATCHES "subdirectory|header_only")
  run(${CMAKE_COMMAND} --install "${BUILD}" --prefix "${work}/prefix")
  list(APPEND flags "-DCMAKE_PREFIX_PATH=${work}/prefix")
endif()
if(KIND STREQUAL "pkgconfig")  # no build system at all
  file(GLOB package "${work}/prefix/lib*/pkgconfig" "${work}/prefix/lib/*/pkgconfig")
  set(ENV{PKG_CONFIG_PATH} "${package}")
  run(sh -c "c++ '${CMAKE_CURRENT_LIST_DIR}/main.cpp' -o '${work}/consumer' $(pkg-config --cflags --libs visplay-core)")
  run("${work}/consumer")
  return()
endif()
set(project "${CMAKE_CURRENT_LIST_DIR}/${KIND}")
set(program consumer)
if(KIND STREQUAL "trainer")
  set(project "${CMAKE_CURRENT_LIST_DIR}/../../examples/link_into_trainer")
  set(program trainer)
endif()
run(${CMAKE_COMMAND} -S "${project}" -B "${work}/build" ${flags})
run(${CMAKE_COMMAND} --build "${work}/build")
run("${work}/build/${program}")
