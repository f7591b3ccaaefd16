#include "server/http2/session_callbacks.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "server/base/check.h"
#include "server/http2/nghttp2_fields.h"

namespace singleflight::http2 {
namespace {

// What a shutdown notice names as the last stream.
constexpr int32_t kEveryStream = std::numeric_limits<int32_t>::max();

constexpr absl::string_view kTooLong = "a body longer than content-length says";

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

absl::string_view View(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

nghttp2_session_callbacks* Session::Callbacks::All() {
  nghttp2_session_callbacks* callbacks;
  SF_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, OnBeginFrame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, OnInvalidHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, OnFrameSent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, OnFrameNotSent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClosed);
  return callbacks;
}

Session& Session::Callbacks::Self(void* user_data) { return *static_cast<Session*>(user_data); }

Stream* Session::Callbacks::Find(nghttp2_session* session, int32_t id) {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

int Session::Callbacks::OnBeginFrame(nghttp2_session*, const nghttp2_frame_hd* frame,
                                     void* user_data) {
  Session& self = Self(user_data);
  ++self.received_frames_;
  if (frame->type == NGHTTP2_DATA || frame->type == NGHTTP2_HEADERS) ++self.received_replies_;
  if (frame->type != NGHTTP2_DATA || self.side_ == Side::kClient) return 0;
  const bool empty = frame->length == 0 && (frame->flags & NGHTTP2_FLAG_END_STREAM) == 0;
  self.empty_frames_ = empty ? self.empty_frames_ + 1 : 0;
  if (self.empty_frames_ > kMostEmptyFrames) self.EndFlood(metrics::Bound::kEmptyFrames);
  return 0;
}

int Session::Callbacks::OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame,
                                       void* user_data) {
  Session& self = Self(user_data);
  self.incoming_.Clear();
  self.open_block_ = frame->hd.stream_id;
  self.block_bytes_ = 0;
  self.block_status_.reset();
  const bool begins = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  self.rules_.Begin(!begins);
  if (self.side_ == Side::kServer && begins && !self.shutdown_finished_) {
    self.events_.OnStream(self.Adopt(frame->hd.stream_id));
  }
  self.block_of_ = Find(session, frame->hd.stream_id);
  return 0;
}

int Session::Callbacks::OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                                 const uint8_t* name, size_t name_size, const uint8_t* value,
                                 size_t value_size, uint8_t flags, void* user_data) {
  constexpr size_t kBytesOfAField = 32;  // beyond its own
  Session& self = Self(user_data);
  const bool never_index = (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0;
  model::Field field{View(name, name_size), View(value, value_size), never_index};
  const LongField* const whole = self.long_fields_.field();
  if (whole != nullptr && !Restore(self, *whole, &field)) {
    return RefuseField(session, frame->hd.stream_id);
  }
  self.block_bytes_ += field.name.size() + field.value.size() + kBytesOfAField;
  if (self.block_bytes_ > self.EndlessBytes()) {
    self.EndEndless();
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // no more of this frame
  }
  if (self.block_of_ == nullptr) return 0;
  return Take(self, *self.block_of_, field);
}

// Puts what nghttp2 was not told into `field`; false: nghttp2 would not have taken it.
bool Session::Callbacks::Restore(Session& self, const LongField& whole, model::Field* field) {
  if (whole.name.has_value()) field->name = *whole.name;
  if (whole.value.has_value()) field->value = *whole.value;
  if (self.side_ == Side::kClient && !Valid(*field)) return false;
  self.block_bytes_ += whole.left_out;
  if (whole.left_out > 0 && self.block_of_ != nullptr) self.block_of_->headers_too_large_ = true;
  return true;
}

// As nghttp2 has looked at the beginning of both.
bool Session::Callbacks::Valid(const model::Field& field) {
  return nghttp2_check_header_name(Bytes(field.name), field.name.size()) != 0 &&
         nghttp2_check_header_value(Bytes(field.value), field.value.size()) != 0;
}

inline int Session::Callbacks::Take(Session& self, Stream& stream, const model::Field& field) {
  if (self.side_ == Side::kServer) {
    const absl::string_view wrong = self.rules_.Judge(field.name, field.value);
    if (!wrong.empty()) {
      self.RefuseMalformed(stream, wrong);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
  }
  if (stream.headers_too_large_) {
    if (field.name == "grpc-status") self.block_status_ = wire::ParseStatus(field.value);
    return 0;
  }
  self.incoming_.Add(field);
  if (self.incoming_.ListSize() > self.options_.max_header_list_bytes ||
      self.incoming_.fields() > self.options_.max_header_count) {
    stream.headers_too_large_ = true;
  }
  return 0;
}

int Session::Callbacks::RefuseField(nghttp2_session* session, int32_t stream_id) {
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_PROTOCOL_ERROR);
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

// Client. Without this nghttp2 would drop the field and let the call go on without it.
int Session::Callbacks::OnInvalidHeader(nghttp2_session* session, const nghttp2_frame* frame,
                                        const uint8_t*, size_t, const uint8_t*, size_t, uint8_t,
                                        void*) {
  return RefuseField(session, frame->hd.stream_id);
}

int Session::Callbacks::OnFrame(nghttp2_session* session, const nghttp2_frame* frame,
                                void* user_data) {
  Session& self = Self(user_data);
  const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      self.BlockEnded();
      if (Stream* stream = Find(session, frame->hd.stream_id)) self.HeaderBlockEnded(*stream, end);
      break;
    case NGHTTP2_DATA:
      if (Stream* stream = Find(session, frame->hd.stream_id); stream != nullptr && end) {
        self.BodyEnded(*stream);
      }
      break;
    case NGHTTP2_RST_STREAM:
      if (Stream* stream = Find(session, frame->hd.stream_id)) stream->peer_reset_ = true;
      break;
    case NGHTTP2_SETTINGS:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) break;
      self.settings_seen_ = true;
      self.events_.OnSettings();
      break;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) self.events_.OnPingAck();
      break;
    case NGHTTP2_GOAWAY:
      // A server opens no streams; its client may go on, until this side says so (RFC 9113 §6.8).
      if (self.side_ == Side::kClient) self.alive_ = false;
      self.pinged_too_often_ =
          frame->goaway.error_code == NGHTTP2_ENHANCE_YOUR_CALM &&
          View(frame->goaway.opaque_data, frame->goaway.opaque_data_len) == "too_many_pings";
      self.events_.OnGoAway();
      break;
    default:  // the frame types of RFC 9113 that nghttp2 handles by itself
      break;
  }
  return 0;
}

