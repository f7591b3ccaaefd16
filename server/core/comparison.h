// What came of comparing the reply that a caller got, or would have got, without an upstream call
// of its own with the reply that upstream sends it. And what calls in shadow would have been.

#ifndef SINGLEFLIGHT_SERVER_CORE_COMPARISON_H_
#define SINGLEFLIGHT_SERVER_CORE_COMPARISON_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

// Why a caller needs no upstream call of its own.
enum class SharedBy : uint8_t {
  kHit,
  kFollower,
};

constexpr absl::string_view NameOf(SharedBy by) {
  switch (by) {
    case SharedBy::kHit:
      return "hit";
    case SharedBy::kFollower:
      return "follower";
  }
  return "";
}

enum class Comparison : uint8_t {
  kSame,
  kDiffers,      // under verify: in each of the calls of a trial (Check)
  kChanged,      // the leader, asked again, gets the other reply too: what upstream has is newer
  kUnsteady,     // the same request gets now this and now that, so nothing is known of the key
  kUnexplained,  // they differ, and what the leader asked is not known any more
  kUnshared,     // one of the two is a reply that is not shared
  kFailed,       // one of the two did not come, or says nothing but that upstream has trouble
};

constexpr absl::string_view NameOf(Comparison outcome) {
  switch (outcome) {
    case Comparison::kSame:
      return "same";
    case Comparison::kDiffers:
      return "differs";
    case Comparison::kChanged:
      return "changed";
    case Comparison::kUnsteady:
      return "unsteady";
    case Comparison::kUnexplained:
      return "unexplained";
    case Comparison::kUnshared:
      return "unshared";
    case Comparison::kFailed:
      return "failed";
  }
  return "";
}

// Why a caller that the lot fell on was not checked.
enum class CheckRefusal : uint8_t {
  kInTheAir,  // as many checks of its upstream were under way as may be
  kRefresh,   // its request went upstream already, to refresh what is kept
};

constexpr absl::string_view NameOf(CheckRefusal why) {
  switch (why) {
    case CheckRefusal::kInTheAir:
      return "in_the_air";
    case CheckRefusal::kRefresh:
      return "refresh";
  }
  return "";
}

// What a call of a route with `mode: shadow` would have been without it.
enum class WouldBe : uint8_t {
  kHit,
  kFollower,
  kLeader,
  kAlone,  // it cannot be shared, or does not want to be
};

constexpr absl::string_view NameOf(WouldBe role) {
  switch (role) {
    case WouldBe::kHit:
      return "hit";
    case WouldBe::kFollower:
      return "follower";
    case WouldBe::kLeader:
      return "leader";
    case WouldBe::kAlone:
      return "alone";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_COMPARISON_H_
