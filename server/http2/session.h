#ifndef SINGLEFLIGHT_SERVER_HTTP2_SESSION_H_
#define SINGLEFLIGHT_SERVER_HTTP2_SESSION_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/http2/early_data.h"
#include "server/http2/early_resets.h"
#include "server/http2/long_fields.h"
#include "server/http2/progress.h"
#include "server/http2/request_rules.h"
#include "server/http2/stream.h"
#include "server/metrics/bounds.h"
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

  // Acknowledgements of PING and SETTINGS that may wait to be written (RFC 9113 §10.5).
  size_t max_queued_acks = 1000;

  // Server: resets of streams that had cost an upstream call, and deadlines that passed on such
  // streams, beyond ten for every other stream that ran to its end, before the connection is ended
  // (CVE-2023-44487). A gRPC deadline or cancellation is a reset too.
  uint64_t reset_allowance = 10000;

  // See Connection, and, for a server's streams, Session::CutStalled; nothing else here knows time.
  absl::Duration stall_timeout = absl::InfiniteDuration();

  // Client: the first stream's id; tests start near the end of the range. Zero: the protocol's.
  int32_t first_stream_id = 0;
};

// What a connection's owner hears. Called from within Receive and Produce.
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
  virtual void OnBound(metrics::Bound bound) = 0;

  // Server: a stream is being reset because what came on it breaks RFC 9113 §8; `why` is a phrase.
  virtual void OnMalformed(absl::string_view) {}

  // The acknowledgement of a PING that SendPing sent.
  virtual void OnPingAck() = 0;

  // Something waits to be written.
  virtual void OnWritable() = 0;

 protected:
  ~SessionEvents() = default;
};

// One side of one HTTP/2 connection (RFC 9113), on nghttp2: bytes in, events out; calls in, bytes
// out. It knows no socket.
//
// Flow control: the window of the connection is refunded as bytes arrive, the window of a stream as
// its reader consumes them, so that one slow reader never stalls the other streams.
//
// Threads: one. Re-entrancy: handlers may call anything of streams; they must not destroy the
// session.
class Session {
 public:
  Session(Side side, const SessionOptions& options, SessionEvents& events);
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
  bool alive() const { return alive_; }

  // Client: opens no more streams; the connection ends with its last one.
  void Retire();

  // Whether the peer says that it takes a header list as large as this one (RFC 9113 §6.5.2). More
  // than that, and some end the connection.
  bool PeerTakes(model::HeadersView fields) const;
  uint32_t peer_max_header_list() const;

  size_t streams() const { return streams_.size(); }

  // Streams that ended in order, and not by their deadline.
  uint64_t completed() const { return completed_; }

  // Server: a reply has begun, or a stream ended in order.
  bool served() const { return replied_ || completed_ > 0; }

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

  // Whether a peer that does nothing more would hold what is here: bytes that wait for a stream's
  // window, or a header block that has begun.
  bool waits() const { return streams_with_bytes_ > 0 || block_open(); }

  // Whether a header block has begun, and not ended.
  bool block_open() const { return open_block_ != 0 || long_fields_.holds_block(); }

  // What is held of a header block whose end has not come, in bytes of memory.
  size_t BlockFootprint() const {
    return long_fields_.footprint() + (open_block_ == 0 ? 0 : incoming_.Footprint());
  }

  // Once a tick (see Progress): resets streams whose windows are not opened, and ends the
  // connection whose header block does not come to its end.
  void CutStalled();

  // Why this side ends the connection with an error; empty: it does not.
  const std::string& why_ended() const { return why_ended_; }

  // Whether it does for a bound of its own, and not because the peer broke the protocol.
  bool ended_by_bound() const { return ended_by_bound_; }

  // What the streams that are left hear as the cause when the session goes.
  void SetCause(absl::string_view cause) { cause_ = std::string(cause); }

  // Frames that have come, of whatever kind.
  uint64_t received_frames() const { return received_frames_; }

  // Those of them that are HEADERS or DATA.
  uint64_t received_replies() const { return received_replies_; }

  // Client: the peer said in its GOAWAY that it gets too many PINGs (gRPC, "Keepalive").
  bool pinged_too_often() const { return pinged_too_often_; }

