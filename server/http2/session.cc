// How a session lives and ends.
//
// Bytes pass through three hands. EarlyResets (of a client's bytes) or EarlyData (of a server's),
// and then LongFields, take out what is wrong with one call only, because nghttp2 would end the
// connection for it. Then nghttp2 parses, and its callbacks come back into this class.
//
// A connection ends in one of three ways:
//   in order    BeginShutdown; FinishShutdown after a round trip; the last stream ends. Or Retire.
//   by GOAWAY   Terminate, or nghttp2 found an error: GOAWAY says which, and streams are cut off
//   by silence  Parse failed: nothing that could be said would be understood, or read
// The owner hears of one bound at most (CountEnd), the first, since one often leads to another.

#include "server/http2/session.h"

#include <nghttp2/nghttp2.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/http2/nghttp2_fields.h"
#include "server/http2/session_callbacks.h"

namespace singleflight::http2 {
namespace {

// Stream ids end at 2^31; a connection is retired well before (RFC 9113 §5.1.1).
constexpr int32_t kLastStreamId = 1 << 30;

// What an error that ends the connection without ceremony stands for.
Bound BoundOf(int nghttp2_error) {
  switch (nghttp2_error) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      return Bound::kNotHttp2;
    case NGHTTP2_ERR_FLOODED:
      return Bound::kQueuedFrames;
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
      return Bound::kContinuations;
    default:  // the others are not of a flood
      return Bound::kProtocol;
  }
}

}  // namespace

Session::~Session() {
  opening_.allowed = false;
  auto streams = std::move(streams_);
  for (auto& [id, stream] : streams) {
    stream->reset_ = true;
    if (const auto handler = std::move(stream->handler_)) {
      const bool never_left = side_ == Side::kClient && !stream->begun_;
      Closed closed{never_left ? Closed::Why::kNotProcessed : Closed::Why::kConnectionLost};
      closed.cause = ending_.cause;
      handler->OnClosed(closed);
    }
  }
  nghttp2_session_del(session_);
}

absl::Status Session::Receive(absl::string_view bytes) {
  return std::visit([&](auto& early) { return ReceiveFirst(early, bytes); }, early_);
}

absl::Status Session::ReceiveFirst(EarlyData& data, absl::string_view bytes) {
  absl::Status status;
  while (!bytes.empty() && status.ok()) {
    const absl::string_view next = data.Next(bytes);
    if (data.stream() != 0) RefuseEarlyData(data.stream());
    status = Read(next);
  }
  return status;
}

absl::Status Session::ReceiveFirst(EarlyResets& resets, absl::string_view bytes) {
  absl::Status status;
  const uint64_t before = resets.count();
  while (!bytes.empty() && status.ok()) status = Read(resets.Next(bytes));
  for (uint64_t i = before; i < resets.count(); ++i) {
    guard_.OnFrame();
    CountWasted();  // it cost less, but has to have an end as well
  }
  return status;
}

// nghttp2 takes no notice of DATA on a stream that is being reset.
void Session::RefuseEarlyData(int32_t stream_id) {
  const auto found = streams_.find(stream_id);
  if (found == streams_.end() || found->second->headers_seen_ || found->second->reset_) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_PROTOCOL_ERROR);
}

absl::Status Session::Read(absl::string_view bytes) {
  absl::Status status;
  while (status.ok() && (!bytes.empty() || long_fields_.pending())) {
    const absl::string_view next = long_fields_.Next(bytes);
    if (long_fields_.oversized()) Terminate(ErrorCode::kFrameSizeError);
    if (guard_.OnBlockBytes(long_fields_.announced()).has_value()) EndEndless();
    if (!next.empty()) status = Parse(next);
  }
  long_fields_.Release();
  return status;
}

absl::Status Session::Parse(absl::string_view bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return absl::OkStatus();
  const Bound bound = BoundOf(static_cast<int>(taken));
  CountEnd(bound);
  ending_.by_own_bound = bound == Bound::kContinuations;
  if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
    return absl::InvalidArgumentError("the peer does not speak HTTP/2 with prior knowledge");
  }
  ending_.why = nghttp2_strerror(static_cast<int>(taken));
  return absl::AbortedError(ending_.why);
}

void Session::Produce(std::string* out, size_t enough) {
  while (out->size() < enough) {
    const uint8_t* bytes;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size <= 0) return;  // nothing now, or out of memory, which ends the process elsewhere
    out->append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  }
}

bool Session::Done() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

void Session::SubmitReply(Stream& stream, model::HeadersView fields,
                          absl::Span<const model::Field> more, bool end) {
  const Nghttp2Fields nv(fields, more);
  const nghttp2_data_provider body = Callbacks::BodyOf(stream);
  if (!end) replied_ = true;
  nghttp2_submit_response(session_, stream.id_, nv.data(), nv.size(), end ? nullptr : &body);
  Wake();
}

Stream& Session::Adopt(int32_t id) {
  auto stream = std::make_unique<Stream>(*this, id);
  Stream& adopted = *stream;
  streams_.emplace(id, std::move(stream));
  nghttp2_session_set_stream_user_data(session_, id, &adopted);
  return adopted;
}

Stream& Session::Open(const model::Headers& fields, std::shared_ptr<StreamEvents> handler) {
  SF_CHECK(CanOpen());
  const auto id = static_cast<int32_t>(nghttp2_session_get_next_stream_id(session_));
  auto opened = std::make_unique<Stream>(*this, id);
  Stream& stream = *opened;
  stream.SetHandler(std::move(handler));
  streams_.emplace(id, std::move(opened));
  const Nghttp2Fields nv(fields);
  const nghttp2_data_provider body = Callbacks::BodyOf(stream);
  SF_CHECK(nghttp2_submit_request(session_, nullptr, nv.data(), nv.size(), &body, &stream) == id);
  if (id >= kLastStreamId) Retire();
  Wake();
  return stream;
}

