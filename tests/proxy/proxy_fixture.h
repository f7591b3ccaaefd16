// The proxy's calls between a client session and an upstream that answers when told, without
// sockets.

#ifndef SINGLEFLIGHT_TESTS_PROXY_PROXY_FIXTURE_H_
#define SINGLEFLIGHT_TESTS_PROXY_PROXY_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/proxy/call.h"
#include "tests/core/fakes.h"
#include "tests/http2/ends.h"

namespace singleflight::proxy::testing {

using core::FakeCall;
using core::Framed;
using core::kTrust;
using http2::Closed;
using http2::ErrorCode;
using http2::testing::Ear;
using http2::testing::Fields;

inline constexpr char kGet[] = "/shop.Catalog/Get";      // on a route that collapses
inline constexpr char kWatch[] = "/shop.Streams/Watch";  // on one that does not
inline constexpr size_t kWindow = 64 << 10;              // of every stream, on both sides

// Callers on one HTTP/2 connection, the proxy's calls, and an upstream that answers when told; no
// sockets, and time stands still. When a test ends, nothing is left of any call.
class ProxyTest : public ::testing::Test {
 protected:
  // The proxy's side of the connection.
  struct Host final : http2::SessionEvents, http2::CarrierEvents {
    explicit Host(const CallContext& context) : context(context) {}
    void OnStream(http2::Stream& stream) override {
      stream.SetHandler(std::make_shared<Call>(
          std::shared_ptr<const CallContext>(std::shared_ptr<void>(), &context), stream));
    }
    void OnSettings() override {}
    void OnGoAway() override {}
    void OnStreamGone() override {}
    void OnBound(http2::Bound bound) override { bounds.push_back(bound); }
    void OnPingAck() override {}
    void OnWritable() override {}
    const CallContext& context;
    std::vector<http2::Bound> bounds;
  };

  void SetUp() override {
    shared_.budget = &budget_;
    core::RouteOptions get;
    get.match.method = "/shop.Catalog/*";
    get.collapse = collapse_;
    get.cache = cache_;
    get.key = key_;
    routes_.Add(get, 0, shared_, model::KeyPolicy(get.key, "catalog", 7, fingerprints_));
    core::RouteOptions watch;
    watch.match.method = "/shop.Streams/*";
    routes_.Add(watch, 0, shared_, model::KeyPolicy(watch.key, "catalog", 7, fingerprints_));
    options_.stream_window_bytes = kWindow;
    Connect();
  }

  // A connection with the options as they are now.
  void Connect() { ConnectTaking(options_.max_header_list_bytes); }

  // The same, and its client takes no larger blocks than that.
  void ConnectTaking(size_t most) {
    http2::SessionOptions of_client = options_;
    of_client.max_header_list_bytes = most;
    server_ = std::make_unique<http2::Session>(http2::Side::kServer, options_, host_, host_);
    client_ = std::make_unique<http2::Session>(http2::Side::kClient, of_client, owner_, owner_);
    Settle();
  }

  void TearDown() override {
    Settle();
    HangUp();
    EXPECT_EQ(flights_.flights(), 0u);
    EXPECT_EQ(flights_.waiting(), 0u);
    EXPECT_EQ(shared_.held_bytes.load(), 0);
    EXPECT_EQ(buffered(), 0);
    EXPECT_EQ(shared_.release_gate->queued(), 0u);
    EXPECT_EQ(shared_.release_gate->inside(), 0u);
    EXPECT_EQ(upstream_.live(), 0u);
    EXPECT_EQ(loop_.timers().size(), 0u);
    EXPECT_EQ(metrics_.downstream->streams.value(), 0);
    for (const auto& shared : metrics_.routes) {
      const core::RouteMetrics& route = *shared;
      const uint64_t sum = route.hits.value() + route.leaders.value() + route.followers.value() +
                           route.relays.value() + route.bypasses.sum() + route.departed.value() +
                           route.refused.value();
      EXPECT_EQ(route.calls.value(), sum) << "every call is counted once";
      EXPECT_EQ(route.told.sum() + route.untold.value(), sum) << "and once more at its end";
      uint64_t waits = 0;
      for (const metrics::LatencyHistogram& of_role : route.waits) waits += of_role.count();
      EXPECT_EQ(waits, sum - route.departed.value() - route.refused.value());
    }
  }

  void HangUp() {
    client_.reset();
    server_.reset();
    loop_.RunAll();
  }

