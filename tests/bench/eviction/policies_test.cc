#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/bench/eviction/frequency_sketch.h"
#include "tests/bench/eviction/policy.h"

namespace singleflight::bench {
namespace {

// Objects are letters; all have one byte but those that a test makes larger.
Objects Letters() {
  Objects objects(128);
  for (size_t letter = 0; letter < objects.size(); ++letter) {
    objects[letter] = {letter * 0x9e3779b97f4a7c15, 1};
  }
  return objects;
}

// For each letter of `requests` an h for a hit or a dot for a miss.
std::string Outcomes(Policy& policy, absl::string_view requests) {
  std::string outcomes;
  for (const char letter : requests) outcomes += policy.Ask(letter) ? 'h' : '.';
  return outcomes;
}

TEST(LruTest, TheLeastRecentlyUsedObjectGoes) {
  const Objects objects = Letters();
  EXPECT_EQ(Outcomes(*MakeLru(objects, 2), "ABACAB"), "..h.h.");
}

TEST(LruTest, AsManyGoAsTheNewObjectNeedsBytes) {
  Objects objects = Letters();
  objects['B'].bytes = objects['C'].bytes = 2;
  EXPECT_EQ(Outcomes(*MakeLru(objects, 4), "ABCBAC"), "...h..");
}

TEST(SieveTest, TheHandSparesWhatWasVisitedAndStaysWhereItIs) {
  const Objects objects = Letters();
  // D: the hand forgives A and takes B. B: it takes C, not A. C: it takes D. D: it takes B.
  EXPECT_EQ(Outcomes(*MakeSieve(objects, 3), "ABCADBACDA"), "...h..h..h");
}

TEST(SieveTest, TheHandBeginsAgainAtTheOldest) {
  const Objects objects = Letters();
  // All are visited: the hand forgives each of them and then takes A.
  EXPECT_EQ(Outcomes(*MakeSieve(objects, 3), "ABCABCDBCA"), "...hhh.hh.");
}

TEST(S3FifoTest, AnObjectUsedOnceMoreLeavesTheSmallQueueAsIfUnused) {
  const Objects objects = Letters();
  EXPECT_EQ(Outcomes(*MakeS3Fifo(objects, 10), "abcdefghijaka"), "..........h..");
}

TEST(S3FifoTest, AnObjectUsedTwiceMoreMovesToTheMainQueue) {
  const Objects objects = Letters();
  EXPECT_EQ(Outcomes(*MakeS3Fifo(objects, 10), "abcdefghijaakab"), "..........hh.h.");
}

TEST(S3FifoTest, AGhostThatComesBackOutlivesAScan) {
  const Objects objects = Letters();
  EXPECT_EQ(Outcomes(*MakeS3Fifo(objects, 10), "abcdefghijkalmnopqrstua"),
            "......................h");
}

TEST(S3FifoTest, AGhostIsForgottenAfterNineTenthsOfTheCache) {
  const Objects objects = Letters();
  // k evicts a; l to t evict nine more, whose ghosts push out a's. So a goes with the scan.
  EXPECT_EQ(Outcomes(*MakeS3Fifo(objects, 10), "abcdefghijklmnopqrstaABCDEFGHIJa"),
            "................................");
}

TEST(TinyLfuTest, ARareCandidateDoesNotReplaceAVictimThatIsAsFrequent) {
  const Objects objects = Letters();
  // A and B are protected. The sketch begins again at E, because there are more entries than
  // before: D and E, of no known use, do not replace C; F, used once, does; G and D do not replace
  // F.
  EXPECT_EQ(Outcomes(*MakeTinyLfu(objects, 4), "ABCDABABEFGDABCF"), "....hhhh....hh.h");
}

TEST(FrequencySketchTest, CountsUpToFifteen) {
  FrequencySketch sketch;
  sketch.EnsureCapacity(100);
  for (int use = 0; use < 3; ++use) sketch.Increment(7);
  EXPECT_EQ(sketch.Frequency(7), 3);
  for (int use = 0; use < 30; ++use) sketch.Increment(7);
  EXPECT_EQ(sketch.Frequency(7), 15);
}

TEST(FrequencySketchTest, HalvesAfterTenUsesForEachEntry) {
  FrequencySketch sketch;
  sketch.EnsureCapacity(100);
  for (int use = 0; use < 8; ++use) sketch.Increment(7);
  for (uint64_t other = 1000; other < 1991; ++other) sketch.Increment(other * 0x9e3779b97f4a7c15);
  EXPECT_GE(sketch.Frequency(7), 8);
  sketch.Increment(8);
  EXPECT_LT(sketch.Frequency(7), 8);
}

class EveryPolicyTest : public ::testing::TestWithParam<PolicyKind> {};

TEST_P(EveryPolicyTest, WhatFitsIsAHitTheSecondTime) {
  Objects objects = Letters();
  for (Object& object : objects) object.bytes = 1000;
  EXPECT_EQ(Outcomes(*GetParam().make(objects, 5000), "ABCDABCD"), "....hhhh");
}

TEST_P(EveryPolicyTest, AnObjectOfMoreThanTheBudgetIsNeverKeptAndFlushesNothing) {
  Objects objects = Letters();
  for (Object& object : objects) object.bytes = 1000;
  objects['X'].bytes = 5001;
  EXPECT_EQ(Outcomes(*GetParam().make(objects, 5000), "ABCXXXABC"), "......hhh");
}

INSTANTIATE_TEST_SUITE_P(Policies, EveryPolicyTest, ::testing::ValuesIn(AllPolicies()),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace singleflight::bench
