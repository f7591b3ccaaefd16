#include "server/http2/session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/http2/frame_head.h"
#include "server/http2/nghttp2_fields.h"
#include "server/http2/session_callbacks.h"

namespace singleflight::http2 {
namespace {

// Stream ids end at 2^31; a connection is retired well before (RFC 9113 §5.1.1).
constexpr int32_t kLastStreamId = 1 << 30;

constexpr uint64_t kResetsPerCompletedStream = 10;

// More than the largest bounds of what comes in, which are bounds of options.
constexpr size_t kMostSentHeaderBytes = 2 << 20;

// Frames of one header block beyond the first: half full ones are taken.
size_t MostContinuations(size_t endless_bytes) { return 2 * endless_bytes / (16 << 10); }

// What an error that ends the connection without ceremony stands for.
metrics::Bound BoundOf(int nghttp2_error) {
  switch (nghttp2_error) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      return metrics::Bound::kNotHttp2;
    case NGHTTP2_ERR_FLOODED:
      return metrics::Bound::kQueuedFrames;
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
      return metrics::Bound::kContinuations;
    default:  // the others are not of a flood
      return metrics::Bound::kProtocol;
  }
}

}  // namespace

Session::Session(Side side, const SessionOptions& options, SessionEvents& events)
    : side_(side),
      options_(options),
      events_(events),
      long_fields_(side == Side::kServer ? FrameHead::kPrefaceBytes : 0,
                   options.max_header_list_bytes) {
  nghttp2_option* option;
  SF_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_outbound_ack(option, options_.max_queued_acks);
  nghttp2_option_set_max_continuations(option, MostContinuations(EndlessBytes()));
  // What either side's peers may send goes out again, with fields of this program's own.
  nghttp2_option_set_max_send_header_block_length(option, kMostSentHeaderBytes);
  // gRPC servers send status messages that end in a space unencoded.
  nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
  // RequestRules have that.
  if (side_ == Side::kServer) nghttp2_option_set_no_http_messaging(option, 1);
  // A gRPC cancellation is a reset: CountCostlyReset has the rule that fits.
  constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
  nghttp2_option_set_stream_reset_rate_limit(option, kNoLimit, kNoLimit);

  nghttp2_session_callbacks* const callbacks = Callbacks::All();
  const auto create =
      side_ == Side::kServer ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  SF_CHECK(create(&session_, callbacks, this, option) == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);

  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<uint32_t>(options_.stream_window_bytes)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
       static_cast<uint32_t>(options_.max_header_list_bytes)}};
  if (side_ == Side::kServer) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_concurrent_streams});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  SF_CHECK(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) ==
           0);
  SF_CHECK(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                                 options_.connection_window_bytes) == 0);
  if (options_.first_stream_id != 0) {
    SF_CHECK(nghttp2_session_set_next_stream_id(session_, options_.first_stream_id) == 0);
  }
}

Session::~Session() {
  alive_ = false;
  auto streams = std::move(streams_);
  for (auto& [id, stream] : streams) {
    stream->reset_ = true;
    if (const auto handler = std::move(stream->handler_)) {
      const bool never_left = side_ == Side::kClient && !stream->begun_;
      Closed closed{never_left ? Closed::Why::kNotProcessed : Closed::Why::kConnectionLost};
      closed.cause = cause_;
      handler->OnClosed(closed);
    }
  }
  nghttp2_session_del(session_);
}

absl::Status Session::Receive(absl::string_view bytes) {
  return side_ == Side::kClient ? ReceiveReplies(bytes) : ReceiveRequests(bytes);
}

absl::Status Session::ReceiveReplies(absl::string_view bytes) {
  absl::Status status;
  while (!bytes.empty() && status.ok()) {
    const absl::string_view next = early_data_.Next(bytes);
    if (early_data_.stream() != 0) RefuseEarlyData(early_data_.stream());
    status = Read(next);
  }
  return status;
}

absl::Status Session::ReceiveRequests(absl::string_view bytes) {
  absl::Status status;
  const uint64_t before = early_resets_.count();
  while (!bytes.empty() && status.ok()) status = Read(early_resets_.Next(bytes));
  for (uint64_t i = before; i < early_resets_.count(); ++i) {
    ++received_frames_;
    CountCostlyReset();  // it cost less, but has to have an end as well
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
    if (long_fields_.announced() > EndlessBytes()) EndEndless();
    if (!next.empty()) status = Parse(next);
  }
  long_fields_.Release();
  return status;
}

absl::Status Session::Parse(absl::string_view bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return absl::OkStatus();
  const metrics::Bound bound = BoundOf(static_cast<int>(taken));
  CountEnd(bound);
  ended_by_bound_ = bound == metrics::Bound::kContinuations;
  if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
    return absl::InvalidArgumentError("the peer does not speak HTTP/2 with prior knowledge");
  }
  why_ended_ = nghttp2_strerror(static_cast<int>(taken));
  return absl::AbortedError(why_ended_);
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
  return alive_ && settings_seen_ && streams_.size() < peer_max_streams() &&
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
  if (block_of_ == gone.get()) block_of_ = nullptr;
  gone->reset_ = true;
  gone->DropQueue();
  if (closed.why == Closed::Why::kOrderly && !gone->wasted_) ++completed_;
  if (const auto handler = std::move(gone->handler_)) handler->OnClosed(closed);
  events_.OnStreamGone();
  EndIfRetired();
}

void Session::Retire() {
  alive_ = false;
  retired_ = true;
  EndIfRetired();
}

void Session::EndIfRetired() {
  if (!retired_ || !streams_.empty()) return;
  retired_ = false;
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
  alive_ = false;
  shutdown_finished_ = true;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  Wake();
}

void Session::Terminate(ErrorCode code) {
  alive_ = false;
  nghttp2_session_terminate_session(session_, static_cast<uint32_t>(code));
  Wake();
}

void Session::SendPing() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  Wake();
}

void Session::CountCostlyDeadline(Stream& stream) {
  stream.wasted_ = true;
  CountCostlyReset();
}

void Session::CountCostlyReset() {
  ++costly_resets_;
  if (end_counted_ ||
      costly_resets_ <= options_.reset_allowance + kResetsPerCompletedStream * completed_) {
    return;
  }
  EndFlood(metrics::Bound::kResetAllowance);
}

// Told once, whatever else is found when the connection is ending.
void Session::CountEnd(metrics::Bound bound) {
  if (!std::exchange(end_counted_, true)) events_.OnBound(bound);
}

// A GOAWAY with an error has been written. What nghttp2 found stands in it.
void Session::EndedFor(uint32_t error, absl::string_view reason) {
  CountEnd(metrics::Bound::kProtocol);
  if (!why_ended_.empty()) return;
  why_ended_ = absl::StrCat(reason, reason.empty() ? "" : ", ", NameOfError(error));
}

void Session::EndFlood(metrics::Bound bound) {
  flooded_ = true;
  CountEnd(bound);
  Terminate(ErrorCode::kEnhanceYourCalm);
}

void Session::CutStalled() {
  if (block_open() && block_progress_.Stalled(true)) {
    return EndFlood(metrics::Bound::kConnectionStall);
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
    events_.OnBound(metrics::Bound::kStreamStall);
    stream->CutOff();
  }
}

}  // namespace singleflight::http2
