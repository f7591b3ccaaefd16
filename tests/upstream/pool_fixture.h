// A pool of connections to servers whose every reply the test decides.

#ifndef SINGLEFLIGHT_TESTS_UPSTREAM_POOL_FIXTURE_H_
#define SINGLEFLIGHT_TESTS_UPSTREAM_POOL_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "server/http2/connection.h"
#include "server/net/listener.h"
#include "server/upstream/pool.h"
#include "singleflight/mutex.h"
#include "tests/http2/ends.h"
#include "tests/http2/on_worker.h"

namespace singleflight::upstream::testing {

using http2::testing::AnswerOk;
using http2::testing::Block;
using http2::testing::Ear;
using http2::testing::Fields;
using http2::testing::FieldsOf;
using http2::testing::OnWorker;
using http2::testing::ReplyFields;
using http2::testing::RequestFields;
using http2::testing::Trailing;

// A server on a port of its own whose every call the test answers, or `serve` does. Lives on the
// worker.
class ScriptedServer {
 public:
  explicit ScriptedServer(net::Worker& worker, const std::string& address = "127.0.0.1:0",
                          const http2::SessionOptions& options = {})
      : worker_(worker), options_(options) {
    auto listener = net::Listener::Open(worker, {address, {}},
                                        [this](net::Listener::Accepted a) { Accept(a); });
    EXPECT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    listener_->Start();
  }
  ~ScriptedServer() { Stop(); }

  std::string address() const { return listener_->address(); }
  net::Endpoint endpoint() const { return *net::ParseAddress(address()); }

  // No new connections; those that are open end without a word.
  void Stop() {
    CloseListener();
    const auto peers = peers_;
    for (const auto& peer : peers) peer->Close();
  }

  // No new connections; those that are open go on.
  void CloseListener() { listener_->Close(); }

  // Connections now, and calls since the beginning, in order of arrival. From any thread; what is
  // done with a session, or with a call that goes on, is done on the worker.
  size_t connections() const {
    const MutexLock lock(mu_);
    return peers_.size();
  }
  http2::Session& session(size_t at) { return *peers_.at(at)->connection->session(); }
  size_t calls() const {
    const MutexLock lock(mu_);
    return calls_.size();
  }
  Ear& call(size_t at) {
    const MutexLock lock(mu_);
    return *calls_.at(at);
  }
  int accepted() const { return accepted_; }

  std::function<void(Ear&)> serve;  // is called when a request is whole
  bool hangs_up = false;            // ends every connection as soon as it is made

 private:
  struct Peer final : http2::ConnectionEvents {
    explicit Peer(ScriptedServer& server) : server(server) {}
    void Close() {
      if (const auto open = connection) open->Close("the test wants it");
    }
    void OnStream(http2::Stream& stream) override {
      auto ear = std::make_shared<Ear>();
      ear->stream = &stream;
      ear->on_end = [this, ear = ear.get()] {
        if (server.serve) server.serve(*ear);
      };
      stream.SetHandler(ear);
      const MutexLock lock(server.mu_);
      server.calls_.push_back(std::move(ear));
    }
    void OnSettings() override {
      if (!server.hangs_up) return;
      // Not before its own settings have been written, at the end of this turn.
      server.worker_.Post(
          [this, self = server.Find(this)] { server.worker_.Post([this, self] { Close(); }); });
    }
    void OnGoAway() override {}
    void OnStreamGone() override {}
    void OnBound(http2::Bound) override {}
    void OnConnectionClosed(absl::string_view) override {
      connection.reset();
      auto& peers = server.peers_;
      for (size_t i = 0; i < peers.size(); ++i) {
        if (peers[i].get() != this) continue;
        const std::shared_ptr<Peer> keep = peers[i];
        const MutexLock lock(server.mu_);
        peers.erase(peers.begin() + static_cast<ptrdiff_t>(i));
        return;
      }
    }
    ScriptedServer& server;
    std::shared_ptr<http2::Connection> connection;
  };

  std::shared_ptr<Peer> Find(const Peer* peer) const {
    for (const auto& candidate : peers_) {
      if (candidate.get() == peer) return candidate;
    }
    return nullptr;
  }

