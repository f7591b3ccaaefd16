# Builds and runs `consumer` in each way that README names: by find_package and by pkg-config from a fresh prefix, which is
# moved before it is used, and by FetchContent from the sources.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# build_and_run(WAY DEFINITION…): the project in consumer/WAY, with the program that all have.
function(build_and_run way)
  file(COPY ${consumer}/${way}/CMakeLists.txt ${consumer}/main.cc DESTINATION ${work}/${way}_source)
  run(${CMAKE_COMMAND} -G Ninja -S ${work}/${way}_source -B ${work}/${way} -D CMAKE_CXX_COMPILER=${compiler} ${ARGN})
  run(${CMAKE_COMMAND} --build ${work}/${way})
  run(${work}/${way}/app)
endfunction()

# find_one(RESULT FILE): the one file of this name in the prefix.
function(find_one result name)
  file(GLOB_RECURSE found ${work}/moved/${name})
  list(LENGTH found count)
  if(NOT count EQUAL 1)
    message(FATAL_ERROR "${name} is installed ${count} times: ${found}")
  endif()
  set(${result} ${found} PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${work})
run(${CMAKE_COMMAND} -G Ninja -S ${library} -B ${work}/library -D SINGLEFLIGHT_TESTS=OFF -D CMAKE_CXX_COMPILER=${compiler})
run(${CMAKE_COMMAND} --install ${work}/library --prefix ${work}/prefix)
file(RENAME ${work}/prefix ${work}/moved)

build_and_run(find_package -D CMAKE_PREFIX_PATH=${work}/moved)

find_one(package singleflight.pc)
get_filename_component(folder ${package} DIRECTORY)
set(ENV{PKG_CONFIG_PATH} ${folder})
run(pkg-config --cflags --libs singleflight)
separate_arguments(flags UNIX_COMMAND "${output}")
run(${compiler} -std=c++20 ${consumer}/main.cc -o ${work}/app ${flags})
run(${work}/app)
run(pkg-config --modversion singleflight)
if(NOT output STREQUAL "${version}\n")
  message(FATAL_ERROR "pkg-config says version ${output}instead of ${version}")
endif()

find_one(licence LICENSE)

# As a part of another project it installs nothing and tests nothing.
build_and_run(fetch_content -D FETCHCONTENT_SOURCE_DIR_SINGLEFLIGHT=${library}/..)
run(${CMAKE_COMMAND} --install ${work}/fetch_content --prefix ${work}/nothing)
file(GLOB_RECURSE installed ${work}/nothing/*)
if(installed)
  message(FATAL_ERROR "FetchContent installs ${installed}")
endif()
run(${CMAKE_CTEST_COMMAND} --test-dir ${work}/fetch_content -N)
if(NOT output MATCHES "Total Tests: 0|No tests were found")
  message(FATAL_ERROR "FetchContent brings tests\n${output}")
endif()