int Session::Callbacks::OnData(nghttp2_session* session, uint8_t flags, int32_t stream_id,
                               const uint8_t* bytes, size_t size, void* user_data) {
  nghttp2_session_consume_connection(session, size);
  Stream* stream = Find(session, stream_id);
  if (stream != nullptr && Self(user_data).BodyIsTooLong(*stream, size)) {
    Self(user_data).RefuseMalformed(*stream, kTooLong);
  }
  if (stream == nullptr || stream->handler_ == nullptr || stream->malformed_ ||
      stream->headers_too_large_) {
    nghttp2_session_consume_stream(session, stream_id, size);
    return 0;
  }
  stream->ending_ = (flags & NGHTTP2_FLAG_END_STREAM) != 0;
  const auto handler = stream->handler_;
  handler->OnData(View(bytes, size));
  return 0;
}

int Session::Callbacks::OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame,
                                    void* user_data) {
  if (frame->hd.type == NGHTTP2_HEADERS) {
    if (Stream* stream = Find(session, frame->hd.stream_id)) stream->begun_ = true;
  }
  if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
    Self(user_data).EndedFor(frame->goaway.error_code,
                             View(frame->goaway.opaque_data, frame->goaway.opaque_data_len));
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

int Session::Callbacks::OnFrameNotSent(nghttp2_session* session, const nghttp2_frame* frame, int,
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

int Session::Callbacks::OnStreamClosed(nghttp2_session* session, int32_t stream_id, uint32_t error,
                                       void* user_data) {
  Session& self = Self(user_data);
  if (self.open_block_ == stream_id) self.BlockEnded();  // it was refused halfway
  Stream* stream = Find(session, stream_id);
  if (stream == nullptr) return 0;
  Closed closed{stream->malformed_ ? Closed::Why::kMalformed : Closed::Why::kReset, error};
  if (error == NGHTTP2_NO_ERROR && self.ReplyIsWhole(*stream)) closed.why = Closed::Why::kOrderly;
  if (self.side_ == Side::kClient && closed.why == Closed::Why::kReset) {
    if (error == NGHTTP2_REFUSED_STREAM) {
      closed.why = Closed::Why::kNotProcessed;
    } else if (!stream->peer_reset_) {
      closed.why = Closed::Why::kMalformed;
    }
  }
  self.CloseStream(*stream, closed);
  return 0;
}

nghttp2_data_provider Session::Callbacks::BodyOf(Stream& stream) {
  nghttp2_data_provider body;
  body.source.ptr = &stream;
  body.read_callback = ReadBody;
  return body;
}

ssize_t Session::Callbacks::ReadBody(nghttp2_session* session, int32_t, uint8_t* out, size_t room,
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
  stream.progress_.Moved(written);
  if (written > 0 && stream.queue_.empty()) stream.Drained();
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

void Session::Callbacks::EndBody(nghttp2_session* session, Stream& stream, uint32_t* flags) {
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (stream.trailing_.empty()) return;
  *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  const Nghttp2Fields nv(stream.trailing_.view());
  nghttp2_submit_trailer(session, stream.id_, nv.data(), nv.size());
}

}  // namespace singleflight::http2
