// What becomes of the header blocks that a session receives.

#include <nghttp2/nghttp2.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/http2/session.h"
#include "server/model/reply.h"

namespace singleflight::http2 {
namespace {

// A larger block's memory is not kept for the next.
constexpr size_t kMostKeptBytes = 4 << 10;

constexpr absl::string_view kTooShort = "a body shorter than content-length says";

bool Informational(const model::Headers& fields) {
  return absl::StartsWith(fields.Find(":status").value_or(""), "1");
}

}  // namespace

// Calls that the connection takes with it may be sent again; the one whose block it is may not.
void Session::EndEndless() {
  if (!why_ended_.empty() || flooded_) return;
  if (side_ == Side::kServer) return EndFlood(metrics::Bound::kEndlessHeaders);
  why_ended_ = absl::StrCat("a header block has more than ", EndlessBytes(), " bytes");
  ended_by_bound_ = true;
  const bool announced = long_fields_.announced() > EndlessBytes();
  const auto found = streams_.find(announced ? long_fields_.block_stream() : open_block_);
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

void Session::HeaderBlockEnded(Stream& stream, bool end) {
  if (side_ == Side::kServer) {
    const absl::string_view wrong = rules_.JudgeEnd(end);
    if (!wrong.empty()) return RefuseMalformed(stream, wrong);
    if (end && BodyIsTooShort(stream)) return RefuseMalformed(stream, kTooShort);
    if (!end && rules_.content_length() >= 0) stream.body_left_ = rules_.content_length();
  }
  if (stream.headers_too_large_) return RefuseHeaders(stream, end);
  model::Headers fields = incoming_;  // takes no more memory than it needs
  LetGoOfLargeBlock();
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

// By a DATA frame.
void Session::BodyEnded(Stream& stream) {
  if (stream.headers_too_large_) return;
  if (BodyIsTooShort(stream)) return RefuseMalformed(stream, kTooShort);
  stream.peer_ended_ = true;
  if (const auto handler = stream.handler_) handler->OnEnd({});
}

void Session::LetGoOfLargeBlock() {
  if (incoming_.Footprint() > kMostKeptBytes) incoming_ = model::Headers();
}

void Session::RefuseHeaders(Stream& stream, bool end) {
  if (side_ == Side::kClient) return RefuseReply(stream, end);
  RefuseRequest(stream);
}

// The handler is told what the block said in the end, and the peer that nobody reads any more.
void Session::RefuseReply(Stream& stream, bool end) {
  Closed closed{Closed::Why::kHeadersTooLarge};
  const absl::optional<absl::string_view> first = incoming_.Find("grpc-status");
  closed.status = first.has_value() ? wire::ParseStatus(*first) : block_status_;
  LetGoOfLargeBlock();
  const auto handler = stream.handler_;
  if (end && stream.ended()) {
    stream.handler_ = nullptr;
  } else {
    stream.Reset(ErrorCode::kCancel);
  }
  if (handler != nullptr) handler->OnClosed(closed);
}

// A first block is answered here; its handler hears of nothing but the end.
void Session::RefuseRequest(Stream& stream) {
  const bool too_many = incoming_.fields() > options_.max_header_count;
  LetGoOfLargeBlock();
  if (stream.finished_) return;  // it has been answered, or its first block has been refused
  const auto bound = too_many ? metrics::Bound::kHeaderCount : metrics::Bound::kHeaderBytes;
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

// Those who hear of streams hear of it when it is closed.
void Session::RefuseMalformed(Stream& stream, absl::string_view why) {
  LetGoOfLargeBlock();
  if (stream.malformed_) return;
  stream.malformed_ = true;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_PROTOCOL_ERROR);
  events_.OnMalformed(why);
}

bool Session::BodyIsTooLong(Stream& stream, size_t more) {
  if (stream.body_left_ == Stream::kNotSaid) return false;
  stream.body_left_ -= static_cast<int64_t>(more);
  return stream.body_left_ < 0;
}

bool Session::BodyIsTooShort(const Stream& stream) {
  return stream.body_left_ != Stream::kNotSaid && stream.body_left_ != 0;
}

}  // namespace singleflight::http2
