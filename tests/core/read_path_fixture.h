#ifndef SINGLEFLIGHT_TESTS_CORE_READ_PATH_FIXTURE_H_
#define SINGLEFLIGHT_TESTS_CORE_READ_PATH_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <set>
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

// Whether a caller hears nothing from the read path.
inline bool GoesAlone(Served served) {
  switch (served) {
    case Served::kKept:
    case Served::kLeads:
    case Served::kFollows:
      return false;
    case Served::kUnreadable:
    case Served::kStreams:
    case Served::kTooLarge:
    case Served::kPastShare:
    case Served::kNoStore:
    case Served::kDiffered:
    case Served::kNothingKept:
      return true;
  }
  return false;
}

// The read path on three loops, with one route to one upstream, and perhaps a second. A test sets
// the options below before its first verb. Whatever it does, every caller that did not leave has
// heard exactly one thing when it ends, and no flight, waiter, upstream call or byte is left; what
// is kept stays within its bound.
class ReadPathTest : public ::testing::Test {
 protected:
  explicit ReadPathTest(const cache::StoreOptions& store = {}) : store_options_(store) {}

  absl::optional<CollapseOptions> collapse_ = CollapseOptions();
  absl::optional<cache::FreshnessRules> cache_;
  absl::optional<RetryOptions> retry_;
  std::vector<model::FieldTemplate> tags_;
  model::KeyRules rules_;
  Mode mode_ = Mode::kLive;
  absl::optional<uint32_t> verify_;
  model::VolatileRules volatiles_;
  uint32_t trust_ = kTrust;  // in the connections of callers to come
  int64_t max_flights_ = 1000;
  int64_t max_held_bytes_ = 1 << 30;
  absl::optional<base::Instant> deadline_;  // of every caller
  std::shared_ptr<memory::Client> client_;  // of callers to come; null: nobody's
  Served served_ = Served::kLeads;          // what became of the latest
  trace::Tracer* tracer_ = nullptr;         // null: nothing is recorded
  std::minstd_rand* random_ = nullptr;      // null: waits before retries are as long as they may be
  const trace::OpenSpan* span_ = nullptr;   // of callers to come; null: they are not recorded

  // A caller on loop 0 asks, and gets what is kept if it is; its verdict is in what is returned.
  TestWaiter& Ask(const std::string& id, const Fields& metadata = {},
                  const std::string& path = kGet) {
    return AskOn(0, id, metadata, path);
  }
  TestWaiter& AskOn(size_t loop, const std::string& id, const Fields& metadata = {},
                    const std::string& path = kGet) {
    return AskUnder(route(), loop, id, metadata, path);
  }
  TestWaiter& AskUnder(Route& route, size_t loop, const std::string& id,
                       const Fields& metadata = {}, const std::string& path = kGet) {
    TestWaiter& waiter = waiters_.emplace_back(Open().paths[loop]);
    served_ = Serve(route, waiter, id, RequestFor(path, metadata));
    if (goes_alone()) left_.insert(&waiter);
    return waiter;
  }

  // Whether the latest caller hears nothing of this: it calls for itself, or is refused.
  bool goes_alone() const { return GoesAlone(served_); }

  // What replies have proved of the method and of this very call: that they cannot be shared.
  void ForgetProofs(const std::string& id, const std::string& path = kGet) {
    route().NoteUnary(path);
    route().large_keys.Forget(KeyFor(id, path).hash);
  }

  // `meanwhile`, on other loops, runs between the caller's first look and its joining.
  Served Serve(Route& route, Waiter& waiter, const std::string& id,
               const std::shared_ptr<const model::Request>& request,
               const std::function<void()>& meanwhile = nullptr) {
    const std::string message = Framed(id);
    const auto take = [&] {
      if (meanwhile != nullptr) meanwhile();
      return base::Slice(message);
    };
    return waiter.path().Serve(route, {trust_, request, message, take, deadline_, client_, span_},
                               waiter);
  }

  TestWaiter& AskMeanwhile(const std::string& id, const std::function<void()>& meanwhile) {
    TestWaiter& waiter = waiters_.emplace_back(Open().paths[0]);
    Serve(route(), waiter, id, RequestFor(kGet, {}), meanwhile);
    return waiter;
  }

  // What is kept.
  cache::Found Look(const std::string& id) {
    return store_.Find(KeyFor(id),
                       Open().paths[0].around().OriginOf(route(), *RequestFor(kGet, {})), now_);
  }

  model::Key KeyFor(const std::string& id, const std::string& path = kGet) {
    return Open().paths[0].KeyFor(route(), trust_, *RequestFor(path, {}), Framed(id));
  }

  // Whether it left; if not, a landing was faster.
  bool Leave(TestWaiter& waiter, Unanswered why = Unanswered::kCancelled) {
    const bool left = Open().paths[waiter.loop().index()].Leave(house_->route, waiter, why);
    if (left) left_.insert(&waiter);
    return left;
  }

