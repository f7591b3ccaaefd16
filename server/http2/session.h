// One side of one HTTP/2 connection (RFC 9113), on nghttp2: bytes in, events out; calls in, bytes
// out. It knows no socket, and of time only the ticks that CutStalled stands for.
//
// Where to read on: session_setup.cc how it begins, session.cc how it lives and ends,
// session_blocks.cc what becomes of header blocks and bodies, session_callbacks.cc how nghttp2
// tells of them. What a peer may not do without end is in FloodGuard and Progress.
//
// Flow control: the window of the connection is refunded as bytes arrive, the window of a stream as
// its reader consumes them, so that one slow reader never stalls the other streams.
//
// Threads: one. Re-entrancy: handlers may call anything of streams; they must not destroy the
// session.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_SESSION_H_
#define SINGLEFLIGHT_SERVER_HTTP2_SESSION_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/http2/bound.h"
#include "server/http2/early_data.h"
#include "server/http2/early_resets.h"
#include "server/http2/flood_guard.h"
#include "server/http2/incoming_block.h"
#include "server/http2/long_fields.h"
#include "server/http2/stream.h"
#include "server/model/headers.h"

struct nghttp2_session;

namespace singleflight::http2 {

enum class Side { kServer, kClient };

struct SessionOptions {
  // What this side allows its peer.
  uint32_t max_concurrent_streams = 1024;
  int32_t stream_window_bytes = 256 << 10;
  int32_t connection_window_bytes = 1 << 20;
  size_t max_header_list_bytes = 64 << 10;
  size_t max_header_count = std::numeric_limits<size_t>::max();

  // Acknowledgements of PING and SETTINGS that may wait to be written; and, for a server, calls
  // that are given up. FloodGuard has the rules.
  size_t max_queued_acks = 1000;
  uint64_t reset_allowance = 10000;

  // Progress has the rule. Connection keeps the time.
  absl::Duration stall_timeout = absl::InfiniteDuration();

  // Client: the first stream's id; tests start near the end of the range. Zero: the protocol's.
  int32_t first_stream_id = 0;
};

// What the user of a session hears. Called from within Receive and Produce.
class SessionEvents {
 public:
  // Server: a request's stream began; give it a handler. Its headers follow once they are whole.
  virtual void OnStream(Stream& stream) = 0;

  // The peer's settings came for the first time, or changed.
  virtual void OnSettings() = 0;

  // The peer takes no more streams (GOAWAY), or this side may open none any more.
  virtual void OnGoAway() = 0;

  // A stream is gone, and does not count against the peer's limit any more.
  virtual void OnStreamGone() = 0;

  // The peer met a bound, of which there is one call at most for every connection, stream or
  // request that it ends.
  virtual void OnBound(Bound bound) = 0;

  // Server: a stream is being reset because what came on it breaks RFC 9113 §8; `why` is a phrase.
  virtual void OnMalformed(absl::string_view) {}

 protected:
  ~SessionEvents() = default;
};

// What the carrier of a session's bytes hears.
class CarrierEvents {
 public:
  // Something waits to be written.
  virtual void OnWritable() = 0;

  // The acknowledgement of a PING that SendPing sent.
  virtual void OnPingAck() = 0;

 protected:
  ~CarrierEvents() = default;
};

class Session {
 public:
  Session(Side side, const SessionOptions& options, SessionEvents& events, CarrierEvents& carrier);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Tells every stream that is left OnClosed.
  ~Session();

  // Takes bytes from the peer. An error ends the connection; what Produce then yields tells the
  // peer why.
  absl::Status Receive(absl::string_view bytes);

  // Appends what should be written now to `out`, until it holds at least `enough` bytes or nothing
  // is left.
  void Produce(std::string* out, size_t enough);

  // True when nothing is to be expected or sent any more: close the connection.
  bool Done() const;

  // Client: opens a stream. Only while CanOpen().
  Stream& Open(const model::Headers& fields, std::shared_ptr<StreamEvents> handler);
  bool CanOpen() const;

  // False once no stream will ever open on this connection again: GOAWAY came or went, or the ids
  // are used up.
  bool alive() const { return opening_.allowed; }

  // Client: opens no more streams; the connection ends with its last one.
  void Retire();

  // Whether the peer says that it takes a header list as large as this one (RFC 9113 §6.5.2). More
  // than that, and some end the connection.
  bool PeerTakes(model::HeadersView fields) const;
  uint32_t peer_max_header_list() const;

  size_t streams() const { return streams_.size(); }

  // Streams that ended in order, and not by their deadline.
  uint64_t completed() const { return guard_.completed(); }

  // Server: a reply has begun, or a stream ended in order.
  bool served() const { return replied_ || completed() > 0; }

  // Frames that wait to be written, other than DATA of open streams.
  size_t queued_frames() const;

  // Client: how many streams the peer allows at a time.
  uint32_t peer_max_streams() const;

  // Server: tells the client to open no more streams; ends nothing. Then, after a round trip
  // (OnPingAck), FinishShutdown refuses what came later (RFC 9113 §6.8).
  void BeginShutdown();
  void FinishShutdown();

