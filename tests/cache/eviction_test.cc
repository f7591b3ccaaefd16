#include "server/cache/eviction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <utility>

namespace singleflight::cache {
namespace {

constexpr uint64_t kBudget = 1 << 20;

// A cache that has nothing but keys. Whatever Eviction holds is here, and nothing else.
class EvictionTest : public ::testing::Test {
 protected:
  struct Entry : Evictable {
    int key = 0;
  };

  bool Has(int key) const { return entries_.count(key) > 0; }

  // A hit, or else a miss that inserts.
  void Ask(int key, uint32_t bytes = 1000) {
    if (Has(key)) {
      eviction_.Touch(*entries_.at(key));
    } else {
      Insert(key, bytes);
    }
  }

  void AskAll(int first, int last) {
    for (int key = first; key < last; ++key) Ask(key);
  }

  void Insert(int key, uint32_t bytes) {
    auto entry = std::make_unique<Entry>();
    entry->key = key;
    entry->hash = std::mt19937_64(key)();
    entry->bytes = bytes;
    eviction_.Insert(*entry);
    bytes_ += bytes;
    entries_.emplace(key, std::move(entry));
    while (Evictable* victim = eviction_.Victim()) Drop(static_cast<Entry*>(victim)->key);
  }

  void Replace(int key, uint32_t bytes) {
    std::unique_ptr<Entry> old = std::exchange(entries_.at(key), std::make_unique<Entry>());
    Entry& entry = *entries_.at(key);
    entry.key = key;
    entry.hash = old->hash;
    entry.bytes = bytes;
    eviction_.Replace(*old, entry);
    bytes_ += bytes;
    bytes_ -= old->bytes;
    while (Evictable* victim = eviction_.Victim()) Drop(static_cast<Entry*>(victim)->key);
  }

  void Erase(int key) {
    eviction_.Erase(*entries_.at(key));
    Drop(key);
  }

  void Drop(int key) {
    bytes_ -= entries_.at(key)->bytes;
    entries_.erase(key);
  }

  int CountOf(int first, int last) const {
    return std::distance(entries_.lower_bound(first), entries_.lower_bound(last));
  }

  void ExpectSound() {
    ASSERT_EQ(eviction_.bytes(), bytes_);
    ASSERT_EQ(eviction_.size(), entries_.size());
    ASSERT_LE(eviction_.bytes() + eviction_.bookkeeping_bytes(), kBudget);
  }

  void TearDown() override {
    ExpectSound();
    while (!entries_.empty()) Erase(entries_.begin()->first);
    ExpectSound();
  }

