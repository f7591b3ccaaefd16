// One connection of the responder on nghttp2.

#include "tests/bench/programs/responder_connection.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"

namespace singleflight::bench {
namespace {

constexpr uint32_t kStreamWindow = 1 << 20;
constexpr int32_t kConnectionWindow = 64 << 20;
constexpr uint32_t kConcurrentStreams = 1 << 20;
constexpr absl::string_view kUnavailable = "14";

}  // namespace

// What nghttp2 calls.
struct ResponderConnection::Callbacks {
  static ResponderConnection& Self(void* user_data) {
    return static_cast<ResponderConnection&>(*static_cast<Wire*>(user_data));
  }

  static ServedCall* Find(nghttp2_session* session, int32_t id) {
    return static_cast<ServedCall*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    const int32_t id = frame->hd.stream_id;
    nghttp2_session_set_stream_user_data(session, id, Self(user_data).Open(id));
    return 0;
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* user_data) {
    if (View(name, name_size) != ":path") return 0;
    if (ServedCall* call = Find(session, frame->hd.stream_id)) {
      Self(user_data).SetMethod(*call, View(value, value_size));
    }
    return 0;
  }

  static int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes,
                    size_t size, void*) {
    ServedCall* const call = Find(session, id);
    if (call != nullptr) call->connection->OnBody(*call, View(bytes, size));
    return 0;
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    const bool carries_body = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (!carries_body || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    if (ServedCall* call = Find(session, frame->hd.stream_id)) Self(user_data).OnRequestEnd(*call);
    return 0;
  }

  static int OnClose(nghttp2_session* session, int32_t id, uint32_t, void* user_data) {
    if (ServedCall* call = Find(session, id)) Self(user_data).OnStreamClosed(*call);
    return 0;
  }

  static ssize_t ReadReply(nghttp2_session*, int32_t, uint8_t* to, size_t max, uint32_t* flags,
                           nghttp2_data_source* source, void* user_data) {
    return Self(user_data).ReadReply(*static_cast<ServedCall*>(source->ptr), to, max, flags);
  }

  static int SendReply(nghttp2_session*, nghttp2_frame*, const uint8_t* frame_header, size_t size,
                       nghttp2_data_source* source, void* user_data) {
    return Self(user_data).SendBody(static_cast<ServedCall*>(source->ptr)->reply, frame_header,
                                    size);
  }

  // Without streams that have ended, as the product: keeping them costs more than answering does.
  static nghttp2_session* NewSession(Wire* wire) {
    nghttp2_option* options;
    SF_CHECK(nghttp2_option_new(&options) == 0);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_session_callbacks* callbacks;
    SF_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, OnBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, SendReply);
    nghttp2_session* session;
    SF_CHECK(nghttp2_session_server_new2(&session, callbacks, wire, options) == 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(options);
    return session;
  }
};

// A failure of this callback is what resets a stream behind what has been written of it.
ssize_t ResponderConnection::ReadReply(ServedCall& call, uint8_t* to, size_t max, uint32_t* flags) {
  Body& reply = call.reply;
  switch (call.ending) {
    case Ending::kResetAfterHeaders:
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    case Ending::kResetInBody:
      if (reply.left() < reply.message_bytes()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      return static_cast<ssize_t>(
          ReadBody(reply, to, std::min<size_t>(max, reply.left() / 2), flags));
    case Ending::kResetBeforeTrailers:
      if (reply.left() == 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      return static_cast<ssize_t>(ReadBody(reply, to, max, flags));
    case Ending::kAnswer:
    case Ending::kUnavailable:
    case Ending::kUnavailableAtTheEnd:
    case Ending::kRefused:
    case Ending::kResetAtOnce:
    case Ending::kSilence:
      break;
  }
  if (reply.left() <= max) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const bool bad = call.ending == Ending::kUnavailableAtTheEnd;
    const nghttp2_nv trailer = Field("grpc-status", bad ? kUnavailable : shared_.options.status);
    nghttp2_submit_trailer(session(), call.id, &trailer, 1);
  }
  return static_cast<ssize_t>(ReadBody(reply, to, max, flags));
}

ResponderConnection::ResponderConnection(Responding& shared, Socket socket)
    : Wire(shared.io, std::move(socket)), shared_(shared) {
  nghttp2_session* const session = Callbacks::NewSession(this);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kConcurrentStreams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  Begin(session);
}

ResponderConnection::~ResponderConnection() {
  while (!open_.empty()) OnStreamClosed(*open_.back());
}

void ResponderConnection::OnOver(absl::string_view) {
  shared_.connections.erase(shared_.connections.find(this));
}

ServedCall* ResponderConnection::Open(int32_t id) {
  ServedCall* const call = shared_.calls.New();
  call->connection = this;
  call->id = id;
  call->place = open_.size();
  open_.push_back(call);
  return call;
}

void ResponderConnection::SetMethod(ServedCall& call, absl::string_view path) {
  using Method = ServedCall::Method;
  if (path == "/bench.Bench/Download") {
    call.method = Method::kDownload;
  } else if (path == "/bench.Bench/Upload") {
    call.method = Method::kUpload;
  } else if (path == "/bench.Stats/Calls") {
    call.method = Method::kStats;
  } else {
    call.number = ++shared_.unary_calls;
  }
}

void ResponderConnection::OnRequestEnd(ServedCall& call) {
  const ResponderOptions& options = shared_.options;
  call.reply = ReplyTo(call);
  if (call.method != ServedCall::Method::kUnary) {
    Answer(call);
    return;
  }
  if (options.goaway_every != 0 && ++served_ % options.goaway_every == 0) {
    nghttp2_submit_goaway(session(), NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session()), NGHTTP2_NO_ERROR,
                          nullptr, 0);
    FlushSoon();
  }
  call.ending = EndingOf(call);
  const bool slow = shared_.endings.DrawSlow();
  const Nanos delay = slow ? options.slow_delay : options.delay;
  if (delay == 0 || call.ending == Ending::kUnavailable) {
    Answer(call);
  } else {
    shared_.calls.Wait(&call, received() + delay, slow ? ServedCalls::kSlow : ServedCalls::kUsual);
  }
}

Ending ResponderConnection::EndingOf(const ServedCall& call) {
  const ResponderOptions& options = shared_.options;
  const bool away =
      received() >= options.unavailable_from && received() < options.unavailable_until;
  if (away || shared_.calls.waiting() >= options.capacity) return Ending::kUnavailable;
  const Ending ending = shared_.endings.DrawEnding();
  const bool bodiless = call.reply.left() < 2 && ending == Ending::kResetInBody;
  return bodiless ? Ending::kResetAtOnce : ending;
}

void ResponderConnection::OnBody(ServedCall& call, absl::string_view bytes) {
  if (call.method == ServedCall::Method::kUpload) {
    call.uploaded.Add(bytes);
  } else if (shared_.options.echo && call.method == ServedCall::Method::kUnary) {
    call.own_reply.append(bytes.data(), bytes.size());
  }
}

Body ResponderConnection::ReplyTo(ServedCall& call) {
  const ResponderOptions& options = shared_.options;
  switch (call.method) {
    case ServedCall::Method::kUnary: {
      if (options.echo && !call.own_reply.empty()) break;
      const bool wrong = options.wrong_every != 0 && call.number % options.wrong_every == 0;
      return Body(wrong ? options.wrong_reply : options.unary_reply, 1);
    }
    case ServedCall::Method::kDownload:
      return Body(options.stream_message, options.stream_messages);
    case ServedCall::Method::kUpload:
      call.own_reply = Framed(absl::StrCat(call.uploaded.count()));
      break;
    case ServedCall::Method::kStats:
      call.own_reply = Framed(absl::StrCat(shared_.unary_calls));
      break;
  }
  return Body(call.own_reply, 1);
}

void ResponderConnection::Answer(ServedCall& call) {
  FlushSoon();
  switch (call.ending) {
    case Ending::kSilence:
      return;
    case Ending::kUnavailable:
      AnswerUnavailable(call);
      return;
    case Ending::kRefused:
      nghttp2_submit_rst_stream(session(), NGHTTP2_FLAG_NONE, call.id, NGHTTP2_REFUSED_STREAM);
      return;
    case Ending::kResetAtOnce:
      nghttp2_submit_rst_stream(session(), NGHTTP2_FLAG_NONE, call.id, NGHTTP2_INTERNAL_ERROR);
      return;
    case Ending::kAnswer:
    case Ending::kUnavailableAtTheEnd:
    case Ending::kResetAfterHeaders:
    case Ending::kResetInBody:
    case Ending::kResetBeforeTrailers:
      break;  // ReadReply() ends it
  }
  static const nghttp2_nv fields[] = {Field(":status", "200"),
                                      Field("content-type", "application/grpc")};
  nghttp2_data_provider body;
  body.source.ptr = &call;
  body.read_callback = Callbacks::ReadReply;
  nghttp2_submit_response(session(), call.id, fields, std::size(fields), &body);
}

void ResponderConnection::AnswerUnavailable(ServedCall& call) {
  static const nghttp2_nv fields[] = {
      Field(":status", "200"), Field("content-type", "application/grpc"),
      Field("grpc-status", kUnavailable), Field("grpc-message", "the backend has a bad day")};
  nghttp2_submit_response(session(), call.id, fields, std::size(fields), nullptr);
}

void ResponderConnection::OnStreamClosed(ServedCall& call) {
  open_.back()->place = call.place;
  std::swap(open_[call.place], open_.back());
  open_.pop_back();
  shared_.calls.Closed(&call);
}

}  // namespace singleflight::bench
