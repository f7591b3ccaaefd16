#include "server/http2/session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/http2/nghttp2_fields.h"
#include "server/model/reply.h"

namespace singleflight::http2 {
namespace {

// Stream ids end at 2^31; a connection is retired well before (RFC 9113 §5.1.1).
constexpr int32_t kLastStreamId = 1 << 30;

// What a shutdown notice names as the last stream.
constexpr int32_t kEveryStream = std::numeric_limits<int32_t>::max();

constexpr uint64_t kResetsPerCompletedStream = 10;

// A larger block's memory is not kept for the next.
constexpr size_t kMostKeptBytes = 4 << 10;

absl::string_view View(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool Informational(const model::Headers& fields) {
  return absl::StartsWith(fields.Find(":status").value_or(""), "1");
}

}  // namespace

// What nghttp2 calls. Events on streams that have no handler any more are dropped here.
struct Session::Callbacks {
  static Session& Self(void* user_data) { return *static_cast<Session*>(user_data); }

  static Stream* Find(nghttp2_session* session, int32_t id) {
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    Session& self = Self(user_data);
    self.incoming_.Clear();
    const bool begins = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    if (self.side_ == Side::kServer && begins && !self.shutdown_finished_) {
      self.listener_.OnStream(self.Adopt(frame->hd.stream_id));
    }
    return 0;
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t flags,
                      void* user_data) {
    Stream* stream = Find(session, frame->hd.stream_id);
    if (stream == nullptr || stream->headers_too_large_) return 0;
    Session& self = Self(user_data);
    self.incoming_.Add(View(name, name_size), View(value, value_size),
                       (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0);
    stream->headers_too_large_ = self.incoming_.ListSize() > self.options_.max_header_list_bytes;
    return 0;
  }

  // Without this nghttp2 would drop the field and let the call go on without it.
  static int OnInvalidHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t*,
                             size_t, const uint8_t*, size_t, uint8_t, void*) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                              NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    Session& self = Self(user_data);
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (Stream* stream = Find(session, frame->hd.stream_id))
          self.HeaderBlockEnded(*stream, end);
        break;
      case NGHTTP2_DATA:
        if (Stream* stream = Find(session, frame->hd.stream_id); stream != nullptr && end) {
          stream->peer_ended_ = true;
          if (const auto handler = stream->handler_) handler->OnEnd({});
        }
        break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) break;
        self.settings_seen_ = true;
        self.listener_.OnSettings();
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) self.listener_.OnPingAck();
        break;
      case NGHTTP2_GOAWAY:
        self.alive_ = false;
        self.listener_.OnGoAway();
        break;
      default:  // the frame types of RFC 9113 that nghttp2 handles by itself
        break;
    }
    return 0;
  }

  static int OnData(nghttp2_session* session, uint8_t, int32_t stream_id, const uint8_t* bytes,
                    size_t size, void*) {
    nghttp2_session_consume_connection(session, size);
    Stream* stream = Find(session, stream_id);
    if (stream == nullptr || stream->handler_ == nullptr) {
      nghttp2_session_consume_stream(session, stream_id, size);
      return 0;
    }
    const auto handler = stream->handler_;
    handler->OnData(View(bytes, size));
    return 0;
  }

  static int OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    if (frame->hd.type == NGHTTP2_HEADERS) {
      if (Stream* stream = Find(session, frame->hd.stream_id)) stream->begun_ = true;
    }
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.last_stream_id == kEveryStream) {
      Self(user_data).SendPing();  // after the notice, whose round trip it measures
    }
    const bool carries_body = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (!carries_body || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    // A server that has answered before the client is done asks it to stop (RFC 9113 §8.1).
    if (Self(user_data).side_ == Side::kServer &&
        nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }
    return 0;
  }

  static int OnFrameNotSent(nghttp2_session* session, const nghttp2_frame* frame, int,
                            void* user_data) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
      // A block too large to be sent: without it the stream would never end.
      if (Find(session, frame->hd.stream_id) != nullptr) {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_INTERNAL_ERROR);
      }
      return 0;
    }
    Session& self = Self(user_data);
    const auto found = self.streams_.find(frame->hd.stream_id);
    if (found == self.streams_.end()) return 0;
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, nullptr);
    self.CloseStream(*found->second, {Closed::Why::kNotProcessed, NGHTTP2_REFUSED_STREAM});
    return 0;
  }

  static int OnStreamClosed(nghttp2_session* session, int32_t stream_id, uint32_t error,
                            void* user_data) {
    Session& self = Self(user_data);
    Stream* stream = Find(session, stream_id);
    if (stream == nullptr) return 0;
    Closed closed{Closed::Why::kReset, error};
    if (error == NGHTTP2_NO_ERROR && self.ReplyIsWhole(*stream)) closed.why = Closed::Why::kOrderly;
    if (error == NGHTTP2_REFUSED_STREAM && self.side_ == Side::kClient) {
      closed.why = Closed::Why::kNotProcessed;
    }
    self.CloseStream(*stream, closed);
    return 0;
  }

  static nghttp2_data_provider BodyOf(Stream& stream) {
    nghttp2_data_provider body;
    body.source.ptr = &stream;
    body.read_callback = ReadBody;
    return body;
  }

  static ssize_t ReadBody(nghttp2_session* session, int32_t, uint8_t* out, size_t room,
                          uint32_t* flags, nghttp2_data_source* source, void*) {
    Stream& stream = *static_cast<Stream*>(source->ptr);
    size_t written = 0;
    while (written < room && !stream.queue_.empty()) {
      base::Slice& front = stream.queue_.front();
      const size_t n = std::min(room - written, front.size());
      std::memcpy(out + written, front.view().data(), n);
      written += n;
      front.RemovePrefix(n);
      if (front.empty()) stream.queue_.Pop();
    }
    if (stream.queue_.empty() && stream.reset_behind_data_) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream.id_,
                                static_cast<uint32_t>(stream.reset_code_));
      return static_cast<ssize_t>(written);
    }
    if (stream.queue_.empty() && stream.finished_) {
      EndBody(session, stream, flags);
    } else if (written == 0) {
      stream.deferred_ = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    if (const auto handler = stream.handler_; handler != nullptr && written > 0) {
      handler->OnSent(written);
    }
    return static_cast<ssize_t>(written);
  }

  static void EndBody(nghttp2_session* session, Stream& stream, uint32_t* flags) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream.trailing_.empty()) return;
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const Nghttp2Fields nv(stream.trailing_.view());
    nghttp2_submit_trailer(session, stream.id_, nv.data(), nv.size());
  }
};