  Eviction eviction_{kBudget};
  std::map<int, std::unique_ptr<Entry>> entries_;
  uint64_t bytes_ = 0;
};

TEST_F(EvictionTest, WhatFitsStays) {
  for (int key = 0; key < 1000; ++key) Ask(key);
  EXPECT_EQ(CountOf(0, 1000), 1000);
}

TEST_F(EvictionTest, BytesAddUpAfterEveryStepOfARandomSequence) {
  std::mt19937_64 random(1);
  for (int step = 0; step < 30'000; ++step) {
    const int key = static_cast<int>(std::min(random() % 4000, random() % 4000));
    const uint32_t bytes = random() % 100 == 0 ? random() % (2 * kBudget) : random() % 2000;
    if (random() % 10 == 0 && Has(key)) {
      Erase(key);
    } else if (random() % 10 == 0 && Has(key)) {
      Replace(key, bytes);
    } else {
      Ask(key, bytes);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSound()) << "step " << step;
  }
}

TEST_F(EvictionTest, AScanDoesNotFlushWhatIsUsedOften) {
  for (int round = 0; round < 5; ++round) AskAll(0, 300);
  AskAll(10'000, 20'000);
  EXPECT_EQ(CountOf(0, 300), 300);
}

TEST_F(EvictionTest, ALargeEntryDoesNotFlushManySmallOnes) {
  for (int round = 0; round < 3; ++round) AskAll(0, 900);
  Ask(-1, kBudget / 2);
  EXPECT_EQ(CountOf(0, 900), 900);
}

TEST_F(EvictionTest, ALargeEntryThatComesBackCostsNoMoreThanItsPlace) {
  for (int round = 0; round < 3; ++round) AskAll(0, 950);
  for (int time = 0; time < 5; ++time) Ask(-1, kBudget / 8);
  EXPECT_TRUE(Has(-1));
  EXPECT_GT(CountOf(0, 950), 900);
}

TEST_F(EvictionTest, ALargeEntryThatIsUsedOftenEnoughStays) {
  for (int round = 0; round < 20; ++round) {
    for (int time = 0; time < 50; ++time) Ask(-1, kBudget / 4);
    AskAll(1000 * round, 1000 * round + 500);
  }
  EXPECT_TRUE(Has(-1));
}

TEST_F(EvictionTest, AnEntryOfMoreThanTheBudgetIsItsOwnVictim) {
  AskAll(0, 900);
  for (int time = 0; time < 3; ++time) {
    Ask(-1, kBudget + 1);
    EXPECT_FALSE(Has(-1));
    EXPECT_EQ(CountOf(0, 900), 900);
  }
}

TEST_F(EvictionTest, WhoComesBackWhileRememberedOutlivesAScan) {
  Ask(7);
  AskAll(10'000, 11'200);
  ASSERT_FALSE(Has(7));
  Ask(7);
  AskAll(20'000, 21'200);
  EXPECT_TRUE(Has(7));
}

TEST_F(EvictionTest, NothingIsRememberedOfWhatIsErased) {
  Ask(7);
  Erase(7);
  AskAll(10'000, 11'200);
  Ask(7);
  AskAll(20'000, 21'200);
  EXPECT_FALSE(Has(7));
}

TEST_F(EvictionTest, AReplacementKeepsWhatTheUsesOfTheOldEntryEarned) {
  for (int round = 0; round < 5; ++round) AskAll(0, 300);
  for (int time = 0; time < 100; ++time) Ask(-1, kBudget / 5);
  AskAll(10'000, 11'000);
  for (int key = 0; key < 300; ++key) Replace(key, 1000);
  Replace(-1, kBudget / 5);
  AskAll(20'000, 21'000);
  EXPECT_EQ(CountOf(-1, 300), 301);
}

TEST_F(EvictionTest, AReplacementOfMoreThanTheBudgetIsItsOwnVictim) {
  for (int round = 0; round < 3; ++round) AskAll(0, 900);
  Replace(7, kBudget + 1);
  EXPECT_FALSE(Has(7));
  EXPECT_EQ(CountOf(0, 900), 899);
}

TEST_F(EvictionTest, EntriesAreErasedFromEveryQueue) {
  for (int round = 0; round < 3; ++round) AskAll(0, 500);
  AskAll(1000, 2000);
  ASSERT_TRUE(entries_.at(0)->in_main);
  ASSERT_FALSE(entries_.rbegin()->second->in_main);
  for (const int key : {0, 250, 499, entries_.rbegin()->first}) Erase(key);
  ExpectSound();
  AskAll(0, 2000);
}

TEST_F(EvictionTest, EverythingThatIsResidentCanBeTakenOutAgain) {
  AskAll(0, 3000);
  const size_t resident = entries_.size();
  Insert(-1, 1);
  size_t taken = 0;
  while (!entries_.empty()) Erase(entries_.begin()->first), ++taken;
  EXPECT_EQ(taken, resident + 1);
  EXPECT_EQ(eviction_.size(), 0);
  EXPECT_EQ(eviction_.bytes(), 0);
}

TEST_F(EvictionTest, RecentlyUsedEntriesStayWhereNothingIsUsedForLong) {
  // A window of 600 keys moves on; each is used a few times while in it, and never again.
  std::mt19937_64 random(1);
  int hits = 0;
  for (int step = 0; step < 40'000; ++step) {
    const int key = step / 10 + static_cast<int>(random() % 600);
    if (step >= 20'000 && Has(key)) ++hits;
    Ask(key);
  }
  EXPECT_GT(hits, 17'000) << "of 20,000, of which 2,000 are first uses";
}

TEST_F(EvictionTest, AHitWritesNothingOnceTheEntryIsSaturated) {
  Ask(7);
  for (int time = 0; time < 100; ++time) Ask(7);
  char before[sizeof(Entry)];
  std::memcpy(before, static_cast<void*>(entries_.at(7).get()), sizeof(before));
  Ask(7);
  EXPECT_EQ(std::memcmp(before, static_cast<void*>(entries_.at(7).get()), sizeof(before)), 0);
}

TEST_F(EvictionTest, BookkeepingIsASmallPartOfTheBudgetHoweverSmallTheEntries) {
  for (int key = 0; key < 50'000; ++key) Ask(key, 50);
  EXPECT_GT(eviction_.bookkeeping_bytes(), 0);
  EXPECT_LE(eviction_.bookkeeping_bytes(), kBudget / 64);
}

TEST(EvictionOfNothingTest, ABudgetOfNothingHoldsNothing) {
  Eviction eviction(0);
  Evictable entry{.hash = 1, .bytes = 1};
  eviction.Insert(entry);
  EXPECT_EQ(eviction.Victim(), &entry);
  EXPECT_EQ(eviction.Victim(), nullptr);
  EXPECT_EQ(eviction.size(), 0);
}

TEST(EvictableTest, AnEntrysShareIsSmall) { EXPECT_LE(sizeof(Evictable), 40); }

}  // namespace
}  // namespace singleflight::cache
