// Reads the metadata of replies that names groups of entries (RFC 9875).

#ifndef SINGLEFLIGHT_SERVER_CACHE_GROUPS_H_
#define SINGLEFLIGHT_SERVER_CACHE_GROUPS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/model/headers.h"

namespace singleflight::cache {

inline constexpr absl::string_view kCacheGroups = "cache-groups";
inline constexpr absl::string_view kCacheGroupInvalidation = "cache-group-invalidation";

// The groups that the fields called `name` list in either block: structured lists of strings (RFC
// 9651 §3.1, §3.3.3); parameters are skipped. Empty: there are none. Nothing: a field is malformed.
absl::optional<std::vector<std::string>> ParseGroups(model::HeadersView initial,
                                                     model::HeadersView trailing,
                                                     absl::string_view name);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_GROUPS_H_
