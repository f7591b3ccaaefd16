#ifndef SINGLEFLIGHT_TESTS_TESTING_GRPC_CALLBACKS_H_
#define SINGLEFLIGHT_TESTS_TESTING_GRPC_CALLBACKS_H_

namespace singleflight::testing {

// Keeps the threads of gRPC's callback API for as long as the program runs. gRPC 1.51 ends them
// with the last channel or server that uses them, and now and then aborts in doing so
// ("ref_counted.h: assertion failed: prior > 0"). For whoever makes such channels or servers.
void KeepGrpcCallbacks();

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_GRPC_CALLBACKS_H_
