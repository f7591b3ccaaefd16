#include "server/model/reply.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/model/encoding.h"

namespace singleflight::model {
namespace {

constexpr absl::string_view kPushback = "grpc-retry-pushback-ms";

}  // namespace

Headers Without(HeadersView fields, absl::string_view name) {
  Headers out;
  for (const Field field : fields) {
    if (field.name != name) out.Add(field);
  }
  return out;
}

absl::optional<wire::StatusCode> Reply::status() const {
  const HeadersView block = trailers_only ? initial : trailing;
  const absl::optional<absl::string_view> value = block.Find("grpc-status");
  if (!value.has_value()) return absl::nullopt;
  return wire::ParseStatus(*value);
}

bool Reply::SaysStatus(wire::StatusCode code) const {
  for (const HeadersView block : {initial, trailing}) {
    for (const Field field : block) {
      if (field.name == "grpc-status" && wire::ParseStatus(field.value) == code) return true;
    }
  }
  return false;
}

bool Reply::Has(absl::string_view name) const {
  return initial.Find(name).has_value() || trailing.Find(name).has_value();
}

Reply MakeReply(ReplyParts parts) {
  const auto owner = std::make_shared<const ReplyParts>(std::move(parts));
  const bool encoded = EncodingOf(owner->initial) != wire::kIdentity;
  return {owner->initial, owner->body, owner->trailing, owner->trailers_only, encoded, owner};
}

Headers StatusFields(wire::StatusCode code, absl::string_view message) {
  Headers fields;
  fields.Add(":status", "200");
  fields.Add("content-type", "application/grpc");
  fields.Add("grpc-status", absl::StrCat(static_cast<int>(code)));
  fields.Add("grpc-message", wire::EncodeMessage(message));
  return fields;
}

Reply MakeStatusReply(wire::StatusCode code, absl::string_view message) {
  ReplyParts parts;
  parts.initial = StatusFields(code, message);
  parts.trailers_only = true;
  return MakeReply(std::move(parts));
}

Reply FollowerCopy(const Reply& reply) { return WithoutField(reply, kPushback); }

Reply WithoutField(const Reply& reply, absl::string_view name) {
  if (!reply.Has(name)) return reply;
  ReplyParts parts;
  parts.initial = Without(reply.initial, name);
  parts.trailing = Without(reply.trailing, name);
  parts.trailers_only = reply.trailers_only;
  parts.attachment = reply.owner;  // has the body
  Reply copy = MakeReply(std::move(parts));
  copy.body = reply.body;
  copy.made_by = reply.made_by;
  return copy;
}

}  // namespace singleflight::model
