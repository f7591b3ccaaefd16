#include "server/model/reply.h"

#include "absl/strings/str_cat.h"

namespace singleflight::model {
namespace {

constexpr absl::string_view kPushback = "grpc-retry-pushback-ms";

Headers Without(const Headers& fields, absl::string_view name) {
  Headers out;
  for (const Headers::Field field : fields) {
    if (field.name != name) out.Add(field.name, field.value, field.never_index);
  }
  return out;
}

}  // namespace

absl::optional<wire::StatusCode> Reply::status() const {
  const Headers& block = trailers_only ? initial : trailing;
  const absl::optional<absl::string_view> value = block.Find("grpc-status");
  if (!value.has_value()) return absl::nullopt;
  return wire::ParseStatus(*value);
}

bool Reply::Has(absl::string_view name) const {
  return initial.Find(name).has_value() || trailing.Find(name).has_value();
}

size_t Reply::Footprint() const {
  return sizeof(*this) + initial.Footprint() + body.size() + trailing.Footprint();
}

Headers StatusFields(wire::StatusCode code, absl::string_view message) {
  Headers fields;
  fields.Add(":status", "200");
  fields.Add("content-type", "application/grpc");
  fields.Add("grpc-status", absl::StrCat(static_cast<int>(code)));
  fields.Add("grpc-message", wire::EncodeMessage(message));
  return fields;
}

std::shared_ptr<const Reply> MakeStatusReply(wire::StatusCode code, absl::string_view message) {
  auto reply = std::make_shared<Reply>();
  reply->initial = StatusFields(code, message);
  reply->trailers_only = true;
  return reply;
}

std::shared_ptr<const Reply> FollowerCopy(const std::shared_ptr<const Reply>& reply) {
  if (!reply->Has(kPushback)) return nullptr;
  auto copy = std::make_shared<Reply>(*reply);
  copy->initial = Without(reply->initial, kPushback);
  copy->trailing = Without(reply->trailing, kPushback);
  return copy;
}

}  // namespace singleflight::model
