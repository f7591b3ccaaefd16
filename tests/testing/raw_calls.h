#ifndef SINGLEFLIGHT_TESTS_TESTING_RAW_CALLS_H_
#define SINGLEFLIGHT_TESTS_TESTING_RAW_CALLS_H_

#include <string>
#include <utility>

#include "tests/testing/raw_peer.h"

namespace singleflight::testing {

// The header block of a gRPC call as a raw client sends it.
inline Fields UpstreamHead(const std::string& path, const Fields& more = {}) {
  Fields head = {{":method", "POST"}, {":scheme", "http"},
                 {":path", path},     {":authority", "proxy.example"},
                 {"te", "trailers"},  {"content-type", "application/grpc"}};
  head.insert(head.end(), more.begin(), more.end());
  return head;
}

// A unary call.
inline RawMessage RawCall(const std::string& path, const std::string& message,
                          const Fields& more = {}) {
  return {UpstreamHead(path, more), {Framed(message)}};
}

// An OK reply.
inline RawMessage RawReply(const std::string& message) {
  return {{{":status", "200"}, {"content-type", "application/grpc"}},
          {Framed(message)},
          {{"grpc-status", "0"}}};
}

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_RAW_CALLS_H_
