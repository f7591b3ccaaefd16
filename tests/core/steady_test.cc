// Steady calls fill the cache, however slow the backend is and whatever else is written meanwhile.

#include <map>

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using Source = core::Answer::Source;

// Time goes on in steps of 20 ms, in each of which one caller asks the same; upstream answers every
// call `takes_ms_` after it came.
class SteadyTest : public ReadPathTest {
 protected:
  SteadyTest() { cache_ = cache::FreshnessRules{absl::Seconds(60), absl::nullopt, false}; }

  void CallsFor(int ms) {
    for (const int end = now_ms_ + ms; now_ms_ < end; Advance(20), now_ms_ += 20) {
      WriteIfDue();
      AnswerWhatIsDue();
      hits_ += Ask("hot").answer().source == Source::kHit && waiters_.back().heard() ? 1 : 0;
      while (seen_ < upstream_.calls()) due_[now_ms_ + takes_ms_].push_back(seen_++);
    }
    for (; !due_.empty(); Advance(20), now_ms_ += 20) AnswerWhatIsDue();
  }

  // Another route's reply tells to drop a group, every so many milliseconds, and every time
  // another.
  void WritesTo(const std::string& upstream, int every_ms) {
    written_.emplace(upstream, 1000, 1 << 20, 16);
    writes_.emplace(1, RouteOptions{{}, upstream, {}, {}, {}}, 0, *written_,
                    model::KeyPolicy({}, upstream, 7, fingerprints_));
    write_every_ms_ = every_ms;
  }

  int takes_ms_ = 100;
  int groups_ = 1;  // in a write
  int hits_ = 0;

 private:
  void WriteIfDue() {
    if (write_every_ms_ == 0 || now_ms_ % write_every_ms_ != 0) return;
    std::string groups = absl::StrCat("\"order:", now_ms_, "\"");
    for (int i = 1; i < groups_; ++i) absl::StrAppend(&groups, ", \"", now_ms_, "/", i, "\"");
    paths(1).Invalidate(*writes_, *RequestFor("/shop.Orders/Put", {}),
                        HeadersOf({{"cache-group-invalidation", groups}}));
  }

  void AnswerWhatIsDue() {
    while (!due_.empty() && due_.begin()->first <= now_ms_) {
      for (const size_t call : due_.begin()->second) {
        AnswerCall(call, "blue kettle", {{"cache-groups", "\"kettles\""}});
      }
      due_.erase(due_.begin());
    }
  }

  int now_ms_ = 0;
  size_t seen_ = 0;
  std::map<int, std::vector<size_t>> due_;  // calls, by when they are answered
  int write_every_ms_ = 0;
  model::Fingerprints fingerprints_;
  absl::optional<UpstreamBounds> written_;
  absl::optional<Route> writes_;
};

TEST_F(SteadyTest, ReadsSlowerThanMaxJoinAgeGetHits) {
  takes_ms_ = 1500;
  CallsFor(8000);
  EXPECT_EQ(hits_, (8000 - 1500) / 20);
  EXPECT_EQ(upstream_.calls(), 2);
}

TEST_F(SteadyTest, UnrelatedWritesToAnotherUpstreamLeaveFlightsAndHitsAlone) {
  WritesTo("orders", 40);
  CallsFor(3000);
  EXPECT_EQ(hits_, (3000 - 100) / 20);
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_EQ(metrics().superseded.value(), 0);
}

TEST_F(SteadyTest, HoweverManyGroupsTheyName) {
  groups_ = 300;
  WritesTo("orders", 40);
  CallsFor(3000);
  EXPECT_EQ(hits_, (3000 - 100) / 20);
  EXPECT_EQ(upstream_.calls(), 1);
}

// Whose groups a flight is in is known when it lands, so these may not join it; it is kept.
TEST_F(SteadyTest, WritesOfOtherGroupsToTheSameUpstreamCostCallsAndNoHits) {
  WritesTo("catalog", 40);
  CallsFor(3000);
  EXPECT_EQ(hits_, (3000 - 100) / 20);
  EXPECT_EQ(upstream_.calls(), 3);
}

TEST_F(SteadyTest, FlightsThatAreFullAreKept) {
  collapse_->max_waiters = 2;
  takes_ms_ = 500;
  CallsFor(3000);
  EXPECT_EQ(hits_, (3000 - 500) / 20);
}

TEST_F(SteadyTest, ARouteThatDoesNotCollapseGetsHitsTheSame) {
  collapse_.reset();
  takes_ms_ = 1500;
  WritesTo("catalog", 40);
  CallsFor(8000);
  EXPECT_EQ(hits_, (8000 - 1500) / 20);
}

}  // namespace
}  // namespace singleflight::core
