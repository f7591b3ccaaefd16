// What a purge may know an entry by besides its key: its method and its groups.

#ifndef SINGLEFLIGHT_SERVER_CACHE_LABELS_H_
#define SINGLEFLIGHT_SERVER_CACHE_LABELS_H_

#include <cstddef>
#include <vector>

#include "absl/types/optional.h"
#include "server/cache/scope.h"
#include "server/model/reply.h"

namespace singleflight::cache {

struct Labels {
  Scope method;
  std::vector<Scope> groups;
};

// A reply with more groups is not kept.
inline constexpr size_t kMostGroups = 128;

// Reads the `cache-groups` of a reply. Nothing: they are malformed, or more than kMostGroups. A
// purge of one of them could then miss the entry.
absl::optional<Labels> LabelsOf(const model::Reply& reply, const Origin& origin);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_LABELS_H_
