// A session on a byte stream: reads what comes, and writes what the session wants written.
//
// Writing: once per turn of the loop, so that many small frames leave in one system call. If one
// read makes very many of them, they leave immediately.
//
// Fairness: a client's connection is read from in line (Worker::InLine) while nothing has been
// served on it, in the middle of a header block, and once it has ended but for bytes on their way.
//
// Memory: an idle connection holds no buffers; reading and writing borrow the worker's. Reading
// stops while the peer leaves too much unread.
//
// Time: one timer ticks while something waits for the peer (Progress): for its socket, or for what
// Session::waits names. A socket that stalls ends the connection.
//
// Ownership: shared; callbacks of the byte stream keep it alive until it has closed. `events` must
// live until OnConnectionClosed. Threads: its worker's.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_CONNECTION_H_
#define SINGLEFLIGHT_SERVER_HTTP2_CONNECTION_H_

#include <memory>
#include <string>

#include "absl/types/optional.h"
#include "server/http2/session.h"
#include "server/memory/buffered.h"
#include "server/net/byte_stream.h"
#include "server/net/worker.h"

namespace singleflight::http2 {

// What the owner of a connection hears, on its worker: what happens in its session, and its end.
class ConnectionEvents : public SessionEvents {
 public:
  virtual ~ConnectionEvents() = default;

  // The last call. Every stream has been told before; the session is gone.
  virtual void OnConnectionClosed(absl::string_view why) = 0;
};

class Connection final : public CarrierEvents,
                         public net::EndOfTurn,
                         public std::enable_shared_from_this<Connection> {
 public:
  Connection(net::Worker& worker, Side side, const SessionOptions& options,
             std::unique_ptr<net::ByteStream> bytes, ConnectionEvents& events);
  ~Connection();

  // Begins to read and write.
  void Start();

  // Null after OnConnectionClosed.
  Session* session() { return session_.get(); }

  // When the latest bytes came.
  base::Instant heard_at() const { return reading_.heard_at; }

  // See Session; still known in OnConnectionClosed.
  bool ended_by_bound() const { return ending_.by_own_bound; }

  // Closes at the end of the current event, without ceremony. Streams are told that the connection
  // was lost.
  void Close(absl::string_view why);

  // Server: asks the client to open no more streams, refuses those that come a round trip later,
  // and closes when the last one has ended. A client that does not acknowledge is not waited for.
  void Drain();

 private:
  struct Reading {
    bool asked = false;  // bytes are waited for, or being read
    bool first = true;   // none have come
    bool small_frames;   // those that came last were, on average, or none has come to a server
    base::Instant heard_at = {};
  };

  struct Writing {
    bool asked = false;    // at the end of the turn
    bool blocked = false;  // something waits for the socket, here or in the byte stream
    std::string unsent;    // what the byte stream did not take
    int64_t taken = 0;     // bytes that the byte stream took, ever
    int64_t left = 0;      // those of them that had left at the last tick
    Progress progress;     // of what waits for the socket
  };

  struct Ending {
    bool draining = false;
    bool lingering = false;  // all is written; waiting for the peer to close
    size_t lingered = 0;     // bytes that came meanwhile
    bool asked = false;      // CloseNow comes
    std::string why;
    bool by_own_bound = false;  // see ended_by_bound()
  };

  void OnWritable() override;
  void OnPingAck() override;
  void OnEndOfTurn() override;

  bool ReadsInLine() const;
  void OnReadable();
  void AwaitReadable();
  void Take(absl::string_view bytes);
  void AnswerHttp1(absl::string_view bytes);
  void NoteWhyEnded();
  void Flush();
  bool WriteOut(absl::string_view bytes);
  void OnWritten();
  void CountBlock();
  void CountWaiting();
  void FinishDrain();
  void WatchForStalls();
  void OnStallTick();
  bool SocketStalls();
  void CutStalledStreams();
  bool EndsCalls() const;
  void Linger();
  void CloseNow();

  net::Worker& worker_;
  const Side side_;
  const std::unique_ptr<net::ByteStream> bytes_;
  ConnectionEvents& events_;
  std::unique_ptr<Session> session_;

  bool in_session_ = false;  // a call into the session is on the stack
  Reading reading_;
  Writing writing_;
  Ending ending_;

  size_t block_bytes_ = 0;  // of a header block that is being received
  absl::optional<memory::Buffered::Part> waiting_bytes_;  // those, and what waits to be written

  const absl::Duration stall_tick_;
  base::Timer stall_timer_;
  base::Timer timer_;  // of the round trip while draining, then of lingering
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_CONNECTION_H_