Session::Session(Side side, const SessionOptions& options, SessionListener& listener)
    : side_(side), options_(options), listener_(listener) {
  nghttp2_session_callbacks* callbacks;
  SF_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, Callbacks::OnInvalidHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::OnData);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::OnFrameSent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, Callbacks::OnFrameNotSent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::OnStreamClosed);

  nghttp2_option* option;
  SF_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_outbound_ack(option, options_.max_queued_acks);
  // What was allowed in goes out again, with fields of this program's own.
  nghttp2_option_set_max_send_header_block_length(option, 2 * options_.max_header_list_bytes);
  // gRPC servers send status messages that end in a space unencoded.
  nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
  // A gRPC cancellation is a reset: CountCostlyReset has the rule that fits.
  constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
  nghttp2_option_set_stream_reset_rate_limit(option, kNoLimit, kNoLimit);

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
      handler->OnClosed({never_left ? Closed::Why::kNotProcessed : Closed::Why::kConnectionLost});
    }
  }
  nghttp2_session_del(session_);
}

absl::Status Session::Receive(absl::string_view bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return absl::OkStatus();
  if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
    return absl::InvalidArgumentError("the peer does not speak HTTP/2 with prior knowledge");
  }
  listener_.OnFlooded();
  return absl::AbortedError(nghttp2_strerror(static_cast<int>(taken)));
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

Stream& Session::Open(const model::Headers& fields, std::shared_ptr<StreamHandler> handler) {
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

void Session::HeaderBlockEnded(Stream& stream, bool end) {
  model::Headers fields = incoming_;  // takes no more memory than it needs
  if (incoming_.Footprint() > kMostKeptBytes) incoming_ = model::Headers();
  if (stream.headers_too_large_) return RefuseHeaders(stream);
  if (side_ == Side::kClient && !stream.headers_seen_ && Informational(fields)) return;
  const bool first = !std::exchange(stream.headers_seen_, true);
  stream.peer_ended_ = stream.peer_ended_ || end;
  const auto handler = stream.handler_;
  if (handler == nullptr) return;
  if (first) {
    handler->OnHeaders(std::move(fields), end);
  } else {
    handler->OnEnd(std::move(fields));
  }
}

void Session::RefuseHeaders(Stream& stream) {
  if (side_ == Side::kClient || stream.headers_seen_) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_ENHANCE_YOUR_CALM);
    return;
  }
  if (stream.finished_) return;  // its first block has been refused before
  stream.SendHeaders(model::StatusFields(wire::StatusCode::kResourceExhausted,
                                         absl::StrCat("the request's header list is larger than ",
                                                      options_.max_header_list_bytes, " bytes")),
                     true);
}

void Session::CloseStream(Stream& stream, Closed closed) {
  const auto found = streams_.find(stream.id_);
  if (found == streams_.end()) return;
  const std::unique_ptr<Stream> gone = std::move(found->second);
  streams_.erase(found);
  gone->reset_ = true;
  if (closed.why == Closed::Why::kOrderly) ++completed_;
  if (const auto handler = std::move(gone->handler_)) handler->OnClosed(closed);
  listener_.OnStreamGone();
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

void Session::CountCostlyReset() {
  ++costly_resets_;
  if (flooded_ ||
      costly_resets_ <= options_.reset_allowance + kResetsPerCompletedStream * completed_) {
    return;
  }
  flooded_ = true;
  listener_.OnFlooded();
  Terminate(ErrorCode::kEnhanceYourCalm);
}

}  // namespace singleflight::http2
