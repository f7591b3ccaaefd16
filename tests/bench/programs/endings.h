// How bench-responder's unary calls end on a bad day.

#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_ENDINGS_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_ENDINGS_H_

#include <cstdint>
#include <random>

namespace singleflight::bench {

enum class Ending {
  kAnswer,               // as it should be
  kUnavailable,          // a status alone: UNAVAILABLE
  kUnavailableAtTheEnd,  // UNAVAILABLE behind a whole message
  kRefused,              // RST_STREAM with REFUSED_STREAM, and nothing else
  kResetAtOnce,          // RST_STREAM with INTERNAL_ERROR, and nothing else
  kResetAfterHeaders,    // the same behind the headers,
  kResetInBody,          // in the middle of the message,
  kResetBeforeTrailers,  // and behind the whole message
  kSilence,              // none: it is open until the caller leaves
};

// Draws what becomes of each call. The same seed draws the same sequence.
class Endings {
 public:
  // So many in a hundred calls are slow, and so many end badly, each kind of bad equally often.
  struct Shares {
    double slow = 0;
    double bad = 0;
  };

  Endings(uint64_t seed, Shares shares) : dice_(seed), shares_(shares) {}

  bool DrawSlow() { return shares_.slow > 0 && Draw() < shares_.slow; }
  Ending DrawEnding();

 private:
  double Draw() { return static_cast<double>(dice_() % 1'000'000) / 10'000; }

  std::mt19937_64 dice_;
  const Shares shares_;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_ENDINGS_H_