  // Upstream answers its latest call, or one of those before, and everyone hears of it.
  void Answer(absl::string_view message, const Fields& initial = {}, const Fields& trailing = {}) {
    AnswerCall(upstream_.calls() - 1, message, initial, trailing);
  }
  void AnswerCall(size_t at, absl::string_view message, const Fields& initial = {},
                  const Fields& trailing = {}) {
    FakeCall& call = upstream_.call(at);
    call.Begin(initial);
    call.Data(Framed(message));
    call.End(trailing);
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

  ReadPath& paths(size_t loop) { return Open().paths[loop]; }
  Route& route() { return Open().route; }

  // A second route to the same upstream, with key rules of its own.
  Route& OtherRoute(const model::KeyRules& rules) {
    return Open().others.emplace_back(1, OptionsWith(rules), 0, shared(),
                                      model::KeyPolicy(rules, "catalog", 7, Open().fingerprints));
  }
  UpstreamBounds& shared() { return Open().shared; }
  RouteMetrics& metrics(size_t loop = 0) { return *Open().metrics[loop][0]; }
  // Replies that were not kept for that reason, by all loops.
  uint64_t Refused(cache::Refusal why) {
    uint64_t sum = 0;
    for (size_t i = 0; i < 3; ++i) sum += metrics(i).refusals.of(why);
    return sum;
  }
  // What is seen of the keys of the first route on that loop.
  survey::Survey& Surveyed(size_t loop = 0) { return Open().surveys[loop][0]; }
  bool RemembersStreaming(const std::string& path = kGet) { return route().Streams(path, now_); }
  bool TooLarge(const std::string& id) {
    return Open().paths[0].TooLargeToShare(route(), KeyFor(id));
  }

  static std::shared_ptr<const model::Request> RequestFor(const std::string& path,
                                                          const Fields& metadata) {
    return RequestFrom("shop.example", path, metadata);
  }
  static std::shared_ptr<const model::Request> RequestFrom(const std::string& authority,
                                                           const std::string& path,
                                                           const Fields& metadata) {
    Fields fields = {{":method", "POST"},
                     {":scheme", "http"},
                     {":path", path},
                     {":authority", authority},
                     {"content-type", "application/grpc"},
                     {"te", "trailers"}};
    fields.insert(fields.end(), metadata.begin(), metadata.end());
    return std::make_shared<const model::Request>(
        absl::get<model::Request>(model::ParseRequest(HeadersOf(fields))));
  }

  // Forgets callers that left, or heard and were dropped; for tests that have very many.
  void ForgetServed() {
    while (!waiters_.empty() && IsThrough(waiters_.front())) {
      left_.erase(&waiters_.front());
      waiters_.pop_front();
    }
  }

  void TearDown() override {
    Settle();
    for (TestWaiter& waiter : waiters_) {
      EXPECT_TRUE(IsThrough(waiter));
      waiter.Drop();
    }
    EXPECT_EQ(flights_.flights(), 0);
    EXPECT_EQ(flights_.waiting(), 0);
    EXPECT_EQ(shared().flights.load(), 0);
    EXPECT_EQ(shared().checks.load(), 0);
    EXPECT_EQ(shared().held_bytes.load(), 0);
    EXPECT_EQ(budget_.bytes(), 0);
    EXPECT_EQ(upstream_.live(), 0);
    for (FakeLoop& loop : loops_) EXPECT_EQ(loop.timers().size(), 0);
    EXPECT_LE(store_.TakeCensus().bytes, store_options_.max_bytes);
    store_.Purge(cache::EverythingScope());
    EXPECT_EQ(store_.TakeCensus().entries, 0);
  }

  std::array<FakeLoop, 3> loops_{FakeLoop(0), FakeLoop(1), FakeLoop(2)};
  memory::BufferBudget budget_{1 << 30};
  std::array<memory::Buffered, 3> buffered_{memory::Buffered(budget_), memory::Buffered(budget_),
                                            memory::Buffered(budget_)};
  FakeUpstream upstream_;
  metrics::Counter shed_;
  Flights flights_;
  const cache::StoreOptions store_options_;
  cache::Store store_{store_options_};
  std::deque<TestWaiter> waiters_;

 private:
  // What is built once the options are known.
  struct House {
    House(ReadPathTest& test, const RouteOptions& options)
        : shared("catalog", test.max_flights_, test.max_held_bytes_, 16),
          route(0, options, 0, shared, model::KeyPolicy(options.key, "catalog", 7, fingerprints)) {
      shared.budget = &test.budget_;
      for (size_t i = 0; i < 3; ++i) {
        metrics.push_back(MetricsOf(2));
        surveys.push_back({{splits, std::make_shared<survey::TopKeys>()},
                           {splits, std::make_shared<survey::TopKeys>()}});
        paths.emplace_back(LoopContext{test.loops_[i],
                                       test.flights_,
                                       test.store_,
                                       {&test.upstream_},
                                       metrics[i],
                                       test.shed_,
                                       "hop-1",
                                       test.buffered_[i],
                                       {},
                                       surveys[i],
                                       test.tracer_,
                                       test.random_});
      }
    }
    model::Fingerprints fingerprints;
    UpstreamBounds shared;
    Route route;
    std::deque<Route> others;
    std::deque<MetricsByRoute> metrics;
    const std::shared_ptr<survey::Splits> splits = std::make_shared<survey::Splits>();
    std::deque<survey::SurveyByRoute> surveys;
    std::deque<ReadPath> paths;
  };

  House& Open() {
    if (house_ == nullptr) house_ = std::make_unique<House>(*this, OptionsWith(rules_));
    return *house_;
  }

  RouteOptions OptionsWith(const model::KeyRules& rules) const {
    RouteOptions options{MatchOptions(), "catalog", collapse_, cache_, rules, retry_, tags_};
    options.mode = mode_;
    options.verify = verify_;
    options.volatiles = volatiles_;
    return options;
  }

  // Whether it is through, in one of the ways.
  bool IsThrough(const TestWaiter& waiter) const {
    const size_t ways = static_cast<size_t>(waiter.heard()) + left_.count(&waiter);
    EXPECT_LE(ways, 1);
    return ways > 0;
  }

  base::Instant now_ = loops_[0].Now();
  std::set<const TestWaiter*> left_;
  std::unique_ptr<House> house_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_TESTS_CORE_READ_PATH_FIXTURE_H_
