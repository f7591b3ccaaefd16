// That the simulation finds what it is there to find, and that a run which fails becomes a short
// one. What it finds out about the product is for the program `simulation`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "tests/simulation/run.h"
#include "tests/simulation/shrink.h"

namespace singleflight::simulation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int> UpTo(int n) {
  std::vector<int> numbers(static_cast<size_t>(n));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

// Fails at the last of `needed`, if all of them come before it.
auto FailsIf(std::vector<int> needed) {
  return [needed](const std::vector<int>& steps) -> absl::optional<size_t> {
    size_t found = 0;
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i] == needed[found] && ++found == needed.size()) return i + 1;
    }
    return absl::nullopt;
  };
}

TEST(ShrunkTest, TheStepsThatMatterAreLeftAndNoOthers) {
  EXPECT_THAT(Shrunk(UpTo(10'000), FailsIf({17, 401, 9000})), ElementsAre(17, 401, 9000));
  EXPECT_THAT(Shrunk(UpTo(10'000), FailsIf({9990, 9991})), ElementsAre(9990, 9991));
  EXPECT_THAT(Shrunk(UpTo(1), FailsIf({0})), ElementsAre(0));
}

TEST(ShrunkTest, WhatComesBehindTheFailureIsNotTried) {
  size_t longest = 0;
  const auto fails = FailsIf({5});
  Shrunk(UpTo(1000), [&](const std::vector<int>& steps) {
    if (steps.size() < 1000) longest = std::max(longest, steps.size());
    return fails(steps);
  });
  EXPECT_LT(longest, 6);
}

TEST(ShrunkTest, ItEndsHoweverManyStepsMatter) {
  size_t tries = 0;
  const std::vector<int> all = UpTo(300);
  const std::vector<int> left = Shrunk(
      all,
      [&](const std::vector<int>& steps) {
        ++tries;
        return FailsIf(all)(steps);
      },
      100);
  EXPECT_EQ(left, all);
  EXPECT_LE(tries, 102);
}

std::string TextOf(const Script& run) {
  Simulation simulation(run.seed, run.defect);
  std::string text;
  simulation.Listen([&text](const std::string& line) { text += line + "\n"; });
  for (const Ticket ticket : run.tickets) simulation.Step(ticket);
  simulation.Finish();
  EXPECT_EQ(simulation.violation(), "");
  return text;
}

TEST(SimulationTest, TheSameTicketsMakeTheSameRun) {
  spdlog::set_level(spdlog::level::off);
  const Script run = ScriptOf(3, 2000);
  EXPECT_EQ(TextOf(run), TextOf(run));
  EXPECT_NE(TextOf(run), TextOf(ScriptOf(4, 2000)));
}

class DefectTest : public ::testing::Test {
 protected:
  // The first world that finds it, and the short run that it becomes.
  void Find(Defect defect) {
    for (uint64_t seed = 1; seed <= 10 && !outcome_.failed(); ++seed) {
      run_ = ScriptOf(seed, 20'000, defect);
      outcome_ = Take(run_, Telling::kNothing);
    }
    ASSERT_TRUE(outcome_.failed());
    run_ = Shorten(run_);
    outcome_ = Take(run_, Telling::kNothing);
    EXPECT_TRUE(outcome_.failed());
    EXPECT_EQ(outcome_.steps, run_.tickets.size());
  }

  Script run_;
  Outcome outcome_;
};

TEST_F(DefectTest, AWriteThatDropsNothingIsFoundInAFewSteps) {
  Find(Defect::kWritesDropNothing);
  EXPECT_LT(run_.tickets.size(), 40);
}

TEST_F(DefectTest, ACredentialThatGetsLostIsFoundInAFewSteps) {
  Find(Defect::kCredentialsGetLost);
  EXPECT_THAT(outcome_.violation, HasSubstr("credentials"));
  EXPECT_LT(run_.tickets.size(), 20);
}

TEST_F(DefectTest, AReplyOfAnotherCallIsFoundInAFewSteps) {
  Find(Defect::kRepliesGetLost);
  EXPECT_LT(run_.tickets.size(), 40);
}

TEST_F(DefectTest, ARunThatEndsTheProgramBecomesAShortOneToo) {
  Find(Defect::kLateFramesKill);
  EXPECT_THAT(outcome_.violation, HasSubstr("signal"));
  EXPECT_LT(run_.tickets.size(), 10);
}

// What a run never does, it says nothing about.
TEST(SimulationTest, EverythingHappensOften) {
  spdlog::set_level(spdlog::level::off);
  std::vector<uint64_t> refused(metrics::kReasons<cache::Refusal>);
  std::vector<uint64_t> gone(cache::kGone);
  std::vector<uint64_t> released(metrics::kReasons<core::Release>);
  std::vector<uint64_t> stale(metrics::kReasons<core::StaleUse>);
  std::vector<uint64_t> refreshes(metrics::kReasons<core::RefreshFailure> + 1);
  std::vector<uint64_t> gathered(metrics::kReasons<core::GatheringEnd>);
  std::vector<uint64_t> bypasses(metrics::kReasons<core::Bypass>);
  std::vector<uint64_t> sent(5);
  uint64_t retries = 0, hedges = 0, hits = 0, followers = 0, superseded = 0, exhausted = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    Simulation simulation(seed);
    for (size_t step = 0; step < 20'000; ++step) ASSERT_TRUE(simulation.Step(TicketOf(seed, step)));
    ASSERT_TRUE(simulation.Finish()) << simulation.violation();
    const World& world = simulation.world();
    for (const core::MetricsByRoute& of_loop : world.house.metrics) {
      for (const auto& route : of_loop) {
        const auto add = [](std::vector<uint64_t>& to) {
          return [&to](auto why, uint64_t count) { to[static_cast<size_t>(why)] += count; };
        };
        route->refusals.ForEach(add(refused));
        route->released.ForEach(add(released));
        route->stale.ForEach(add(stale));
        route->refresh_failures.ForEach(add(refreshes));
        route->gathered.ForEach(add(gathered));
        route->bypasses.ForEach(add(bypasses));
        refreshes.back() += route->refreshes.value();
        retries += route->retries.value();
        hedges += route->hedges.value();
        hits += route->hits.value();
        followers += route->followers.value();
        superseded += route->superseded.value();
        exhausted += route->resource_exhausted.value();
      }
    }
    const cache::Census census = world.house.store.TakeCensus();
    for (size_t i = 0; i < cache::kGone; ++i) gone[i] += census.gone[i];
    for (const Sent& call : world.sent) ++sent[static_cast<size_t>(call.why)];
  }
  const auto each_often = [](const std::vector<uint64_t>& counts,
                             std::vector<size_t> but_for = {}) {
    for (size_t i = 0; i < counts.size(); ++i) {
      if (std::count(but_for.begin(), but_for.end(), i) > 0) continue;
      EXPECT_GT(counts[i], 10) << i;
    }
  };
  each_often(refused, {static_cast<size_t>(cache::Refusal::kNotWhole),
                       static_cast<size_t>(cache::Refusal::kTags),
                       static_cast<size_t>(cache::Refusal::kNotAdmitted)});
  each_often(gone, {static_cast<size_t>(cache::Gone::kCapacity)});
  each_often(released, {static_cast<size_t>(core::Release::kReplyEncoding)});
  each_often(stale, {static_cast<size_t>(core::StaleUse::kIfError),
                     static_cast<size_t>(core::StaleUse::kMaxStale)});
  each_often(refreshes, {static_cast<size_t>(core::RefreshFailure::kJoined)});
  each_often(gathered);
  each_often(sent);
  for (const auto why :
       {core::Bypass::kStreamingMethod, core::Bypass::kLargeReply, core::Bypass::kNoStore}) {
    EXPECT_GT(bypasses[static_cast<size_t>(why)], 10) << core::NameOf(why);
  }
  for (const uint64_t often : {retries, hedges, hits, followers, superseded, exhausted}) {
    EXPECT_GT(often, 10);
  }
}

}  // namespace
}  // namespace singleflight::simulation
