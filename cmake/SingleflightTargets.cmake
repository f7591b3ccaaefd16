# singleflight_room(NAME SRCS … DEPS … PRIVATE_DEPS …): one room of the house as a static library (header-only
# rooms list no SRCS). DEPS says which rooms it may use; tests/lint proves that its includes agree.
function(singleflight_room name)
  cmake_parse_arguments(arg "" "" "SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
  if(arg_SRCS)
    add_library(sf_${name} STATIC ${arg_SRCS})
    target_include_directories(sf_${name} PUBLIC ${PROJECT_SOURCE_DIR} PRIVATE ${PROJECT_BINARY_DIR})
    target_link_libraries(sf_${name} PUBLIC ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
    singleflight_precompiled(sf_${name} server)
  else()
    add_library(sf_${name} INTERFACE)
    target_include_directories(sf_${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(sf_${name} INTERFACE ${arg_DEPS})
  endif()
endfunction()

# singleflight_allocator(TARGET): the allocator that the product has; sanitizers bring one of their own. Hundreds of
# equal small blocks per turn are more than glibc's per-thread lists hold. Named by nothing in the sources, so the
# linker is told to keep it.
function(singleflight_allocator target)
  if(SINGLEFLIGHT_SANITIZE STREQUAL "")
    target_link_libraries(${target} PRIVATE -Wl,--no-as-needed PkgConfig::JEMALLOC -Wl,--as-needed)
  endif()
endfunction()

# singleflight_test(NAME SRCS … DEPS … [LABELS …] [ARGS …]): one test program, run by ctest as one test. Every
# *_test.cc under tests/ must be named by one (singleflight_all_registered). Tests with the label e2e hold gRPC or
# absl::Mutex in their process, so they are not built with ThreadSanitizer. With OF_PROXY all that is tested is in the
# proxy's process, so they are not instrumented at all: `./dev test --sanitize` takes those of the release build. The
# target `outside` is all tests with the label e2e, and what they start.
function(singleflight_test name)
  cmake_parse_arguments(arg "OF_PROXY" "TIMEOUT" "SRCS;DEPS;LABELS;ARGS" ${ARGN})
  foreach(src ${arg_SRCS})
    get_filename_component(path ${src} ABSOLUTE)
    set_property(GLOBAL APPEND PROPERTY SINGLEFLIGHT_TEST_SOURCES ${path})
  endforeach()
  if(SINGLEFLIGHT_SANITIZE STREQUAL "thread" AND "e2e" IN_LIST arg_LABELS)
    return()
  endif()
  if(arg_OF_PROXY AND NOT SINGLEFLIGHT_SANITIZE STREQUAL "")
    return()
  endif()
  add_executable(${name} ${arg_SRCS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  if(CMAKE_BUILD_TYPE STREQUAL Release)
    target_compile_options(${name} PRIVATE -O1)  # the product is what is fast; tests are compiled in two thirds of the time
  endif()
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main)
  if(COMMAND singleflight_precompiled)  # the library alone does without
    singleflight_precompiled(${name} tests)
  endif()
  add_test(NAME ${name} COMMAND ${name} ${arg_ARGS})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT})
  if(arg_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}")
  endif()
  if("e2e" IN_LIST arg_LABELS)
    add_dependencies(outside ${name})
  endif()
endfunction()

# Fails when FOLDER holds a *_test.cc that no singleflight_test() names: a test that is not built is no test.
function(singleflight_all_registered folder)
  set(depends CONFIGURE_DEPENDS)
  if(CMAKE_SCRIPT_MODE_FILE)
    set(depends)
  endif()
  file(GLOB_RECURSE unregistered ${depends} ${folder}/*_test.cc)
  get_property(registered GLOBAL PROPERTY SINGLEFLIGHT_TEST_SOURCES)
  list(REMOVE_ITEM unregistered "" ${registered})
  if(unregistered)
    list(JOIN unregistered "\n  " unregistered)
    message(FATAL_ERROR "No singleflight_test() names\n  ${unregistered}")
  endif()
endfunction()
