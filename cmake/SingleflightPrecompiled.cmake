# singleflight_precompiled(TARGET SET): TARGET's files begin with the headers of SET, compiled once for all of them.
# SET is server or tests. A file still includes what it uses: the preset clang goes without this and shows what is
# missing (SINGLEFLIGHT_PRECOMPILE).
option(SINGLEFLIGHT_PRECOMPILE "compile the headers that most files share once" ON)

# One set of flags for all, because GCC takes precompiled headers only where every flag is the same.
add_compile_options(-pthread)
add_compile_definitions(BOOST_ALL_NO_LIB)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND SINGLEFLIGHT_PRECOMPILE)
  add_compile_options(-fpch-preprocess)  # for ccache
elseif(CMAKE_CXX_COMPILER_ID MATCHES Clang AND SINGLEFLIGHT_PRECOMPILE)
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")  # likewise: one from the cache is younger than its headers
endif()

set(singleflight_headers_server
  <algorithm> <array> <atomic> <chrono> <deque> <functional> <map> <memory> <string> <thread> <utility> <vector>
  <boost/asio/executor_work_guard.hpp> <boost/asio/generic/stream_protocol.hpp> <boost/asio/io_context.hpp>
  <boost/asio/ip/tcp.hpp> <boost/asio/post.hpp> <boost/asio/steady_timer.hpp>
  <absl/container/flat_hash_map.h> <absl/container/inlined_vector.h> <absl/functional/any_invocable.h>
  <absl/status/statusor.h> <absl/strings/ascii.h> <absl/strings/match.h> <absl/strings/numbers.h>
  <absl/strings/str_cat.h> <absl/strings/str_join.h> <absl/strings/str_split.h> <absl/strings/strip.h>
  <absl/time/time.h> <absl/types/optional.h> <absl/types/span.h> <absl/types/variant.h>)
set(singleflight_headers_tests ${singleflight_headers_server} <gmock/gmock.h> <gtest/gtest.h>)

function(singleflight_precompiled target set)
  if(NOT SINGLEFLIGHT_PRECOMPILE)
    return()
  endif()
  if(NOT TARGET sf_precompiled_${set})
    set(empty ${PROJECT_BINARY_DIR}/precompiled/${set}.cc)
    file(GENERATE OUTPUT ${empty} CONTENT "")
    add_library(sf_precompiled_${set} OBJECT ${empty})
    target_precompile_headers(sf_precompiled_${set} PRIVATE ${singleflight_headers_${set}})
    if(set STREQUAL tests)
      target_link_libraries(sf_precompiled_tests PRIVATE GTest::gmock)
    endif()
  endif()
  target_precompile_headers(${target} REUSE_FROM sf_precompiled_${set})
endfunction()
