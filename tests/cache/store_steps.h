#ifndef SINGLEFLIGHT_TESTS_CACHE_STORE_STEPS_H_
#define SINGLEFLIGHT_TESTS_CACHE_STORE_STEPS_H_

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/cache/store.h"
#include "tests/cache/replies.h"

namespace singleflight::cache {

// Lets things happen to a store in whatever order, and knows, of each key, which reply is the only
// one that may be found. `choose` gives a number below its argument.
class StoreSteps {
 public:
  StoreSteps(const StoreOptions& options, uint64_t keys,
             std::function<uint64_t(uint64_t below)> choose)
      : options_(options), choose_(std::move(choose)), store_(options) {
    for (uint64_t i = 0; i < keys; ++i) {
      Known known{KeyOf(absl::StrCat("id-", i)), {Method(i % 3), {}}};
      for (uint64_t group = 0; group < i % 4; ++group)
        known.labels.groups.push_back(Group(i % 5 + group));
      known_.push_back(known);
    }
  }

  void Step() {
    switch (Random(32)) {
      case 0:
        return Random(8) == 0 ? Purge() : void();
      case 1:
        now_ += std::chrono::milliseconds(Random(20));
        return;
      default:
        if (Random(2) == 0) return Land();
        Look(std::min(Random(known_.size()), Random(known_.size())));
    }
  }

  // After every step.
  void CheckBounds() {
    const Census census = store_.TakeCensus();
    ASSERT_LE(census.bytes, options_.max_bytes);
    uint64_t gone = 0;
    for (const uint64_t count : census.gone) gone += count;
    ASSERT_EQ(census.entries, inserted_ - gone);
    ASSERT_TRUE(store_.IsSound());
  }

  // Now and then: to look is to use. What is there, and what eviction remembers: whole buckets of
  // 64 bytes in each shard, never fewer.
  void CheckSum() {
    uint64_t there = 0, entries = 0;
    for (uint64_t i = 0; i < known_.size(); ++i) {
      const size_t bytes = Look(i);
      there += bytes;
      entries += bytes > 0 ? 1 : 0;
    }
    const Census census = store_.TakeCensus();
    ASSERT_EQ(census.entries, entries);
    ASSERT_GE(census.bytes, there + remembered_);
    remembered_ = census.bytes - there;
    ASSERT_EQ(remembered_ % 64, 0);
    ASSERT_LE(remembered_, options_.max_bytes / 64);
  }

  // Nothing is left but what eviction remembers.
  void Empty() {
    store_.Purge(EverythingScope());
    EXPECT_EQ(store_.TakeCensus().entries, 0);
    EXPECT_EQ(store_.TakeCensus().bytes, remembered_);
  }

  const Store& store() const { return store_; }

 private:
  struct Known {
    model::Key key;
    Labels labels;
    uint64_t number = 0;  // of the latest reply that was taken
    bool gone = true;     // purged or expired: must not be found. Otherwise it may be
  };

  static std::string Path(uint64_t i) { return absl::StrCat("/shop.Catalog/Get", i); }
  static Scope Method(uint64_t i) { return MethodScope(Path(i)); }
  static Scope Group(uint64_t i) { return GroupScope("catalog", "shop", absl::StrCat(i)); }

  uint64_t Random(uint64_t below) { return choose_(below); }

  // Takes a fill, and lands one that was taken up to eight fills ago. Now and then what it brings
  // is not kept.
  void Land() {
    fills_.push_back({Random(known_.size()), store_.BeginFill()});
    if (fills_.size() < 8) return;
    const auto at = fills_.begin() + static_cast<ptrdiff_t>(Random(8));
    const auto [i, fill] = *at;
    fills_.erase(at);
    Random(16) == 0 ? Drop(known_[i], fill) : Put(known_[i], fill);
  }

  void Drop(Known& known, Fill fill) {
    store_.Drop(known.key, fill);
    known.gone = known.gone || known.number < fill.number;
  }

  void Put(Known& known, Fill fill) {
    const absl::optional<Refusal> refused =
        store_.Put(known.key, ReplyOf(fill), {now_, now_ + std::chrono::milliseconds(Random(900))},
                   known.labels, fill);
    if (refused == Refusal::kTooLarge) return;
    const bool voided = fill.number < PurgedAt(known);
    ASSERT_EQ(voided, refused == Refusal::kPurged);
    if (voided || refused == Refusal::kSuperseded) return;
    if (!refused.has_value()) ++inserted_;
    known.number = fill.number;
    known.gone = refused.has_value();
  }

  // One that says which it is, and is larger than the bound now and then.
  model::Reply ReplyOf(Fill fill) {
    const size_t size = Random(40) == 0 ? 9000 : Random(2000);
    return OkReply(absl::StrCat(fill.number, " ", std::string(size, 'x')));
  }

  uint64_t PurgedAt(const Known& known) {
    uint64_t latest = purged_[{0, known.key.hash}];
    latest = std::max({latest, purged_[{1, known.labels.method.id}], purged_[{3, 0}]});
    for (const Scope& group : known.labels.groups)
      latest = std::max(latest, purged_[{2, group.id}]);
    return latest;
  }

  // Returns the bytes of what is found.
  size_t Look(uint64_t i) {
    Known& known = known_[i];
    const Found found = store_.Find(known.key, {"catalog", "shop", Path(i % 3)}, now_);
    if (!found.reply) return 0;
    EXPECT_FALSE(known.gone);
    EXPECT_GT(found.lifespan.expires, now_);
    uint64_t number = 0;
    EXPECT_TRUE(absl::SimpleAtoi(found.reply.body.substr(0, found.reply.body.find(' ')), &number));
    EXPECT_EQ(number, known.number);
    return Entry::FootprintOf(known.key, found.reply, known.labels.groups.size());
  }

  void Purge() {
    const Known& known = known_[Random(known_.size())];
    const Scope scopes[] = {KeyScope(known.key), known.labels.method, Group(Random(8)),
                            EverythingScope()};
    const Scope& scope = scopes[Random(40) == 0 ? 3 : Random(3)];
    store_.Purge(scope);
    const auto kind = scope.kind == Scope::Kind::kAll ? 3 : static_cast<int>(scope.kind);
    purged_[{kind, scope.id}] = store_.sequence();
    for (Known& each : known_) each.gone = each.gone || each.number < PurgedAt(each);
  }

  const StoreOptions options_;
  const std::function<uint64_t(uint64_t)> choose_;
  base::Instant now_ = base::Instant(std::chrono::hours(1));
  Store store_;
  std::vector<Known> known_;
  std::vector<std::pair<uint64_t, Fill>> fills_;
  std::map<std::pair<int, uint64_t>, uint64_t> purged_;  // by kind and id of the scope
  uint64_t inserted_ = 0;
  uint64_t remembered_ = 0;
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_TESTS_CACHE_STORE_STEPS_H_