bool Session::CanOpen() const {
  return opening_.allowed && peer_.settings_seen && streams_.size() < peer_max_streams() &&
         nghttp2_session_check_request_allowed(session_) != 0;
}

size_t Session::queued_frames() const { return nghttp2_session_get_outbound_queue_size(session_); }

uint32_t Session::peer_max_streams() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void Session::CloseStream(Stream& stream, Closed closed) {
  const auto found = streams_.find(stream.id_);
  if (found == streams_.end()) return;
  const std::unique_ptr<Stream> gone = std::move(found->second);
  streams_.erase(found);
  block_.Forget(*gone);
  gone->reset_ = true;
  gone->DropQueue();
  if (closed.why == Closed::Why::kOrderly && !gone->wasted_) guard_.OnCompleted();
  if (const auto handler = std::move(gone->handler_)) handler->OnClosed(closed);
  events_.OnStreamGone();
  EndIfRetired();
}

// A stream that nghttp2 has closed. A server's peer may reset what it likes; to a client only the
// peer does that, and what nghttp2 resets there is malformed.
Closed Session::HowClosed(const Stream& stream, uint32_t error) const {
  if (error == NGHTTP2_NO_ERROR && ReplyIsWhole(stream)) return {Closed::Why::kOrderly, error};
  if (stream.malformed_) return {Closed::Why::kMalformed, error};
  if (side_ == Side::kServer) return {Closed::Why::kReset, error};
  if (error == NGHTTP2_REFUSED_STREAM) return {Closed::Why::kNotProcessed, error};
  return {stream.peer_reset_ ? Closed::Why::kReset : Closed::Why::kMalformed, error};
}

void Session::OnSettings() {
  peer_.settings_seen = true;
  events_.OnSettings();
}

// A server opens no streams; its client may go on, until this side says so (RFC 9113 §6.8).
void Session::OnGoAway(uint32_t error, absl::string_view reason) {
  if (side_ == Side::kClient) opening_.allowed = false;
  peer_.pinged_too_often = error == NGHTTP2_ENHANCE_YOUR_CALM && reason == "too_many_pings";
  events_.OnGoAway();
}

void Session::Retire() {
  opening_.allowed = false;
  opening_.retired = true;
  EndIfRetired();
}

void Session::EndIfRetired() {
  if (!opening_.retired || !streams_.empty()) return;
  opening_.retired = false;
  FinishShutdown();
}

// Needs no window, unlike the end of the body that nghttp2 would ask for otherwise.
bool Session::SubmitTrailing(Stream& stream) {
  const bool first_block_goes_before = side_ == Side::kServer || stream.begun_;
  if (!first_block_goes_before || !stream.queue_.empty()) return false;
  const model::SharedHeaders trailing = std::exchange(stream.trailing_, model::SharedHeaders());
  const Nghttp2Fields nv(trailing.view());
  nghttp2_submit_trailer(session_, stream.id_, nv.data(), nv.size());
  Wake();
  return true;
}

// A reset with NO_ERROR ends a stream in order only after the reply (RFC 9113 §8.1).
bool Session::ReplyIsWhole(const Stream& stream) const {
  return side_ == Side::kClient ? stream.peer_ended_ : stream.ended();
}

void Session::BeginShutdown() {
  nghttp2_submit_shutdown_notice(session_);
  Wake();
}

void Session::FinishShutdown() {
  opening_.allowed = false;
  opening_.refused = true;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  Wake();
}

void Session::Terminate(ErrorCode code) {
  opening_.allowed = false;
  nghttp2_session_terminate_session(session_, static_cast<uint32_t>(code));
  Wake();
}

void Session::SendPing() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  Wake();
}

void Session::CountWasted() {
  const FloodGuard::Verdict flood = guard_.OnWasted();
  if (flood.has_value() && !ending_.told) EndFlood(*flood);
}

// Told once, whatever else is found when the connection is ending.
void Session::CountEnd(Bound bound) {
  if (!std::exchange(ending_.told, true)) events_.OnBound(bound);
}

// A GOAWAY with an error has been written. What nghttp2 found stands in it.
void Session::EndedFor(uint32_t error, absl::string_view reason) {
  CountEnd(Bound::kProtocol);
  if (!ending_.why.empty()) return;
  ending_.why = absl::StrCat(reason, reason.empty() ? "" : ", ", NameOfError(error));
}

void Session::EndFlood(Bound bound) {
  ending_.for_flood = true;
  CountEnd(bound);
  Terminate(ErrorCode::kEnhanceYourCalm);
}

void Session::CutStalled() {
  if (block_open() && block_.Stalled()) {
    return EndFlood(Bound::kConnectionStall);
  }
  if (streams_with_bytes_ == 0) return;
  const bool no_window = nghttp2_session_get_remote_window_size(session_) <= 0;
  std::vector<Stream*> stalled;
  for (const auto& [id, stream] : streams_) {
    const bool blocked =
        no_window || nghttp2_session_get_stream_remote_window_size(session_, id) <= 0;
    if (stream->Stalled(blocked)) stalled.push_back(stream.get());
  }
  for (Stream* stream : stalled) {
    events_.OnBound(Bound::kStreamStall);
    stream->CutOff();
  }
}

}  // namespace singleflight::http2