  // A header block that says more than this, by whatever compression, ends the connection; what is
  // larger than `max_header_list_bytes` is read up to here, so that the call can be told. A backend
  // is trusted with more than a client.
  static constexpr size_t kEndlessHeaderBytes = 256 << 10;
  static constexpr size_t kEndlessReplyHeaderBytes = 16 << 20;

  // Server: empty DATA frames in a row, on all streams together, that do not end theirs.
  static constexpr int kMostEmptyFrames = 1000;

  // Whether the connection is ending for a flood.
  bool flooded() const { return flooded_; }

  // Says that the stream cost an upstream call, which a reset now wastes.
  void CountCostlyReset();

  // The same where the caller's deadline wastes it: `stream` will end in order, and does not count
  // as completed.
  void CountCostlyDeadline(Stream& stream);

 private:
  friend class Stream;
  struct Callbacks;

  absl::Status Read(absl::string_view bytes);
  absl::Status Parse(absl::string_view bytes);
  absl::Status ReceiveReplies(absl::string_view bytes);
  absl::Status ReceiveRequests(absl::string_view bytes);
  void RefuseEarlyData(int32_t stream_id);
  size_t EndlessBytes() const {
    return side_ == Side::kServer ? kEndlessHeaderBytes : kEndlessReplyHeaderBytes;
  }
  void EndEndless();
  Stream& Adopt(int32_t id);
  void HeaderBlockEnded(Stream& stream, bool end);
  void RefuseHeaders(Stream& stream, bool end);
  void RefuseReply(Stream& stream, bool end);
  void RefuseRequest(Stream& stream);
  void BodyEnded(Stream& stream);
  void RefuseMalformed(Stream& stream, absl::string_view why);
  static bool BodyIsTooLong(Stream& stream, size_t more);
  static bool BodyIsTooShort(const Stream& stream);
  void LetGoOfLargeBlock();
  void CloseStream(Stream& stream, Closed closed);
  bool ReplyIsWhole(const Stream& stream) const;
  void EndIfRetired();
  bool SubmitTrailing(Stream& stream);
  void SubmitReply(Stream& stream, model::HeadersView fields, absl::Span<const model::Field> more,
                   bool end);
  void BlockEnded() {
    open_block_ = 0;
    block_progress_.Rest();
  }
  void CountEnd(metrics::Bound bound);
  void EndedFor(uint32_t error, absl::string_view reason);
  void EndFlood(metrics::Bound bound);
  void Wake() { events_.OnWritable(); }

  const Side side_;
  const SessionOptions options_;
  SessionEvents& events_;
  nghttp2_session* session_ = nullptr;
  absl::flat_hash_map<int32_t, std::unique_ptr<Stream>> streams_;
  model::Headers incoming_;  // the block being received; blocks never interleave (RFC 9113 §4.3)
  RequestRules rules_;       // server: of that block
  bool settings_seen_ = false;
  bool alive_ = true;
  bool retired_ = false;
  bool shutdown_finished_ = false;  // the GOAWAY that goes out refuses streams that come now
  uint64_t costly_resets_ = 0;
  uint64_t completed_ = 0;
  bool replied_ = false;
  bool flooded_ = false;
  bool end_counted_ = false;  // why the connection ends has been told
  std::string why_ended_;
  bool ended_by_bound_ = false;
  std::string cause_;
  EarlyResets early_resets_;  // server
  EarlyData early_data_;      // client
  LongFields long_fields_;
  uint64_t received_frames_ = 0;
  uint64_t received_replies_ = 0;
  bool pinged_too_often_ = false;
  int empty_frames_ = 0;        // in a row
  int32_t open_block_ = 0;      // the stream whose header block is being received; 0: none
  Stream* block_of_ = nullptr;  // the same; null: it is gone, or never was
  Progress block_progress_;     // to its end
  size_t block_bytes_ = 0;      // what it has said, as header lists are measured (RFC 9113 §6.5.2)
  absl::optional<wire::StatusCode> block_status_;  // that it said beyond max_header_list_bytes
  size_t streams_with_bytes_ = 0;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_SESSION_H_
