#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_BODY_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_BODY_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace singleflight::bench {

// A message as gRPC frames it: uncompressed, length, bytes.
std::string Framed(absl::string_view message);

// The message that client and responder both know: byte i is i * 31 + 7.
std::string Pattern(size_t size);

inline constexpr uint64_t kEndless = UINT64_MAX;

// One framed message, said `count` times over, and how far it has been sent or seen. Holds no
// bytes: `framed` outlives it and is not empty.
class Body {
 public:
  Body() = default;
  Body(absl::string_view framed, uint64_t count)
      : framed_(framed), left_(count == kEndless ? kEndless : count * framed.size()) {}

  uint64_t left() const { return left_; }
  size_t message_bytes() const { return framed_.size(); }  // framed

  // How many whole messages have passed.
  uint64_t messages() const { return messages_; }
  bool BetweenMessages() const { return at_ == 0; }

  // No message after the one that has begun, if one has.
  void EndWithThisMessage() { left_ = at_ == 0 ? 0 : framed_.size() - at_; }

  // What comes next, as far as it is in one piece and at most `max` bytes.
  absl::string_view Front(size_t max) const;
  void Skip(size_t size);  // at most what Front() gave

  // Skips `bytes` if they are what comes next.
  bool Take(absl::string_view bytes);

 private:
  absl::string_view framed_;
  size_t at_ = 0;  // within `framed_`
  uint64_t left_ = 0;
  uint64_t messages_ = 0;
};

// How many messages a stream carries, told from its frames' prefixes alone.
class MessageCounter {
 public:
  void Add(absl::string_view bytes);
  uint64_t count() const { return count_; }

 private:
  uint64_t count_ = 0;
  uint32_t message_left_ = 0;
  uint32_t length_ = 0;
  int prefix_seen_ = 0;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_BODY_H_
