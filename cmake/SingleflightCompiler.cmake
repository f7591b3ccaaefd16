# How everything here is compiled: warnings are errors, ccache where it is installed, sanitizers on request.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Relative paths, so that any other clone of this project finds what was compiled; and precompiled headers, which
  # ccache takes only where it is told that macros and times of theirs do not matter.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
                                  CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_ctime,include_file_mtime
                                  ${CCACHE_PROGRAM})
endif()

add_compile_options(-Wall -Wextra -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  # They see overlaps and bounds in std::string that are none (GCC PR 105651, 105329).
  add_compile_options(-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_UNITY_BUILD)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)  # takes files that are compiled as one for headers
endif()
if(CMAKE_BUILD_TYPE STREQUAL Release)
  add_compile_options(-fno-plt)  # Calls into libraries go straight there: one jump less for each, dozens in a hit.
endif()
if(CMAKE_BUILD_TYPE STREQUAL Release AND SINGLEFLIGHT_SANITIZE STREQUAL "")
  # Tables of addresses are filled before main, which -fno-plt means anyway, and cannot be written afterwards.
  # tests/deploy/hardening_test.py reads it out of the programs.
  add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_compile_options(-Wthread-safety)
endif()

if(NOT SINGLEFLIGHT_SANITIZE STREQUAL "" AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # What sanitizers add makes GCC see members of std::optional and std::function that nobody has set.
  add_compile_options(-Wno-maybe-uninitialized)
endif()
if(SINGLEFLIGHT_SANITIZE STREQUAL "address")
  # Not vptr: it asks by a pipe whether memory can be read, so that an object is none where descriptors have run out.
  # Not null, object-size and pointer-overflow: they make a fifth of the compiler's work at every access, and
  # AddressSanitizer sees the access itself.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr,null,object-size,pointer-overflow
                      -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=address,undefined)
elseif(SINGLEFLIGHT_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -g1)
  add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)  # ThreadSanitizer knows no fences; Asio's locks order the same
  add_link_options(-fsanitize=thread)
elseif(NOT SINGLEFLIGHT_SANITIZE STREQUAL "")
  message(FATAL_ERROR "SINGLEFLIGHT_SANITIZE=${SINGLEFLIGHT_SANITIZE}: use address or thread")
endif()

if(SINGLEFLIGHT_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "SINGLEFLIGHT_FUZZ needs clang, for libFuzzer: cmake --preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
