// The seam between nghttp2 and a session.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_SESSION_CALLBACKS_H_
#define SINGLEFLIGHT_SERVER_HTTP2_SESSION_CALLBACKS_H_

#include <nghttp2/nghttp2.h>

#include "server/http2/session.h"

namespace singleflight::http2 {

// What nghttp2 calls. Each turns C's arguments into the session's terms, and passes them on.
struct Session::Callbacks {
  // All of them, for a new session; the caller's to delete.
  static nghttp2_session_callbacks* All();

  // What a stream's body is read from.
  static nghttp2_data_provider BodyOf(Stream& stream);

 private:
  static Session& Self(void* user_data);
  static Stream* Find(nghttp2_session* session, int32_t id);
  static int OnBeginFrame(nghttp2_session*, const nghttp2_frame_hd* frame, void* user_data);
  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user_data);
  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t flags,
                      void* user_data);
  static int RefuseField(nghttp2_session* session, int32_t stream_id);
  static int OnInvalidHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t*,
                             size_t, const uint8_t*, size_t, uint8_t, void*);
  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user_data);
  static int OnData(nghttp2_session* session, uint8_t flags, int32_t stream_id,
                    const uint8_t* bytes, size_t size, void*);
  static int OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user_data);
  static void OnEndSent(nghttp2_session* session, const Session& self, int32_t stream_id);
  static int OnFrameNotSent(nghttp2_session* session, const nghttp2_frame* frame, int,
                            void* user_data);
  static int OnStreamClosed(nghttp2_session* session, int32_t stream_id, uint32_t error,
                            void* user_data);
  static ssize_t ReadBody(nghttp2_session* session, int32_t, uint8_t* out, size_t room,
                          uint32_t* flags, nghttp2_data_source* source, void*);
  static void EndBody(nghttp2_session* session, Stream& stream, uint32_t* flags);
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_SESSION_CALLBACKS_H_
