// Translates what nghttp2 reports: Session and Stream decide what follows from it.
//
// A stream's user data is its Stream, until that is closed; so what concerns a stream that is gone,
// or never had a Stream, ends here. To return an error would end the whole connection:
// NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE ends one stream, and NGHTTP2_ERR_DEFERRED asks to be called
// again once there are bytes (Stream::Resume).

#include "server/http2/session_callbacks.h"

#include <limits>
#include <utility>

#include "server/base/check.h"
#include "server/http2/nghttp2_fields.h"

namespace singleflight::http2 {
namespace {

// What a shutdown notice names as the last stream.
constexpr int32_t kEveryStream = std::numeric_limits<int32_t>::max();

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
  self.guard_.OnFrame();
  if (frame->type == NGHTTP2_DATA || frame->type == NGHTTP2_HEADERS) ++self.peer_.replies;
  if (frame->type != NGHTTP2_DATA) return 0;
  const FloodGuard::Verdict flood =
      self.guard_.OnData(frame->length, (frame->flags & NGHTTP2_FLAG_END_STREAM) != 0);
  if (flood.has_value()) self.EndFlood(*flood);
  return 0;
}

int Session::Callbacks::OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame,
                                       void* user_data) {
  const int32_t id = frame->hd.stream_id;
  const bool begins = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  Self(user_data).BeginBlock(id, begins ? nullptr : Find(session, id), begins);
  return 0;
}

int Session::Callbacks::OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                                 const uint8_t* name, size_t name_size, const uint8_t* value,
                                 size_t value_size, uint8_t flags, void* user_data) {
  Session& self = Self(user_data);
  const bool never_index = (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0;
  model::Field field{View(name, name_size), View(value, value_size), never_index};
  const LongField* const whole = self.long_fields_.field();
  if (whole != nullptr && !self.Restore(*whole, &field)) {
    return RefuseField(session, frame->hd.stream_id);
  }
  if (self.guard_.OnBlockBytes(self.block_.Count(field)).has_value()) {
    self.EndEndless();
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // no more of this frame
  }
  if (self.block_.stream() == nullptr) return 0;
  const absl::string_view wrong = self.block_.Take(field);
  if (wrong.empty()) return 0;
  self.RefuseMalformed(*self.block_.stream(), wrong);
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
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
  const bool ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;  // the same bit, of other frames
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      self.block_.End();
      if (Stream* stream = Find(session, frame->hd.stream_id)) self.BlockEnded(*stream, end);
      break;
    case NGHTTP2_DATA:
      if (!end) break;
      if (Stream* stream = Find(session, frame->hd.stream_id)) self.BodyEnded(*stream);
      break;
    case NGHTTP2_RST_STREAM:
      if (Stream* stream = Find(session, frame->hd.stream_id)) stream->peer_reset_ = true;
      break;
    case NGHTTP2_SETTINGS:
      if (!ack) self.OnSettings();
      break;
    case NGHTTP2_PING:
      if (ack) self.carrier_.OnPingAck();
      break;
    case NGHTTP2_GOAWAY:
      self.OnGoAway(frame->goaway.error_code,
                    View(frame->goaway.opaque_data, frame->goaway.opaque_data_len));
      break;
    default:  // the frame types of RFC 9113 that nghttp2 handles by itself
      break;
  }
  return 0;
}

int Session::Callbacks::OnData(nghttp2_session* session, uint8_t flags, int32_t stream_id,
                               const uint8_t* bytes, size_t size, void* user_data) {
  nghttp2_session_consume_connection(session, size);
  Stream* const stream = Find(session, stream_id);
  if (stream == nullptr || !Self(user_data).TakesBody(*stream, size)) {
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
  Session& self = Self(user_data);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (Stream* stream = Find(session, frame->hd.stream_id)) stream->begun_ = true;
      [[fallthrough]];
    case NGHTTP2_DATA:
      if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        OnEndSent(session, self, frame->hd.stream_id);
      }
      break;
    case NGHTTP2_GOAWAY:
      if (frame->goaway.error_code != NGHTTP2_NO_ERROR) {
        self.EndedFor(frame->goaway.error_code,
                      View(frame->goaway.opaque_data, frame->goaway.opaque_data_len));
      } else if (frame->goaway.last_stream_id == kEveryStream) {
        self.SendPing();  // after the notice, whose round trip it measures
      }
      break;
    default:  // of the others nobody needs to know
      break;
  }
  return 0;
}

// A server that has answered before the client is done asks it to stop (RFC 9113 §8.1).
void Session::Callbacks::OnEndSent(nghttp2_session* session, const Session& self,
                                   int32_t stream_id) {
  if (self.side_ == Side::kClient) return;
  if (nghttp2_session_get_stream_remote_close(session, stream_id) != 0) return;
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR);
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
  if (self.block_.id() == stream_id) self.block_.End();  // it was refused halfway
  if (Stream* stream = Find(session, stream_id)) {
    self.CloseStream(*stream, self.HowClosed(*stream, error));
  }
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
  const size_t written = stream.queue_.Read(out, room);
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
