// Why a reply is not kept. Its callers get it all the same.

#ifndef SINGLEFLIGHT_SERVER_CACHE_REFUSAL_H_
#define SINGLEFLIGHT_SERVER_CACHE_REFUSAL_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::cache {

// Nobody tries again: the next reply is judged by itself.
enum class Refusal : uint8_t {
  kStatus,       // it is not OK nor has a negative ttl, says several, or is not of HTTP status 200
  kNotWhole,     // its body is not exactly one message, or is compressed and nothing says how
  kVary,         // it depends on metadata that the key leaves out, or its vary is malformed
  kNoStore,      // its cache-control forbids it, or is malformed, or contradicts itself
  kPrivate,      // it is meant for one caller: cache-control: private, set-cookie
  kStale,        // it was as old as it may get when it came, or its age is malformed
  kGroups,       // its cache-groups are malformed, or more than can be remembered
  kTags,         // its request gives no tags: it cannot be read, or there are more than may be
  kTooLarge,     // larger than cache.max_entry_bytes
  kPurged,       // what it answers was purged while it was in the air
  kSuperseded,   // the reply to a later call is kept
  kNotAdmitted,  // it would have to push out entries that are worth more
};

constexpr absl::string_view NameOf(Refusal why) {
  switch (why) {
    case Refusal::kStatus:
      return "status";
    case Refusal::kNotWhole:
      return "not_whole";
    case Refusal::kVary:
      return "vary";
    case Refusal::kNoStore:
      return "no_store";
    case Refusal::kPrivate:
      return "private";
    case Refusal::kStale:
      return "stale";
    case Refusal::kGroups:
      return "groups";
    case Refusal::kTags:
      return "tags";
    case Refusal::kTooLarge:
      return "too_large";
    case Refusal::kPurged:
      return "purged";
    case Refusal::kSuperseded:
      return "superseded";
    case Refusal::kNotAdmitted:
      return "not_admitted";
  }
  return "";
}

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_REFUSAL_H_
