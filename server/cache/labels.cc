#include "server/cache/labels.h"

#include "server/cache/groups.h"

namespace singleflight::cache {

absl::optional<Labels> LabelsOf(const model::Reply& reply, const Origin& origin,
                                absl::Span<const std::string> tags) {
  auto groups = ParseGroups(reply.initial, reply.trailing, kCacheGroups);
  if (!groups.has_value()) return absl::nullopt;
  groups->insert(groups->end(), tags.begin(), tags.end());
  if (groups->size() > kMostGroups) return absl::nullopt;
  Labels labels{MethodScope(origin.path), {}};
  for (const std::string& group : *groups) {
    labels.groups.push_back(GroupScope(origin.upstream, origin.authority, group));
  }
  if (!labels.groups.empty()) labels.groups.push_back(AnyGroupScope(origin));
  return labels;
}

}  // namespace singleflight::cache
