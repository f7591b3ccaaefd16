// Why callers got a reply whose time was over.

#ifndef SINGLEFLIGHT_SERVER_CORE_STALE_USE_H_
#define SINGLEFLIGHT_SERVER_CORE_STALE_USE_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

enum class StaleUse : uint8_t {
  kWhileRevalidate,  // a new one is being fetched, or was a moment ago in vain
  kIfError,          // their flight failed
  kMaxStale,         // they asked for it: max-stale in their request
};

constexpr absl::string_view NameOf(StaleUse why) {
  switch (why) {
    case StaleUse::kWhileRevalidate:
      return "while_revalidate";
    case StaleUse::kIfError:
      return "if_error";
    case StaleUse::kMaxStale:
      return "max_stale";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_STALE_USE_H_