  // Sends GOAWAY with `code`; streams that run are cut off once the bytes have been written.
  void Terminate(ErrorCode code);

  void SendPing();

  // Server: whether a client that does nothing more would hold what is here: bytes that wait for a
  // stream's window, or a header block that has begun. A backend may do so as long as it likes.
  bool waits() const { return side_ == Side::kServer && (streams_with_bytes_ > 0 || block_open()); }

  // Whether a header block has begun, and not ended.
  bool block_open() const { return block_.open() || long_fields_.holds_block(); }

  // What is held of a header block whose end has not come, in bytes of memory.
  size_t BlockFootprint() const { return long_fields_.footprint() + block_.Footprint(); }

  // Once a tick (see Progress), while it waits: resets streams whose windows are not opened, and
  // ends the connection whose header block does not come to its end.
  void CutStalled();

  // Why this side ends the connection with an error; empty: it does not.
  const std::string& why_ended() const { return ending_.why; }

  // Whether it does for a bound of its own, and not because the peer broke the protocol.
  bool ended_by_bound() const { return ending_.by_own_bound; }

  // What the streams that are left hear as the cause when the session goes.
  void SetCause(absl::string_view cause) { ending_.cause = std::string(cause); }

  // Frames that have come, of whatever kind.
  uint64_t received_frames() const { return guard_.frames(); }

  // Those of them that are HEADERS or DATA.
  uint64_t received_replies() const { return peer_.replies; }

  // Client: the peer said in its GOAWAY that it gets too many PINGs (gRPC, "Keepalive").
  bool pinged_too_often() const { return peer_.pinged_too_often; }

  // Whether the connection is ending for a flood.
  bool flooded() const { return ending_.for_flood; }

 private:
  friend class Stream;
  struct Callbacks;

  // What the bytes of a client, or of a server, pass through first.
  using Early = std::variant<EarlyResets, EarlyData>;

  // Whether streams may begin here.
  struct Opening {
    bool allowed = true;   // see alive()
    bool retired = false;  // see Retire
    bool refused = false;  // this side's GOAWAY says so of those that come now
  };

  // Why the connection ends, if it does.
  struct Ending {
    bool told = false;          // the owner has heard of a bound
    bool for_flood = false;     // see flooded()
    bool by_own_bound = false;  // see ended_by_bound()
    std::string why;            // see why_ended()
    std::string cause;          // see SetCause
  };

  // What the peer has said of itself.
  struct Peer {
    bool settings_seen = false;
    bool pinged_too_often = false;
    uint64_t replies = 0;  // see received_replies()
  };

  void SetUp();
  void Greet();

  absl::Status ReceiveFirst(EarlyResets& resets, absl::string_view bytes);
  absl::Status ReceiveFirst(EarlyData& data, absl::string_view bytes);
  absl::Status Read(absl::string_view bytes);
  absl::Status Parse(absl::string_view bytes);
  void RefuseEarlyData(int32_t stream_id);

  Stream& Adopt(int32_t id);
  Closed HowClosed(const Stream& stream, uint32_t error) const;
  void OnSettings();
  void OnGoAway(uint32_t error, absl::string_view reason);

  void BeginBlock(int32_t id, Stream* stream, bool begins);
  bool Restore(const LongField& whole, model::Field* field);
  void EndEndless();
  void BlockEnded(Stream& stream, bool end);
  void RefuseHeaders(Stream& stream, bool end);
  void RefuseReply(Stream& stream, bool end);
  void RefuseRequest(Stream& stream);
  bool TakesBody(Stream& stream, size_t more);
  void CountBody(Stream& stream, size_t more);
  void BodyEnded(Stream& stream);
  void RefuseMalformed(Stream& stream, absl::string_view why);
  void CloseStream(Stream& stream, Closed closed);
  bool ReplyIsWhole(const Stream& stream) const;
  void EndIfRetired();
  bool SubmitTrailing(Stream& stream);
  void SubmitReply(Stream& stream, model::HeadersView fields, absl::Span<const model::Field> more,
                   bool end);
  void CountEnd(Bound bound);
  void EndedFor(uint32_t error, absl::string_view reason);
  void EndFlood(Bound bound);
  void CountWasted();
  void Wake() { carrier_.OnWritable(); }

  const Side side_;
  const SessionOptions options_;
  SessionEvents& events_;
  CarrierEvents& carrier_;
  nghttp2_session* session_ = nullptr;
  absl::flat_hash_map<int32_t, std::unique_ptr<Stream>> streams_;
  size_t streams_with_bytes_ = 0;
  Opening opening_;
  bool replied_ = false;
  Peer peer_;
  FloodGuard guard_;
  Early early_;
  LongFields long_fields_;
  IncomingBlock block_;
  Ending ending_;
};

// Whether somebody hears of so many bytes more of a body.
inline bool Session::TakesBody(Stream& stream, size_t more) {
  if (stream.body_left_ != Stream::kNotSaid) CountBody(stream, more);
  return stream.handler_ != nullptr && !stream.malformed_ && !stream.headers_too_large_;
}

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_SESSION_H_
