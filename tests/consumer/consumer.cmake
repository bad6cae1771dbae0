# Builds and runs the consumer project tests/consumer/${KIND} as a user would, from nothing.
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

if(KIND STREQUAL "installed")
  run(${CMAKE_COMMAND} --install "${BUILD}" --prefix "${work}/prefix")
  list(APPEND flags "-DCMAKE_PREFIX_PATH=${work}/prefix")
endif()
run(${CMAKE_COMMAND} -S "${CMAKE_CURRENT_LIST_DIR}/${KIND}" -B "${work}/build" ${flags})
run(${CMAKE_COMMAND} --build "${work}/build")
run("${work}/build/consumer")
