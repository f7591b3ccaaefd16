// What a purge may know an entry by besides its key: its method and its groups.

#ifndef SINGLEFLIGHT_SERVER_CACHE_LABELS_H_
#define SINGLEFLIGHT_SERVER_CACHE_LABELS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "server/cache/scope.h"
#include "server/model/reply.h"

namespace singleflight::cache {

struct Labels {
  Scope method;
  std::vector<Scope> groups;  // if it is in any, AnyGroupScope is one of them
};

// A reply with more groups is not kept.
inline constexpr size_t kMostGroups = 128;

// The `cache-groups` of a reply, and `tags` that its request gives it. Nothing: the former are
// malformed, or both are more than kMostGroups. A purge of one of them could then miss the entry.
absl::optional<Labels> LabelsOf(const model::Reply& reply, const Origin& origin,
                                absl::Span<const std::string> tags = {});

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_LABELS_H_
