#ifndef SINGLEFLIGHT_SERVER_TLS_STREAM_H_
#define SINGLEFLIGHT_SERVER_TLS_STREAM_H_

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "server/net/byte_stream.h"
#include "server/tls/context.h"
#include "server/tls/resumption.h"

struct ssl_st;

namespace singleflight::tls {

// TLS over another stream of bytes; which side it is, its context says. First Handshake, then it is
// a net::ByteStream like any other.
//
//   Read ◄── SSL ◄── records ◄── inner.Read, a record at a time
//   Write ──► SSL ──► records ──► outgoing_ ──► inner.Write, all of them together
//
// Reading goes on until the room is full or OpenSSL has no whole record any more, so that a short
// read means that nothing is left that the inner stream will not tell of. There is a bound to what
// one Read takes from that, for records need not carry any bytes. What is written is taken whole
// and becomes records immediately; while some of those wait for the socket (backlog), nothing more
// is taken.
//
// Memory: while idle it holds no buffers, only OpenSSL's state.
//
// Fairness: a server's part of handshakes is done in line (net::Worker::InLine).
//
// Ownership: callbacks are kept until they were called or Close. Threads: its worker's. Errors: as
// of the inner stream, and EPROTO for what TLS finds wrong; WhyFailed has the words.
class Stream final : public net::ByteStream {
 public:
  // A client's stream takes the session of `resumption` up, and leaves the latest one there; the
  // streams to one endpoint share it. Null: none.
  Stream(net::Worker& worker, std::unique_ptr<net::ByteStream> inner, SharedContext context,
         std::shared_ptr<Resumption> resumption = nullptr);
  ~Stream() override;

  // Calls `done` once, after this has returned, in a turn of the worker; never after Close. OK:
  // both sides have agreed on h2. Errors: kUnavailable, with words for whoever runs the proxy.
  // There is no time limit; Close ends it.
  void Handshake(absl::AnyInvocable<void(absl::Status)> done);

  // After the handshake: whether it was short, by a session that both sides knew.
  bool resumed() const;

  Result Read(char* bytes, size_t room) override;
  Result Write(absl::string_view bytes) override;
  size_t backlog() const override { return outgoing_.size(); }
  void WhenReadable(absl::AnyInvocable<void()> callback) override;
  void WhenWritable(absl::AnyInvocable<void()> callback) override;
  void EndWriting() override;
  void Close() override;
  std::string WhyFailed(int error) const override;

 private:
  friend struct RecordBio;

  void BeginAsClient();
  void AwaitStep();
  void Step();
  void FinishHandshake(absl::Status status);
  void BeginReading();
  Result EndOfReading(int result, size_t size);
  Result BrokenResult();
  bool Flush();
  void OnInnerWritable();
  void InATurn(absl::AnyInvocable<void()> task);

  // Many members: reading, writing, the handshake and the end each have a state of their own, as
  // any of them may wait for the inner stream while the others go on.
  net::Worker& worker_;
  const std::unique_ptr<net::ByteStream> inner_;
  const SharedContext context_;
  const std::shared_ptr<Resumption> resumption_;
  ssl_st* const ssl_;

  absl::AnyInvocable<void(absl::Status)> done_;
  absl::AnyInvocable<void()> on_writable_;
  std::string outgoing_;        // records that the inner stream has not taken
  absl::optional<Result> end_;  // what every further Read returns
  std::string why_;             // it failed, where it is TLS that did
  size_t asked_ = 0;            // bytes of outgoing_ that a Write or the handshake made, at most
  size_t inner_read_ = 0;       // bytes, since the current call of Read or Step began
  int read_error_ = 0;          // of the inner stream
  int write_error_ = 0;
  bool awaiting_room_ = false;  // for outgoing_
  bool inner_drained_ = false;  // since the current call of Read or Step began
  bool drained_ = false;        // the last Read has left nothing behind
  bool asking_ = false;         // a Write or Step is on the stack
  bool broken_ = false;         // nothing can be written any more
  bool ends_writing_ = false;   // once outgoing_ is out
  bool closed_ = false;
  const std::shared_ptr<void> alive_ = std::make_shared<char>();  // ends with this
};

}  // namespace singleflight::tls

#endif  // SINGLEFLIGHT_SERVER_TLS_STREAM_H_