  void Accept(net::Listener::Accepted accepted) {
    ++accepted_;
    auto peer = std::make_shared<Peer>(*this);
    peer->connection = std::make_shared<http2::Connection>(
        worker_, http2::Side::kServer, options_,
        net::MakeSocketStream(worker_, net::Socket(accepted.fd)), *peer);
    {
      const MutexLock lock(mu_);
      peers_.push_back(peer);
    }
    peer->connection->Start();
  }

  net::Worker& worker_;
  const http2::SessionOptions options_;
  std::unique_ptr<net::Listener> listener_;
  std::atomic<int> accepted_ = 0;

  // Changed on the worker, and under this mutex.
  mutable Mutex mu_;
  std::vector<std::shared_ptr<Peer>> peers_;
  std::vector<std::shared_ptr<Ear>> calls_;
};

// The caller of one upstream call.
struct Caller final : core::UpstreamEvents {
  void OnInitial(model::Headers fields, bool end) override {
    initial = FieldsOf(fields);
    if (end) ended = true;
  }
  void OnData(absl::string_view bytes) override {
    body.append(bytes.data(), bytes.size());
    if (consume) call->Consume(bytes.size());
  }
  void OnEnd(model::Headers fields) override {
    trailing = FieldsOf(fields);
    ended = true;
  }
  void OnSent(size_t bytes) override { sent += bytes; }
  void OnFailed(core::UpstreamFailure how) override {
    EXPECT_FALSE(failure.has_value());
    failure = std::move(how);
  }

  size_t wanted() const override { return wants; }

  bool Over() const { return ended || failure.has_value(); }

  std::unique_ptr<core::UpstreamCall> call;
  bool consume = true;
  size_t wants = 1;  // callers that wait for it
  Fields initial, trailing;
  std::string body;
  size_t sent = 0;
  bool ended = false;
  absl::optional<core::UpstreamFailure> failure;
};

// One pool on a running worker; every verb below runs on it.
class PoolTest : public ::testing::Test {
 protected:
  PoolTest() {
    options_.name = "catalog";
    options_.connect_timeout = absl::Seconds(10);
    options_.max_reconnect_backoff = absl::Milliseconds(1);
  }

  ~PoolTest() override {
    on_.Run([this] {
      callers_.clear();
      pool_.reset();
      servers_.clear();
    });
    on_.Run([] {});
    EXPECT_EQ(metrics_.pending.value(), 0);
    EXPECT_EQ(metrics_.active.value(), 0);
    EXPECT_EQ(metrics_.connections.value(), 0);
    const uint64_t ended =
        metrics_.calls.sum() + metrics_.calls_without_status.value() + metrics_.unanswered.sum();
    EXPECT_EQ(metrics_.begun.value(), ended) << "every call is counted once";
    EXPECT_EQ(metrics_.whole.count(), ended);
    EXPECT_LE(metrics_.first_byte.count(), ended);
    on_.Stop();
  }

  uint64_t Unanswered(core::Unanswered why) const { return metrics_.unanswered.of(why); }
  uint64_t Answered(wire::StatusCode code) const { return metrics_.calls.of(code); }

  ScriptedServer& Serve(const http2::SessionOptions& options = {},
                        const std::string& address = "127.0.0.1:0") {
    on_.Run([&] {
      servers_.push_back(std::make_unique<ScriptedServer>(on_.worker(), address, options));
    });
    return *servers_.back();
  }

  // An address where nobody listens.
  std::string FreeAddress() {
    std::string address;
    on_.Run([&] {
      ScriptedServer gone(on_.worker());
      address = gone.address();
    });
    return address;
  }

  void MakePool(std::vector<net::Endpoint> endpoints) {
    on_.Run([&] {
      pool_ = std::make_unique<Pool>(
          on_.worker(), options_, "catalog:1", tls_, session_options_, shared_metrics_, 1,
          Pool::Hooks{
              [this] { ++connect_failed_; },
              [this](const net::Endpoint&, EndpointState state, const std::string& failure) {
                states_.push_back(state);
                if (!failure.empty()) failure_ = failure;
              },
              [this](const net::Endpoint&, const std::string& what) { failing_.push_back(what); },
              [this](const net::Endpoint&, bool serves, const std::string& why) {
                health_.push_back(serves ? "serves" : why);
              }},
          limits_);
      pool_->SetEndpoints(
          std::make_shared<const EndpointList>(EndpointList{std::move(endpoints), ""}));
    });
  }

