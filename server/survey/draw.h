// Draws calls at random: every call of the first 1,024, so that little traffic is counted whole,
// and one of 128 after that. A call that is not drawn costs one decrement. By the dice and not by
// counting, since traffic has rhythms of its own.
//
// Threads: one.

#ifndef SINGLEFLIGHT_SERVER_SURVEY_DRAW_H_
#define SINGLEFLIGHT_SERVER_SURVEY_DRAW_H_

#include <cstdint>

namespace singleflight::survey {

class Draw {
 public:
  static constexpr uint32_t kWhole = 1024;
  static constexpr uint32_t kOneOf = 128;

  explicit Draw(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}

  // Whether the next call is drawn. Then Weight comes before the next.
  bool Takes() { return --left_ == 0; }

  // How many calls the one that was drawn stands for.
  uint32_t Weight();

 private:
  uint32_t left_ = 1;
  uint32_t taken_ = 0;  // until they are kWhole
  uint64_t state_;
};

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_DRAW_H_
