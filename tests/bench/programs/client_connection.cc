// One connection of bench-client on nghttp2.

#include "tests/bench/programs/client_connection.h"

#include <iterator>
#include <utility>

#include "server/base/check.h"

namespace singleflight::bench {

// What nghttp2 calls.
struct ClientConnection::Callbacks {
  static ClientConnection& Self(void* user_data) {
    return static_cast<ClientConnection&>(*static_cast<Wire*>(user_data));
  }

  static MadeCall* Find(nghttp2_session* session, int32_t id) {
    return static_cast<MadeCall*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void*) {
    if (MadeCall* call = Find(session, frame->hd.stream_id)) {
      call->OnField(View(name, name_size), View(value, value_size));
    }
    return 0;
  }

  static int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes,
                    size_t size, void*) {
    if (MadeCall* call = Find(session, id)) call->OnData(View(bytes, size));
    return 0;
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    const bool carries_body = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (carries_body && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      if (MadeCall* call = Find(session, frame->hd.stream_id)) call->OnEnd();
    }
    if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
      Self(user_data).listener_.OnReady();
    }
    if (frame->hd.type == NGHTTP2_GOAWAY) Self(user_data).listener_.OnLost("GOAWAY");
    return 0;
  }

  static int OnFrameSent(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    if (frame->hd.type == NGHTTP2_DATA && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      Self(user_data).listener_.OnSent();
    }
    return 0;
  }

  static int OnClose(nghttp2_session* session, int32_t id, uint32_t reset, void* user_data) {
    if (MadeCall* call = Find(session, id)) Self(user_data).Ended(call, reset);
    return 0;
  }

  static ssize_t ReadRequest(nghttp2_session*, int32_t, uint8_t* to, size_t max, uint32_t* flags,
                             nghttp2_data_source* source, void*) {
    MadeCall& call = *static_cast<MadeCall*>(source->ptr);
    if (call.last_message()) call.request.EndWithThisMessage();
    if (call.request.left() <= max) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(ReadBody(call.request, to, max, flags));
  }

  static int SendRequest(nghttp2_session*, nghttp2_frame*, const uint8_t* frame_header, size_t size,
                         nghttp2_data_source* source, void* user_data) {
    return Self(user_data).SendBody(static_cast<MadeCall*>(source->ptr)->request, frame_header,
                                    size);
  }

  static nghttp2_session* NewSession(Wire* wire) {
    nghttp2_session_callbacks* callbacks;
    SF_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, OnFrameSent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, SendRequest);
    nghttp2_session* session;
    SF_CHECK(nghttp2_session_client_new(&session, callbacks, wire) == 0);
    nghttp2_session_callbacks_del(callbacks);
    return session;
  }
};

ClientConnection::ClientConnection(IoThread& io, Socket socket,
                                   const ClientConnectionOptions& options, Listener& listener)
    : Wire(io, std::move(socket)), options_(options), listener_(listener) {
  nghttp2_session* const session = Callbacks::NewSession(this);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, options.connection_window);
  Begin(session);
}

MadeCall& ClientConnection::Call(MadeCall begun) {
  if (unused_.empty()) {
    calls_.push_back(std::make_unique<MadeCall>());
    unused_.push_back(calls_.back().get());
  }
  MadeCall& call = *unused_.back();
  unused_.pop_back();
  call = std::move(begun);
  call.connection = this;
  const nghttp2_nv fields[] = {
      Field(":method", "POST"),
      Field(":scheme", "http"),
      Field(":authority", options_.authority),
      Field(":path", options_.path),
      Field("te", "trailers"),
      Field("content-type", "application/grpc"),
      Field("grpc-timeout", options_.timeout),
  };
  const size_t count = std::size(fields) - (options_.timeout.empty() ? 1 : 0);
  nghttp2_data_provider body;
  body.source.ptr = &call;
  body.read_callback = Callbacks::ReadRequest;
  call.id = nghttp2_submit_request(session(), nullptr, fields, count, &body, &call);
  SF_CHECK(call.id > 0);
  FlushSoon();
  return call;
}

void ClientConnection::Cancel(MadeCall& call) {
  call.Cut();
  nghttp2_submit_rst_stream(session(), NGHTTP2_FLAG_NONE, call.id, NGHTTP2_CANCEL);
  FlushSoon();
}

void ClientConnection::Ended(MadeCall* call, uint32_t reset) {
  unused_.push_back(call);
  listener_.OnEnded(*call, reset);
}

void ClientConnection::OnOver(absl::string_view why) { listener_.OnLost(why); }

}  // namespace singleflight::bench