  void SetEndpoints(std::vector<net::Endpoint> endpoints) {
    on_.Run([&] {
      pool_->SetEndpoints(
          std::make_shared<const EndpointList>(EndpointList{std::move(endpoints), ""}));
    });
  }

  // Begins a call; `message` empty: its side stays open.
  Caller& Ask(const std::string& message = "ask", int resends = 3) {
    on_.Run([&] { Begin(message, resends); });
    return *callers_.back();
  }

  void Begin(const std::string& message, int resends) {
    callers_.push_back(std::make_unique<Caller>());
    Caller& caller = *callers_.back();
    caller.consume = consumes_;
    auto request = std::make_shared<const model::Request>(
        absl::get<model::Request>(model::ParseRequest(Block(RequestFields()))));
    core::UpstreamHead head{request, "catalog:1", absl::nullopt, "", resends, client_, again_};
    head.avoid = avoid_;
    caller.call = pool_->Start(std::move(head), caller);
    if (message.empty()) return;
    caller.call->Send(base::Slice(message));
    caller.call->Finish({});
  }

  void Until(const std::function<bool()>& state) { on_.Until(state); }
  void Await(Caller& caller) {
    Until([&] { return caller.Over(); });
  }
  void Run(std::function<void()> work) { on_.Run(std::move(work)); }

  base::Instant Now() {
    base::Instant now;
    Run([&] { now = on_.worker().Now(); });
    return now;
  }

  // Where four calls may be in the air: of three endpoints one answers nobody, and gets two. Every
  // second call avoids another one, as hedges do.
  void ExpectTheRestIsAnswered() {
    ScriptedServer& hangs = Serve();
    ScriptedServer& answers = Serve();
    ScriptedServer& avoided = Serve();
    answers.serve = avoided.serve = Echo;
    MakePool({hangs.endpoint(), answers.endpoint(), avoided.endpoint()});
    size_t silent = 0;  // calls that nobody answers
    const auto ask = [&] {
      Caller& caller = Ask();
      Until([&] { return caller.Over() || hangs.calls() > silent; });
      Run([&] { silent = hangs.calls(); });
      EXPECT_FALSE(caller.failure.has_value());
    };
    ask();
    Until([&] { return std::count(states_.begin(), states_.end(), EndpointState::kReady) == 3; });
    for (int i = 0; i < 12; ++i) {
      avoid_ = nullptr;
      ask();
      avoid_ = std::make_shared<const std::string>(avoided.address());
      ask();
    }
    EXPECT_EQ(silent, 2u);
  }

  static void Echo(Ear& ear) { AnswerOk(*ear.stream, ear.body); }

  OnWorker on_;
  UpstreamOptions options_;
  tls::SharedContext tls_;  // null: plaintext
  http2::SessionOptions session_options_;
  const std::shared_ptr<UpstreamMetrics> shared_metrics_ = std::make_shared<UpstreamMetrics>();
  UpstreamMetrics& metrics_ = *shared_metrics_;
  Pool::Shared limits_;  // of pools that are made from now on
  int connect_failed_ = 0;
  std::vector<EndpointState> states_;         // that the pool told, of all endpoints
  std::string failure_;                       // the latest that it told
  std::vector<std::string> failing_;          // why endpoints would be ejected
  std::vector<std::string> health_;           // what was found out by asking
  bool consumes_ = true;                      // callers that begin from now on
  std::shared_ptr<memory::Client> client_;    // likewise; null: nobody's
  bool again_ = false;                        // likewise: a flight has sent it before
  std::shared_ptr<const std::string> avoid_;  // likewise: where they do not go; null: nowhere
  std::vector<std::unique_ptr<ScriptedServer>> servers_;
  std::unique_ptr<Pool> pool_;
  std::vector<std::unique_ptr<Caller>> callers_;
};

}  // namespace singleflight::upstream::testing

#endif  // SINGLEFLIGHT_TESTS_UPSTREAM_POOL_FIXTURE_H_
