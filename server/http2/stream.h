// One stream of a session, and what is heard on it.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_STREAM_H_
#define SINGLEFLIGHT_SERVER_HTTP2_STREAM_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "server/http2/bound.h"
#include "server/http2/progress.h"
#include "server/http2/slice_queue.h"
#include "server/model/headers.h"
#include "server/wire/status.h"

namespace singleflight::http2 {

class Session;

// RFC 9113 §7, those that this program sends.
enum class ErrorCode : uint32_t {
  kNoError = 0x0,
  kProtocolError = 0x1,
  kInternalError = 0x2,
  kFrameSizeError = 0x6,
  kRefusedStream = 0x7,
  kCancel = 0x8,
  kEnhanceYourCalm = 0xb,
};

// "PROTOCOL_ERROR", of whatever RFC 9113 §7 names.
absl::string_view NameOfError(uint32_t error);

// How a stream came to its end.
struct Closed {
  enum class Why {
    kOrderly,       // the reply was whole
    kReset,         // either side reset it with `error`
    kNotProcessed,  // the peer certainly did not begin with it (RFC 9113 §8.7): refused, above the
                    // last stream of a GOAWAY, or never sent
    kConnectionLost,   // the connection went away
    kMalformed,        // reset here with `error`, for what came breaks RFC 9113
    kStalled,          // server: reset here, for the peer took too little of what waited for it
    kHeadersTooLarge,  // client: reset here, for a block was beyond max_header_list_bytes
  };
  Why why;
  uint32_t error = 0;      // RFC 9113 §7
  std::string cause = {};  // with kConnectionLost: why, as far as that is known
  absl::optional<wire::StatusCode> status = {};  // with kHeadersTooLarge: what the block said
};

// Hears what happens on one stream. Called from within Session::Receive and Session::Produce; may
// call any method of any Stream, and nothing of a Session but what says so.
class StreamEvents {
 public:
  virtual ~StreamEvents() = default;

  // A header block: the request, or the reply's first. `end`: the peer's side ends with it.
  virtual void OnHeaders(model::Headers fields, bool end) = 0;

  // Bytes of the body. They hold the stream's window until Stream::Consume.
  virtual void OnData(absl::string_view bytes) = 0;

  // The peer's side ended: with a trailer block, or with an empty one standing for none.
  virtual void OnEnd(model::Headers trailing) = 0;

  // Server, in place of OnEnd: the request's trailer block is beyond `bound`. The handler answers
  // the caller; `why` says so.
  virtual void OnTrailersTooLarge(Bound, absl::string_view) {}

  // So many bytes given to Stream::Send have been written into frames.
  virtual void OnSent(size_t bytes) = 0;

  // The last call: the stream is gone.
  virtual void OnClosed(const Closed& closed) = 0;

  // Client, in place of OnClosed: a block of the reply is beyond max_header_list_bytes. Its fields
  // up to the bound are in `read`.
  virtual void OnReplyTooLarge(const Closed& closed, model::Headers read) {
    (void)read;
    OnClosed(closed);
  }
};

// One HTTP/2 stream. Belongs to its session, and lives until it has told its handler OnClosed; a
// handler that loses interest earlier resets it.
class Stream {
 public:
  Stream(Session& session, int32_t id) : session_(session), id_(id) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void SetHandler(std::shared_ptr<StreamEvents> handler) { handler_ = std::move(handler); }

  // A header block: `fields`, and `more` behind them. On the server's side the reply's first block
  // (a request is sent by Session::Open).
  void SendHeaders(model::HeadersView fields, bool end, absl::Span<const model::Field> more = {});

  // Queues bytes without copying them.
  void Send(base::Slice bytes);

  // Ends this side once what is queued has been sent; with a trailer block unless it is
  // empty.
  void Finish(model::SharedHeaders trailing);

  // Ends the stream immediately. The handler hears nothing more, not even OnClosed, and is let go.
  void Reset(ErrorCode code);

  // The same, but what is queued is sent before.
  void ResetBehindData(ErrorCode code);

  // Says that the call on this stream cost an upstream call, which its caller has given up: by a
  // reset, or by a deadline that passed. Too many of them end the connection (FloodGuard), and this
  // one will not count as completed.
  void MarkWasted();

  // Opens the stream's window by so many bytes of those that OnData showed.
  void Consume(size_t bytes);

  int32_t id() const { return id_; }
  Session& session() { return session_; }

  // This side has ended, down to its last frame.
  bool ended() const;

  // What OnData shows is of a frame that ends the peer's side: OnEnd follows when it is whole.
  bool ending() const { return ending_; }

 private:
  friend class IncomingBlock;
  friend class Session;

  static constexpr int64_t kNotSaid = std::numeric_limits<int64_t>::min();

  bool BodyIsTooShort() const { return body_left_ != kNotSaid && body_left_ != 0; }
  void Resume();
  void DropQueue();
  void Drained();
  bool Stalled(bool blocked);
  void CutOff();

  // Many members, most of them bits: every call that waits has one of these.
  Session& session_;
  const int32_t id_;

  ErrorCode reset_code_ = ErrorCode::kNoError;  // see reset_behind_data_
  int64_t body_left_ = kNotSaid;                // server: bytes to come, by `content-length`

  // What comes in.
  bool headers_seen_ : 1 = false;
  bool headers_too_large_ : 1 = false;
  bool ending_ : 1 = false;
  bool peer_ended_ : 1 = false;
  bool peer_reset_ : 1 = false;
  bool malformed_ : 1 = false;  // it is being reset for that
  bool wasted_ : 1 = false;     // its end does not count as completed

  // What goes out.
  bool begun_ : 1 = false;     // the first block has been given to be written
  bool deferred_ : 1 = false;  // it was told that there is none now
  bool finished_ : 1 = false;
  bool reset_ : 1 = false;
  bool reset_behind_data_ : 1 = false;  // with `reset_code_`, once the queue is empty
  Progress progress_;                   // of the bytes that wait in `queue_`
  std::shared_ptr<StreamEvents> handler_;
  SliceQueue queue_;
  model::SharedHeaders trailing_;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_STREAM_H_
