// Was the latest message of a call compressed? gRPC tells that to its own interoperability tests
// only, by these two classes, which are friends of its contexts.

#ifndef SINGLEFLIGHT_TESTS_INTEROP_CPP_MESSAGE_FLAGS_H_
#define SINGLEFLIGHT_TESTS_INTEROP_CPP_MESSAGE_FLAGS_H_

#include <grpcpp/grpcpp.h>

// Exported by the library, declared in none of the headers that are installed with it.
uint32_t grpc_call_test_only_get_message_flags(grpc_call* call);

namespace grpc::testing {

// Flags of a message that gRPC has decompressed: as it came, and that it was not plain.
inline constexpr uint32_t kCompressed = 0x80000000u | 0x40000000u;

class InteropServerContextInspector {
 public:
  static bool Compressed(const ServerContextBase& context) {
    return (grpc_call_test_only_get_message_flags(context.call_.call) & kCompressed) != 0;
  }
};

class InteropClientContextInspector {
 public:
  static bool Compressed(const ClientContext& context) {
    return (grpc_call_test_only_get_message_flags(context.call_) & kCompressed) != 0;
  }
};

}  // namespace grpc::testing

#endif  // SINGLEFLIGHT_TESTS_INTEROP_CPP_MESSAGE_FLAGS_H_
