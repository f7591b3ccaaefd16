# Installs the library alone into a fresh prefix, builds `consumer` with find_package(singleflight) and runs it.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${work})
run(${CMAKE_COMMAND} -G Ninja -S ${library} -B ${work}/library -D SINGLEFLIGHT_TESTS=OFF -D CMAKE_CXX_COMPILER=${compiler})
run(${CMAKE_COMMAND} --install ${work}/library --prefix ${work}/prefix)
run(${CMAKE_COMMAND} -G Ninja -S ${consumer} -B ${work}/consumer -D CMAKE_PREFIX_PATH=${work}/prefix
  -D CMAKE_CXX_COMPILER=${compiler})
run(${CMAKE_COMMAND} --build ${work}/consumer)
run(${work}/consumer/consumer)
