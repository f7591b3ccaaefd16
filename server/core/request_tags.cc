#include "server/core/request_tags.h"

#include "server/core/plain_message.h"

namespace singleflight::core {

absl::optional<std::vector<std::string>> RequestTags(const Route& route,
                                                     const model::Request& request,
                                                     absl::string_view frame) {
  const std::vector<model::FieldTemplate>& templates = route.options.tags;
  if (templates.empty()) return std::vector<std::string>();
  std::string inflated;
  const absl::optional<absl::string_view> message =
      PlainMessage(request, frame, route.flights.max_request_bytes, &inflated);
  if (!message.has_value()) return absl::nullopt;
  model::Tagging done;
  return model::TagsOf(templates, *message, &done);
}

}  // namespace singleflight::core
