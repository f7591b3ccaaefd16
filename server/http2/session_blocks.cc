// What becomes of the header blocks and bodies that a session receives.
//
// A block begins (BeginBlock), takes fields (Callbacks::OnHeader) and ends (BlockEnded). The first
// of a stream is its headers, unless it is an informational reply, which is dropped; the second is
// its trailers. What is wrong with a block or a body is answered here:
//   malformed            RefuseMalformed  PROTOCOL_ERROR; the handler hears of it when it is closed
//   a large request      RefuseRequest    RESOURCE_EXHAUSTED; the handler hears of the end only
//   a request's large    RefuseRequest    the handler answers
//   trailers
//   a large reply        RefuseReply      CANCEL to the peer; the handler hears the reply's status,
//                                         and the fields up to the bound
//   an endless request   EndEndless       the connection ends as flooded
//   an endless reply     EndEndless       the call ends as for a large one, and the connection with
//                                         it: its other calls may be sent again
// A request's body has to be as long as its content-length says. nghttp2 sees to replies.

#include <nghttp2/nghttp2.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/http2/session.h"
#include "server/model/reply.h"

namespace singleflight::http2 {
namespace {

constexpr absl::string_view kTooShort = "a body shorter than content-length says";

// As nghttp2 has looked at the beginning of both.
bool Valid(const model::Field& field) {
  const auto bytes = [](absl::string_view text) {
    return reinterpret_cast<const uint8_t*>(text.data());
  };
  return nghttp2_check_header_name(bytes(field.name), field.name.size()) != 0 &&
         nghttp2_check_header_value(bytes(field.value), field.value.size()) != 0;
}

bool Informational(const model::Headers& fields) {
  return absl::StartsWith(fields.Find(":status").value_or(""), "1");
}

}  // namespace

// `begins`: it is the first of a request. Requests behind this side's GOAWAY get no stream.
void Session::BeginBlock(int32_t id, Stream* stream, bool begins) {
  const bool adopted = begins && !opening_.refused;
  if (adopted) stream = &Adopt(id);
  block_.Begin(id, stream, !begins);
  if (adopted) events_.OnStream(*stream);
}

// Puts what nghttp2 was not told into `field`; false: nghttp2 would not have taken it.
bool Session::Restore(const LongField& whole, model::Field* field) {
  if (whole.name.has_value()) field->name = *whole.name;
  if (whole.value.has_value()) field->value = *whole.value;
  if (side_ == Side::kClient && !Valid(*field)) return false;
  block_.CountLost(whole.left_out);
  return true;
}

// Calls that the connection takes with it may be sent again; the one whose block it is may not.
void Session::EndEndless() {
  if (!ending_.why.empty() || ending_.for_flood) return;
  if (side_ == Side::kServer) return EndFlood(Bound::kEndlessHeaders);
  ending_.why =
      absl::StrCat("a header block has more than ", guard_.limits().block_bytes, " bytes");
  ending_.by_own_bound = true;
  const bool announced = guard_.OnBlockBytes(long_fields_.announced()).has_value();
  const auto found = streams_.find(announced ? long_fields_.block_stream() : block_.id());
  if (found != streams_.end()) RefuseReply(*found->second, false);
  Terminate(ErrorCode::kEnhanceYourCalm);
}

uint32_t Session::peer_max_header_list() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
}

bool Session::PeerTakes(model::HeadersView fields) const {
  constexpr size_t kBytesOfAField = 32;
  const size_t most = peer_max_header_list();
  const size_t packed = fields.packed().size();
  if (packed * kBytesOfAField / sizeof(model::HeadersView::Lengths) <= most) return true;
  size_t size = 0;
  for (const model::Field field : fields) {
    size += field.name.size() + field.value.size() + kBytesOfAField;
  }
  return size <= most;
}

void Session::BlockEnded(Stream& stream, bool end) {
  const absl::string_view wrong = block_.JudgeEnd(end);
  if (!wrong.empty()) return RefuseMalformed(stream, wrong);
  if (end && stream.BodyIsTooShort()) return RefuseMalformed(stream, kTooShort);
  if (!end && block_.content_length() >= 0) stream.body_left_ = block_.content_length();
  if (stream.headers_too_large_) return RefuseHeaders(stream, end);
  model::Headers fields = block_.TakeFields();
  if (side_ == Side::kClient && !stream.headers_seen_ && Informational(fields)) return;
  const bool first = !stream.headers_seen_;
  stream.headers_seen_ = true;
  stream.peer_ended_ = stream.peer_ended_ || end;
  const auto handler = stream.handler_;
  if (handler == nullptr) return;
  if (first) {
    handler->OnHeaders(std::move(fields), end);
  } else {
    handler->OnEnd(std::move(fields));
  }
}

// Against content-length.
void Session::CountBody(Stream& stream, size_t more) {
  stream.body_left_ -= static_cast<int64_t>(more);
  if (stream.body_left_ < 0) RefuseMalformed(stream, "a body longer than content-length says");
}

// By a DATA frame.
void Session::BodyEnded(Stream& stream) {
  if (stream.headers_too_large_) return;
  if (stream.BodyIsTooShort()) return RefuseMalformed(stream, kTooShort);
  stream.peer_ended_ = true;
  if (const auto handler = stream.handler_) handler->OnEnd({});
}

void Session::RefuseHeaders(Stream& stream, bool end) {
  if (side_ == Side::kClient) return RefuseReply(stream, end);
  RefuseRequest(stream);
}

// The handler is told what the block said in the end, and the peer that nobody reads any more.
void Session::RefuseReply(Stream& stream, bool end) {
  Closed closed{Closed::Why::kHeadersTooLarge};
  model::Headers read;
  if (block_.stream() == &stream) {  // not if it ends before its block has begun
    closed.status = block_.Status();
    read = block_.TakeFields();
  }
  block_.LetGo();
  const auto handler = stream.handler_;
  if (end && stream.ended()) {
    stream.handler_ = nullptr;
  } else {
    stream.Reset(ErrorCode::kCancel);
  }
  if (handler != nullptr) handler->OnReplyTooLarge(closed, std::move(read));
}

// A first block is answered here; its handler hears of nothing but the end.
void Session::RefuseRequest(Stream& stream) {
  const bool too_many = block_.has_too_many();
  block_.LetGo();
  if (stream.finished_) return;  // it has been answered, or its first block has been refused
  const auto bound = too_many ? Bound::kHeaderCount : Bound::kHeaderBytes;
  const absl::string_view block = stream.headers_seen_ ? "trailer block" : "header list";
  const std::string why =
      too_many ? absl::StrCat("the request's ", block, " has more than ", options_.max_header_count,
                              " fields (limits.max_header_count)")
               : absl::StrCat("the request's ", block, " is larger than ",
                              options_.max_header_list_bytes, " bytes (limits.max_header_bytes)");
  if (!stream.headers_seen_) {
    stream.wasted_ = true;
    events_.OnBound(bound);
    stream.SendHeaders(model::StatusFields(wire::StatusCode::kResourceExhausted, why), true);
  } else if (const auto handler = stream.handler_) {
    handler->OnTrailersTooLarge(bound, why);
  }
}

// The stream's handler hears of it when the stream is closed.
void Session::RefuseMalformed(Stream& stream, absl::string_view why) {
  block_.LetGo();
  if (stream.malformed_) return;
  stream.malformed_ = true;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_PROTOCOL_ERROR);
  events_.OnMalformed(why);
}

}  // namespace singleflight::http2