  // Until nothing moves any more.
  void Settle() {
    bool moved = true;
    while (moved) {
      moved = http2::testing::Pair::Carry(*client_, *server_);
      moved = http2::testing::Pair::Carry(*server_, *client_) || moved;
      moved = loop_.RunAll() || moved;
    }
  }

  void Advance(int ms) {
    loop_.AdvanceTo(loop_.Now() + std::chrono::milliseconds(ms));
    Settle();
  }

  // A caller whose side is open.
  std::shared_ptr<Ear> Open(absl::string_view path, const Fields& more = {}) {
    auto ear = std::make_shared<Ear>();
    ear->stream =
        &client_->Open(http2::testing::Block(http2::testing::RequestFields(path, more)), ear);
    Settle();
    return ear;
  }

  // What a caller does after its call has closed, for it may be refused at its header, does
  // nothing.
  void Send(Ear& caller, std::string bytes) {
    if (!caller.closed) caller.stream->Send(base::Slice(std::move(bytes)));
    Settle();
  }

  void Finish(Ear& caller) {
    if (!caller.closed) caller.stream->Finish({});
    Settle();
  }

  void Reset(Ear& caller, ErrorCode code = ErrorCode::kCancel) {
    if (!caller.closed) caller.stream->Reset(code);
    Settle();
  }

  // A unary call.
  std::shared_ptr<Ear> Ask(absl::string_view path, const std::string& message,
                           const Fields& more = {}) {
    auto caller = Open(path, more);
    Send(*caller, Framed(message));
    Finish(*caller);
    return caller;
  }

  // Upstream does something with its latest call, and everyone hears of it.
  template <typename What>
  void Upstream(const What& what) {
    what(upstream_.latest());
    Settle();
  }

  static std::string StatusOf(const Ear& caller) {
    const Fields& block = caller.trailing.empty() ? caller.headers : caller.trailing;
    for (const auto& [name, value] : block) {
      if (name == "grpc-status") return value;
    }
    return "none";
  }

  // Of calls that come from now on.
  LimitOptions& Limits() {
    auto limits = std::make_shared<LimitOptions>(*context_.limits);
    context_.limits = limits;
    return *limits;
  }

  // Bytes held for calls.
  int64_t buffered() { return budget_.bytes() + buffered_.untold(); }

  uint64_t bounds(http2::Bound bound) { return metrics_.downstream->bounds.of(bound); }

  uint64_t bypasses(core::Bypass why) { return metrics_.routes[0]->bypasses.of(why); }

  uint64_t refused(model::Refused why) { return metrics_.downstream->requests_refused.of(why); }

  core::CollapseOptions collapse_;
  absl::optional<cache::FreshnessRules> cache_;
  model::KeyRules key_;
  http2::SessionOptions options_;
  core::FakeLoop loop_{0};
  core::FakeUpstream upstream_;
  core::Flights flights_;
  cache::Store store_{cache::StoreOptions()};
  struct {
    std::shared_ptr<DownstreamMetrics> downstream = std::make_shared<DownstreamMetrics>();
    core::MetricsByRoute routes = core::MetricsOf(4);  // two more for tests that add routes
  } metrics_;
  core::UpstreamBounds shared_{"catalog", 1000, 1 << 30, 1};  // released calls go one by one
  model::Fingerprints fingerprints_;
  memory::BufferBudget budget_{1 << 30};
  memory::Buffered buffered_{budget_};
  core::RouteTable routes_;
  core::ReadPath read_path_{
      core::LoopContext{loop_,
                        flights_,
                        store_,
                        {&upstream_},
                        metrics_.routes,
                        metrics_.downstream->bounds.counter(http2::Bound::kBufferedBytes),
                        "hop",
                        buffered_}};
  MarkOptions marks_;
  CallContext context_{read_path_,          routes_, marks_, std::make_shared<const LimitOptions>(),
                       metrics_.downstream, nullptr, kTrust};
  Host host_{context_};
  http2::testing::Owner owner_;
  std::unique_ptr<http2::Session> server_, client_;
};

MATCHER_P(IsOkWith, bytes, "ended with status 0 and these bytes") {
  const Ear& ear = *arg;
  return ear.ended && ear.body == bytes && !ear.trailing.empty() &&
         ear.trailing.front() == std::make_pair(std::string("grpc-status"), std::string("0"));
}

}  // namespace singleflight::proxy::testing

#endif  // SINGLEFLIGHT_TESTS_PROXY_PROXY_FIXTURE_H_
