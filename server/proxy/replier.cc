#include "server/proxy/replier.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/http2/session.h"

namespace singleflight::proxy {
namespace {

model::Headers StatusTrailers(wire::StatusCode code, absl::string_view message) {
  model::Headers trailing;
  trailing.Add("grpc-status", absl::StrCat(static_cast<int>(code)));
  trailing.Add("grpc-message", wire::EncodeMessage(message));
  return trailing;
}

// Whether a block is far from what `client` says to take, as nearly always, so that nothing has to
// be counted.
bool IsSmall(model::HeadersView fields, const http2::Session& client) {
  constexpr size_t kMostMarks = 512;  // that they count for, as RFC 9113 §6.5.2 counts
  constexpr size_t kMostByPacked = 32 / sizeof(model::HeadersView::Lengths);
  return fields.packed().size() * kMostByPacked + kMostMarks <= client.peer_max_header_list();
}

bool Takes(const http2::Session& client, model::HeadersView fields,
           absl::Span<const model::Field> marks) {
  model::Headers block;
  for (const model::Field field : fields) block.Add(field);
  for (const model::Field& mark : marks) block.Add(mark);
  return client.PeerTakes(block);
}

}  // namespace

bool Replier::SendFirst(model::HeadersView fields, bool end, absl::Span<const model::Field> marks) {
  if (!IsSmall(fields, stream_.session()) && !Takes(stream_.session(), fields, marks)) return false;
  stream_.SendHeaders(fields, end, marks);
  return true;
}

bool Replier::SendReply(const model::Reply& reply, absl::Span<const model::Field> marks) {
  if (!TakesTrailers(reply.trailing) || !SendFirst(reply.initial, reply.trailers_only, marks)) {
    return false;
  }
  if (reply.trailers_only) return true;
  stream_.Send(reply.body_slice());
  stream_.Finish(reply.shared_trailing());
  return true;
}

bool Replier::TakesTrailers(model::HeadersView fields) const {
  return stream_.session().PeerTakes(fields);
}

void Replier::SendStatus(wire::StatusCode code, absl::string_view message, bool begun) {
  const auto block = begun ? StatusTrailers : model::StatusFields;
  model::Headers fields = block(code, message);
  if (!stream_.session().PeerTakes(fields)) fields = block(code, "");
  if (begun) {
    stream_.Finish(model::SharedHeaders(std::move(fields)));
  } else {
    stream_.SendHeaders(fields, true);
  }
}

std::string Replier::WhyNotTaken(absl::optional<wire::StatusCode> status) const {
  return absl::StrCat(
      "the reply has more metadata than the client takes (",
      stream_.session().peer_max_header_list(), " bytes)",
      status.has_value() ? absl::StrCat("; the backend's status was ", wire::NameOf(*status)) : "");
}

}  // namespace singleflight::proxy
