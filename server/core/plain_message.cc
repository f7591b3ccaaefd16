#include "server/core/plain_message.h"

#include "server/model/encoding.h"
#include "server/wire/encoding.h"
#include "server/wire/message.h"

namespace singleflight::core {
namespace {

// No format means Protobuf.
bool IsForProtobuf(const model::Request& request) {
  const absl::string_view suffix = request.content_suffix();
  return suffix.empty() || suffix == "+proto";
}

}  // namespace

absl::optional<absl::string_view> PlainMessage(const model::Request& request,
                                               absl::string_view frame, size_t max_bytes,
                                               std::string* storage) {
  if (!IsForProtobuf(request) || frame.size() < wire::kMessagePrefixBytes) return absl::nullopt;
  if (!model::IsCompressed(frame)) return frame.substr(wire::kMessagePrefixBytes);
  const absl::optional<wire::Encoding> encoding =
      wire::ParseEncoding(model::EncodingOf(request.fields()));
  if (!encoding.has_value() ||
      wire::InflateFrame(*encoding, frame, max_bytes, storage) != wire::Inflated::kWhole) {
    return absl::nullopt;
  }
  return absl::string_view(*storage).substr(wire::kMessagePrefixBytes);
}

}  // namespace singleflight::core
