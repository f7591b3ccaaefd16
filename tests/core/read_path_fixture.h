#ifndef SINGLEFLIGHT_TESTS_CORE_READ_PATH_FIXTURE_H_
#define SINGLEFLIGHT_TESTS_CORE_READ_PATH_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <memory>
#include <string>

#include "server/core/flight.h"
#include "tests/core/fakes.h"

namespace singleflight::core {

// What a caller of a unary method makes of a reply.
inline absl::string_view MessageOf(const model::Reply& reply) {
  return reply.body.size() < 5 ? "" : reply.body.substr(5);
}

MATCHER_P(IsOkWith, message, "is OK with the message " + ::testing::PrintToString(message)) {
  return arg && arg.status() == wire::StatusCode::kOk && MessageOf(arg) == message;
}

MATCHER_P2(IsStatus, code, message, "is a status of the proxy's own") {
  return arg && arg.trailers_only && arg.status() == code &&
         ::testing::ExplainMatchResult(
             ::testing::HasSubstr(message),
             wire::DecodeMessage(arg.initial.Find("grpc-message").value_or("")), result_listener);
}

inline constexpr char kGet[] = "/shop.Catalog/Get";

// The read path on three loops, with one route to one upstream. A test sets the options below
// before its first verb. Whatever it does, every caller that did not leave has heard exactly one
// thing when it ends, and no flight, waiter, upstream call or byte is left.
class ReadPathTest : public ::testing::Test {
 protected:
  absl::optional<CollapseOptions> collapse_ = CollapseOptions();
  absl::optional<cache::FreshnessRules> cache_;
  model::KeyRules rules_;
  int64_t max_flights_ = 1000;
  int64_t max_held_bytes_ = 1 << 30;

  // A caller on loop 0 asks, and gets what is kept if it is; its verdict is in what is returned.
  TestWaiter& Ask(const std::string& id, const Fields& metadata = {},
                  const std::string& path = kGet) {
    return AskOn(0, id, metadata, path);
  }
  TestWaiter& AskOn(size_t loop, const std::string& id, const Fields& metadata = {},
                    const std::string& path = kGet) {
    House& house = Open();
    TestWaiter& waiter = waiters_.emplace_back(loops_[loop]);
    const auto request = RequestFor(path, metadata);
    const std::string message = Framed(id);
    model::Key key = house.paths[loop].KeyFor(house.route, *request, message);
    const cache::Found found = house.paths[loop].Look(house.route, key, *request);
    if (found.reply) {
      waiter.Hit(found);
      return waiter;
    }
    house.paths[loop].Ask(house.route, std::move(key), {request, base::Slice(message), {}}, found,
                          waiter);
    return waiter;
  }

  // Whether it left; if not, a landing was faster.
  bool Leave(TestWaiter& waiter) {
    const bool left = Open().paths[waiter.loop().index()].Leave(house_->route, waiter);
    if (left) ++left_;
    return left;
  }

  // Upstream answers its latest call, and everyone hears of it.
  void Answer(absl::string_view message) {
    upstream_.latest().Answer(message);
    Settle();
  }

  // Runs what loops have posted to each other.
  void Settle() {
    bool ran = true;
    while (ran) {
      ran = false;
      for (FakeLoop& loop : loops_) ran = loop.RunAll() || ran;
    }
  }

  void Advance(int ms) {
    now_ += std::chrono::milliseconds(ms);
    for (FakeLoop& loop : loops_) loop.AdvanceTo(now_);
    Settle();
  }

  Route& route() { return Open().route; }
  SharedUpstream& shared() { return Open().shared; }
  metrics::RouteMetrics& metrics(size_t loop = 0) { return Open().metrics[loop].routes[0]; }
  metrics::UpstreamMetrics& upstream_metrics(size_t loop = 0) {
    return Open().metrics[loop].upstreams[0];
  }
  bool RemembersStreaming(const std::string& path = kGet) {
    return route().streaming_methods.Holds(absl::HashOf(absl::string_view(path)), now_);
  }
  bool TooLarge(const std::string& id) {
    const auto request = RequestFor(kGet, {});
    ReadPath& path = Open().paths[0];
    return path.TooLargeToShare(route(), path.KeyFor(route(), *request, Framed(id)));
  }

  static std::shared_ptr<const model::Request> RequestFor(const std::string& path,
                                                          const Fields& metadata) {
    Fields fields = {{":method", "POST"},
                     {":scheme", "http"},
                     {":path", path},
                     {":authority", "shop.example"},
                     {"content-type", "application/grpc"},
                     {"te", "trailers"}};
    fields.insert(fields.end(), metadata.begin(), metadata.end());
    return std::make_shared<const model::Request>(
        absl::get<model::Request>(model::ParseRequest(HeadersOf(fields))));
  }

  void TearDown() override {
    Settle();
    int heard = left_;
    for (TestWaiter& waiter : waiters_) {
      EXPECT_LE(waiter.heard(), 1);
      heard += waiter.heard();
      waiter.Drop();
    }
    EXPECT_EQ(heard, waiters_.size());
    EXPECT_EQ(flights_.flights(), 0);
    EXPECT_EQ(flights_.waiting(), 0);
    EXPECT_EQ(shared().flights.load(), 0);
    EXPECT_EQ(shared().held_bytes.load(), 0);
    EXPECT_EQ(upstream_.live(), 0);
    for (FakeLoop& loop : loops_) EXPECT_EQ(loop.timers().size(), 0);
  }

  std::array<FakeLoop, 3> loops_{FakeLoop(0), FakeLoop(1), FakeLoop(2)};
  FakeUpstream upstream_;
  FlightTable flights_;
  cache::Store store_{cache::StoreOptions()};
  std::deque<TestWaiter> waiters_;

 private:
  // What is built once the options are known.
  struct House {
    House(ReadPathTest& test, const RouteOptions& options)
        : shared("catalog", test.max_flights_, test.max_held_bytes_, 16),
          route(0, options, 0, shared, model::KeyPolicy(options.key, "catalog", "", 7)) {
      for (size_t i = 0; i < 3; ++i) {
        metrics.emplace_back(1, 1);
        paths.emplace_back(Surroundings{
            test.loops_[i], test.flights_, test.store_, {&test.upstream_}, metrics[i], "hop-1"});
      }
    }
    SharedUpstream shared;
    Route route;
    std::deque<metrics::WorkerMetrics> metrics;
    std::deque<ReadPath> paths;
  };

  House& Open() {
    if (house_ == nullptr) {
      RouteOptions options;
      options.upstream = "catalog";
      options.collapse = collapse_;
      options.cache = cache_;
      options.key = rules_;
      house_ = std::make_unique<House>(*this, options);
    }
    return *house_;
  }

  base::Instant now_ = loops_[0].Now();
  int left_ = 0;
  std::unique_ptr<House> house_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_TESTS_CORE_READ_PATH_FIXTURE_H_
