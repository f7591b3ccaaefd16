// Why a call was refused that asked for a slot of its upstream (concurrency.h).

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_OVERLOAD_REFUSAL_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_OVERLOAD_REFUSAL_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::upstream {

enum class OverloadRefusal : uint8_t {
  kNoTime,   // as many wait as will be served within max_wait, and it is among the least wanted
  kMaxWait,  // it has waited for so long
};

constexpr absl::string_view NameOf(OverloadRefusal why) {
  switch (why) {
    case OverloadRefusal::kNoTime:
      return "no_time";
    case OverloadRefusal::kMaxWait:
      return "max_wait";
  }
  return "";
}

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_OVERLOAD_REFUSAL_H_
