#include "server/model/encoding.h"

namespace singleflight::model {

absl::string_view EncodingOf(HeadersView block) {
  absl::optional<absl::string_view> encoding;
  for (const Field field : block) {
    if (field.name != wire::kGrpcEncoding) continue;
    if (encoding.has_value() && *encoding != field.value) return "";
    encoding = field.value;
  }
  return encoding.value_or(wire::kIdentity);
}

bool Accepts(HeadersView request, absl::string_view encoding) {
  if (encoding == wire::kIdentity) return true;
  for (const Field field : request) {
    if (field.name == wire::kGrpcAcceptEncoding && wire::Lists(field.value, encoding)) return true;
  }
  return false;
}

}  // namespace singleflight::model
