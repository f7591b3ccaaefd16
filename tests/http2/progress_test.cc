// When a peer is slow, and when it has stopped.

#include "server/http2/progress.h"

#include <gtest/gtest.h>

#include <vector>

namespace singleflight::http2 {
namespace {

// What happened until a tick.
struct Until {
  size_t moved = 0;
  bool peers_turn = true;
};

// The tick at which a peer has stopped, from 1; 0: it goes on.
int StallOf(Progress progress, const std::vector<Until>& ticks) {
  for (size_t i = 0; i < ticks.size(); ++i) {
    progress.Moved(ticks[i].moved);
    if (progress.Stalled(ticks[i].peers_turn)) return static_cast<int>(i) + 1;
  }
  return 0;
}

int StallOf(const std::vector<Until>& ticks) { return StallOf(Progress(), ticks); }

constexpr size_t kEnough = Progress::kBytes;
constexpr size_t kCrumbs = kEnough / 4 - 1;
const std::vector<Until> kIdle(20);

TEST(ProgressTest, APeerThatMovesNothingStallsFourTicksBehindTheFirst) {
  EXPECT_EQ(StallOf(kIdle), 5);
  EXPECT_EQ(StallOf(Progress(1), kIdle), 2);
}

// PITFALLS 27
TEST(ProgressTest, LessThanFourKilobytesInFourTicksIsNothing) {
  EXPECT_EQ(StallOf(std::vector<Until>(20, {kCrumbs})), 5);
  EXPECT_EQ(StallOf({{0}, {0}, {0}, {0}, {kEnough - 1}}), 5);
}

TEST(ProgressTest, FourKilobytesInFourTicksBeginTheCountAgainHoweverTheyCome) {
  EXPECT_EQ(StallOf(std::vector<Until>(20, {kEnough / 4})), 0);
  EXPECT_EQ(StallOf({{0}, {kEnough}, {0}, {0}, {0}, {0}}), 6);
  EXPECT_EQ(StallOf({{0}, {0}, {0}, {0}, {kEnough}, {0}, {0}, {0}, {0}}), 9);
}

TEST(ProgressTest, WhatMovedBeforeTheFirstTickDoesNotCount) {
  EXPECT_EQ(StallOf({{100 * kEnough}, {0}, {0}, {0}, {0}}), 5);
}

TEST(ProgressTest, MoreThanEnoughCountsForOneWaitOnly) {
  EXPECT_EQ(StallOf({{0}, {100 * kEnough}, {0}, {0}, {0}, {0}}), 6);
}

TEST(ProgressTest, TicksAtWhichItIsNotThePeersTurnBeginTheCountAgain) {
  EXPECT_EQ(StallOf(std::vector<Until>(20, {0, false})), 0);
  EXPECT_EQ(StallOf({{0}, {0}, {0}, {0}, {0, false}, {0}, {0}, {0}, {0}}), 9);
}

TEST(ProgressTest, AWaitThatEndedCountsForNothing) {
  Progress progress;
  for (int i = 0; i < Progress::kTicks; ++i) EXPECT_FALSE(progress.Stalled(true));
  progress.Rest();
  EXPECT_EQ(StallOf(progress, kIdle), 5);
}

}  // namespace
}  // namespace singleflight::http2
