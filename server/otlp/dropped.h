// Why a span does not reach the collector.

#ifndef SINGLEFLIGHT_SERVER_OTLP_DROPPED_H_
#define SINGLEFLIGHT_SERVER_OTLP_DROPPED_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::otlp {

enum class Dropped : uint8_t {
  kQueueFull,    // as many wait as may: the collector is slower than spans come
  kUnreachable,  // the collector did not answer within tracing.timeout, or is not there
  kRefused,      // the collector said that it does not take it
  kEnd,          // the process ended before it was sent
};

constexpr absl::string_view NameOf(Dropped why) {
  switch (why) {
    case Dropped::kQueueFull:
      return "queue_full";
    case Dropped::kUnreachable:
      return "unreachable";
    case Dropped::kRefused:
      return "refused";
    case Dropped::kEnd:
      return "end";
  }
  return "";
}

}  // namespace singleflight::otlp

#endif  // SINGLEFLIGHT_SERVER_OTLP_DROPPED_H_
