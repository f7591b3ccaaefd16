#include "tests/bench/programs/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/bench/programs/socket.h"

namespace singleflight::bench {
namespace {

// More would overflow the server's queue of connections, and a lost SYN costs a second.
constexpr uint64_t kConnectingAtOnce = 64;

}  // namespace

Client::Client(const ClientOptions& options)
    : options_(options), io_(std::make_unique<IoThread>()), deadline_(options.deadline) {}

absl::Status Client::Connect() {
  const auto total = static_cast<uint64_t>(options_.connections);
  while (connections_.size() < total) {
    auto socket = bench::Connect(options_.target);
    if (!socket.ok()) return socket.status();
    connections_.push_back(
        std::make_unique<ClientConnection>(*io_, *std::move(socket), options_.connection, *this));
    RunUntil([this] { return connections_.size() - ready_ < kConnectingAtOnce; });
    if (over()) break;
  }
  if (RunUntil([this, total] { return ready_ == total; })) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot connect to ", options_.target, ": ", ready_,
                                             " of ", total, " connections; ",
                                             lost_.empty() ? "no answer in time" : lost_));
}

MadeCall& Client::Begin(ClientConnection& connection, MadeCall call) {
  ++begun_;
  return connection.Call(std::move(call));
}

void Client::BeginEverywhere(uint64_t at_most, const std::function<MadeCall()>& make) {
  for (int stream = 0; stream < options_.streams; ++stream) {
    for (const auto& connection : connections_) {
      if (at_most-- == 0) return;
      Begin(*connection, make());
    }
  }
}

bool Client::Turn(Nanos until) {
  if (over() || Now() >= deadline_) return false;
  io_->Turn(std::min(until, deadline_));
  return true;
}

bool Client::RunUntil(const std::function<bool()>& done, Nanos until) {
  io_->Flush();  // done() may be about what has been sent
  while (!done()) {
    if (Now() >= until || !Turn(until)) return false;
  }
  return true;
}

bool Client::RunUntilAllEnded() {
  return RunUntil([this] { return open() == 0; });
}

void Client::Close() {
  tally_.CountLost(open(), !lost_.empty()        ? absl::string_view(lost_)
                           : io_->loop.stopped() ? "stopped by a signal"
                                                 : "not ended in time");
  ended_ = begun_;
}

void Client::OnEnded(const MadeCall& call, uint32_t reset) {
  ++ended_;
  tally_.Count(call, reset, call.connection->received());
  if (on_ended && !over()) on_ended(*call.connection);
}

void Client::OnLost(absl::string_view why) {
  if (lost_.empty()) lost_ = why.empty() ? "connection ended" : std::string(why);
}

}  // namespace singleflight::bench
