// Which fields gRPC is given, and which it makes itself.

#include "server/stub/metadata.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/character_set.h"
#include "server/model/binary_fields.h"
#include "server/model/request.h"
#include "server/wire/encoding.h"
#include "server/wire/status.h"

namespace singleflight::stub {
namespace {

// gRPC ends the process where it is asked to send others.
constexpr base::CharacterSet kInName([](uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
});
constexpr base::CharacterSet kInValue([](uint8_t c) { return c >= 0x20 && c <= 0x7e; });

// Fields that gRPC makes itself, of what it is told otherwise or of its own. Of some it knows how
// to read them and not how to write them, and ends the process where it has to.
bool IsGrpcsOwn(absl::string_view name) {
  return absl::StartsWith(name, ":") || name == "te" || name == "content-type" ||
         name == "user-agent" || name == "grpc-timeout" || name == wire::kGrpcEncoding ||
         name == wire::kGrpcAcceptEncoding || name == "grpc-internal-encoding-request" ||
         name == "grpclb_client_stats" || name == "grpc-status" || name == "grpc-message";
}

std::string Cannot(const model::Field& field, absl::string_view why) {
  return absl::StrCat("the metadata \"", absl::CEscape(field.name), "\" ", why,
                      ", which gRPC does not send (transport: grpc)");
}

absl::optional<std::string> Put(const model::Field& field, grpc::ClientContext& context) {
  const std::string name(field.name);
  if (!kInName.HasAllOf(field.name)) return Cannot(field, "has characters in its name");
  if (model::IsBinary(field.name)) {
    std::string value;
    if (!absl::Base64Unescape(field.value, &value)) return Cannot(field, "is no base64");
    context.AddMetadata(name, value);
    return absl::nullopt;
  }
  if (!kInValue.HasAllOf(field.value)) return Cannot(field, "has characters in its value");
  context.AddMetadata(name, std::string(field.value));
  return absl::nullopt;
}

// Messages that are compressed go on as they are, so gRPC has to know how they are.
absl::optional<std::string> PutEncoding(const model::Headers& fields,
                                        grpc::ClientContext& context) {
  const absl::string_view name = fields.Find(wire::kGrpcEncoding).value_or(wire::kIdentity);
  if (name == wire::kIdentity) return absl::nullopt;
  const absl::optional<wire::Encoding> encoding = wire::ParseEncoding(name);
  if (!encoding.has_value()) {
    return absl::StrCat("its messages are encoded by \"", absl::CEscape(name),
                        "\"; transport: grpc takes gzip and deflate");
  }
  context.set_compression_algorithm(*encoding == wire::Encoding::kGzip ? GRPC_COMPRESS_GZIP
                                                                       : GRPC_COMPRESS_DEFLATE);
  return absl::nullopt;
}

absl::string_view ViewOf(grpc::string_ref text) { return {text.data(), text.size()}; }

// Unpadded, as gRPC sends it.
std::string Base64(absl::string_view bytes) {
  std::string text = absl::Base64Escape(bytes);
  while (!text.empty() && text.back() == '=') text.pop_back();
  return text;
}

void Add(const Received& fields, model::Headers& block) {
  for (const auto& [name, value] : fields) {
    if (model::IsBinary(ViewOf(name))) {
      block.Add(ViewOf(name), Base64(ViewOf(value)));
    } else {
      block.Add(ViewOf(name), ViewOf(value));
    }
  }
}

}  // namespace

absl::optional<std::string> PutMetadata(const core::UpstreamHead& head,
                                        absl::string_view traceparent,
                                        grpc::ClientContext& context) {
  const model::Headers fields = model::UpstreamFields(
      *head.request,
      {head.authority, absl::nullopt, head.chain_hop, "http", traceparent, head.previous_attempts});
  for (const model::Field field : fields) {
    if (IsGrpcsOwn(field.name)) continue;
    if (absl::optional<std::string> cannot = Put(field, context)) return cannot;
  }
  return PutEncoding(head.request->fields(), context);
}

model::Headers InitialBlock(const Received& fields) {
  model::Headers block;
  block.Add(":status", "200");
  block.Add("content-type", "application/grpc");
  Add(fields, block);
  return block;
}

void AddTrailing(const grpc::Status& status, const Received& fields, model::Headers& block) {
  block.Add("grpc-status", absl::StrCat(static_cast<int>(status.error_code())));
  if (!status.error_message().empty()) {
    block.Add("grpc-message", wire::EncodeMessage(status.error_message()));
  }
  Add(fields, block);
}

}  // namespace singleflight::stub
