#include "server/core/changed_groups.h"

#include <string>
#include <utility>

#include "server/base/check.h"
#include "server/core/plain_message.h"

namespace singleflight::core {

void ChangedGroups::Read(absl::string_view frame) {
  std::string inflated;
  const absl::optional<absl::string_view> message =
      PlainMessage(*request_, frame, route_.flights.max_request_bytes, &inflated);
  if (!message.has_value()) return Widen(WideInvalidation::kUnreadable);
  model::Tagging done;
  const auto tags = model::TagsOf(route_.options.invalidates, *message, &done);
  switch (done) {
    case model::Tagging::kWhole:
      break;
    case model::Tagging::kUnreadable:
      return Widen(WideInvalidation::kUnreadable);
    case model::Tagging::kTooMany:
      return Widen(WideInvalidation::kManyTags);
    case model::Tagging::kUnknownField:
      return Widen(WideInvalidation::kUnknownField);
  }
  const cache::Origin origin = around_.OriginOf(route_, *request_);
  for (const std::string& tag : *tags) {
    scopes_.push_back(cache::GroupScope(origin.upstream, origin.authority, tag));
  }
}

void ChangedGroups::Widen(WideInvalidation why) {
  if (std::exchange(wide_, true)) return;
  metrics().wide_invalidations.Add(why);
  scopes_ = {cache::AnyGroupScope(around_.OriginOf(route_, *request_))};
}

void ChangedGroups::Drop() {
  SF_CHECK(known());
  if (!std::exchange(counted_, true) && !wide_) metrics().invalidations.Add(scopes_.size());
  around_.store.Purge(scopes_);
}

}  // namespace singleflight::core
