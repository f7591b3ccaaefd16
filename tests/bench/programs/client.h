// The connections of bench-client, and what its calls came to.

#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_CLIENT_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tests/bench/programs/client_connection.h"
#include "tests/bench/programs/tally.h"
#include "tests/bench/programs/wire.h"

namespace singleflight::bench {

struct ClientOptions {
  std::string target;
  ClientConnectionOptions connection;
  int connections = 1;
  int streams = 1;  // concurrent calls of each connection
  Nanos deadline = kNever;
};

// The connections of a run and the count of its calls. What a mode adds is when to begin which
// call.
//
// Errors: after a lost connection, a signal or the deadline nothing more happens: RunUntil()
// returns false, and Close() counts the calls that are still open as failed.
class Client final : public ClientConnection::Listener {
 public:
  explicit Client(const ClientOptions& options);

  // Returns when all connections have the server's SETTINGS.
  absl::Status Connect();

  // Begins a call; its latency counts from `call.begun()`.
  MadeCall& Begin(ClientConnection& connection, MadeCall call);

  // Fills the streams of all connections, in turn, with at most so many calls; `make` makes each.
  void BeginEverywhere(uint64_t at_most, const std::function<MadeCall()>& make);

  // What happens when a call has ended; a closed loop begins the next here.
  std::function<void(ClientConnection&)> on_ended;

  // One turn of the loop, which waits until `until` at the longest; false if the run is over.
  bool Turn(Nanos until);

  // Turns until done() or `until`. False: it was `until`, or the run is over.
  bool RunUntil(const std::function<bool()>& done, Nanos until = kNever);
  bool RunUntilAllEnded();

  // The run is over: what is open is lost.
  void Close();

  // Forgets what was counted, after a warm-up; no call may be open.
  void StartCounting() { tally_ = Tally(); }

  // What follows may take as long as it likes.
  void LiftDeadline() { deadline_ = kNever; }

  uint64_t open() const { return begun_ - ended_; }
  uint64_t sent() const { return sent_; }
  bool over() const { return !lost_.empty() || io_->loop.stopped(); }
  absl::string_view lost() const { return lost_; }  // why, once a connection is
  EventLoop& loop() { return io_->loop; }
  Tally& tally() { return tally_; }
  ClientConnection& connection(size_t i) { return *connections_[i]; }
  size_t connections() const { return connections_.size(); }

 private:
  void OnReady() override { ++ready_; }
  void OnSent() override { ++sent_; }
  void OnEnded(const MadeCall& call, uint32_t reset) override;
  void OnLost(absl::string_view why) override;

  const ClientOptions options_;
  const std::unique_ptr<IoThread> io_;
  Tally tally_;
  Nanos deadline_;
  std::string lost_;
  uint64_t ready_ = 0;
  uint64_t begun_ = 0;
  uint64_t sent_ = 0;
  uint64_t ended_ = 0;
  std::vector<std::unique_ptr<ClientConnection>> connections_;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_CLIENT_H_
