#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_WORK_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_WORK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/bench/programs/body.h"
#include "tests/bench/programs/event_loop.h"
#include "tests/bench/programs/made_call.h"

namespace singleflight::bench {

// Requests of one length that begin with their key. One: the key is `key`; more: `key`-0,
// `key`-1 and so on.
class Requests {
 public:
  Requests(absl::string_view key, uint32_t message_bytes, uint64_t count);

  uint64_t count() const { return framed_.size(); }
  Body At(uint64_t i) const { return Body(framed_[i % framed_.size()], 1); }

  // The longest key that so many requests have.
  static uint64_t KeyBytes(absl::string_view key, uint64_t count);

 private:
  std::vector<std::string> framed_;
};

// What a mode has to do. Counts and times of 0 are without limit, or not asked for.
struct Work {
  MadeCall Call(uint64_t i, Nanos begun) const {
    const Body request = requests.At(i);
    return MadeCall(MadeCall::Kind::kUnary, request, echo ? request : Body(reply, 1), begun);
  }

  Requests requests;
  std::string reply;  // framed
  bool echo = false;  // the reply is the request
  uint64_t calls = 0;
  uint64_t warmup = 0;
  Nanos duration = 0;
  double rate = 0;  // calls a second
  Nanos deadline = 0;
  uint64_t messages = 0;
  std::string stream_message;  // framed
  bool upload = false;
  bool waiting = false;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_WORK_H_
