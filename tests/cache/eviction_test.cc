#include "server/cache/eviction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

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

}  // namespace
}  // namespace singleflight::cache
