#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_CLIENT_FLAGS_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_CLIENT_FLAGS_H_

#include "absl/status/statusor.h"
#include "tests/bench/programs/client.h"
#include "tests/bench/programs/modes.h"
#include "tests/bench/programs/work.h"

namespace singleflight::bench {

// What a command line of bench-client asks for.
struct Order {
  Report (*run)(Client&, const Work&);
  ClientOptions client;
  Work work;
  bool json = false;
};

// From the flags, which have been parsed. A flag that the mode would ignore is an error.
absl::StatusOr<Order> OrderFromFlags();

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_CLIENT_FLAGS_H_
