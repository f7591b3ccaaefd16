// Random steps on a cache and the flights that fill it, with what has to hold after each.

#ifndef SINGLEFLIGHT_TESTS_CORE_CACHE_STEPS_H_
#define SINGLEFLIGHT_TESTS_CORE_CACHE_STEPS_H_

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/core/random_steps.h"

namespace singleflight::core {

inline constexpr size_t kKeys = 16;
inline constexpr cache::StoreOptions kSmallStore = {14 << 10, 2 << 10};  // of one shard

struct CacheItem {
  std::string id;
  std::string path;
  std::string group;
  std::shared_ptr<const model::Request> request;
  model::Key key;
  int purged_at = 0;  // the step of the latest purge that concerned it
};

struct CacheCaller {
  TestWaiter* waiter;
  const CacheItem* item;
  int not_before;  // replies to calls that began earlier are not for it
  bool left = false;
};

// Calls whose replies are kept for a while, whatever callers, upstream and purges do. A caller that
// asks after a purge never gets what was asked of upstream before it. Replies say which key they
// are for, and at which step upstream was asked.
class CacheSteps : public RandomSteps<CacheCaller> {
 protected:
  CacheSteps() : RandomSteps(kSmallStore) {
    cache_ = cache::FreshnessRules{absl::Milliseconds(500), absl::nullopt, false};
    collapse_->max_join_age = absl::Milliseconds(300);
  }

  void FillShelves() {
    for (size_t i = 0; i < kKeys; ++i) {
      CacheItem item{absl::StrCat("id-", i),
                     absl::StrCat("/shop.Catalog/Get", i % 2),
                     absl::StrCat("group-", i % 4),
                     nullptr,
                     {}};
      item.request = RequestFor(item.path, {});
      item.key = KeyFor(item.id, item.path);
      items_.push_back(std::move(item));
    }
  }

  void AskAnew() {
    if (callers_.size() > 40) return;
    const CacheItem& item = items_[std::min(Random(kKeys), Random(kKeys))];
    const size_t loop = Random(3);
    if (Random(8) != 0) ForgetProofs(item.id, item.path);
    TestWaiter& waiter = AskOn(loop, item.id, {}, item.path);
    callers_.push_back({&waiter, &item, item.purged_at});
    callers_.back().left = goes_alone();
  }

  void UpstreamActs() {
    FakeCall* const some = SomeCall();
    if (some == nullptr) return;
    FakeCall& call = *some;
    switch (Random(12)) {
      case 0:
        return call.Fail(UpstreamFailure::Kind::kLost);
      case 1:
        return call.Fail(UpstreamFailure::Kind::kUnreachable);
      case 2:
        return call.TrailersOnly(wire::StatusCode::kNotFound);
      case 3:
        return AnswerInFull(call, "no-store");
      case 4:
        return AnswerInFull(call, "max-age=1, private");
      case 5:
        return AnswerInFull(call, "max-age=1");
      default:
        return AnswerInFull(call, "public");
    }
  }

  void AnswerInFull(FakeCall& call, const std::string& cache_control) {
    const std::string id = call.sent().substr(5);
    const size_t size = Random(50) == 0 ? 3000 : Random(1500);
    call.Begin({{"cache-groups", absl::StrCat("\"", GroupOf(id), "\"")}});
    call.Data(Framed(absl::StrCat(id, " ", began_.at(&call), " ", std::string(size, 'x'))));
    call.End({{"cache-control", cache_control}});
  }

  std::string GroupOf(const std::string& id) {
    int i = 0;
    EXPECT_TRUE(absl::SimpleAtoi(id.substr(3), &i));
    return items_[i].group;
  }

  void Purge() {
    const CacheItem& about = items_[Random(kKeys)];
    switch (Random(8)) {
      case 0:
        return PurgeAll(cache::EverythingScope(), [](const CacheItem&) { return true; });
      case 1:
        return PurgeAll(cache::MethodScope(about.path),
                        [&](const CacheItem& item) { return item.path == about.path; });
      case 2:
      case 3:
        return PurgeAll(cache::GroupScope("catalog", "catalog:50051", about.group),
                        [&](const CacheItem& item) { return item.group == about.group; });
      default:
        return PurgeAll(cache::KeyScope(about.key),
                        [&](const CacheItem& item) { return item.id == about.id; });
    }
  }
  template <typename Concerned>
  void PurgeAll(const cache::Scope& scope, const Concerned& concerned) {
    store_.Purge(scope);
    for (CacheItem& item : items_) item.purged_at = concerned(item) ? step_ : item.purged_at;
  }

  void Step() override {
    if (items_.empty()) FillShelves();
    switch (Random(16)) {
      case 0:
        SomeoneLeaves();
        break;
      case 1:
      case 2:
        loops_[Random(3)].RunAll();
        break;
      case 3:
        Advance(static_cast<int>(Random(60)));
        break;
      case 4:
        if (Random(4) == 0) Purge();
        break;
      case 5:
      case 6:
      case 7:
      case 8:
        UpstreamActs();
        break;
      default:
        AskAnew();
    }
    while (seen_ < upstream_.calls()) began_[&upstream_.call(seen_++)] = step_;
  }

  void CheckReply(const CacheCaller& caller) {
    const core::Answer& answer = caller.waiter->answer();
    ++heard_[static_cast<size_t>(answer.source)];
    if (MessageOf(answer.reply).empty()) return;
    const std::vector<absl::string_view> said = absl::StrSplit(MessageOf(answer.reply), ' ');
    int began = 0;
    ASSERT_TRUE(absl::SimpleAtoi(said[1], &began));
    ASSERT_EQ(said[0], caller.item->id);
    ASSERT_GT(began, caller.not_before);
    if (answer.source == core::Answer::Source::kHit) {
      ASSERT_GT(answer.lifespan.expires, answer.lifespan.born);
    }
  }

  // Lets callers that are through go, and checks what must hold between the rest.
  void Check() override {
    size_t aboard = 0;
    for (size_t i = 0; i < callers_.size();) {
      CacheCaller& caller = callers_[i];
      aboard += caller.waiter->aboard() ? 1 : 0;
      ASSERT_LE(caller.waiter->heard() + (caller.left ? 1 : 0), 1);
      if (!caller.left && caller.waiter->heard() == 0) {
        ++i;
        continue;
      }
      if (!caller.left) CheckReply(caller);
      caller.waiter->Drop();
      caller = callers_.back();
      callers_.pop_back();
    }
    ForgetServed();
    ASSERT_EQ(flights_.waiting(), aboard);
    ASSERT_EQ(upstream_.live(), flights_.flights());
    CheckCensus();
    if (step_ % 16 == 0) CheckSum();
  }

  uint64_t Stores() {
    return metrics(0).stores.value() + metrics(1).stores.value() + metrics(2).stores.value();
  }
  uint64_t GoneBy(cache::Gone why) { return store_.TakeCensus().gone[static_cast<size_t>(why)]; }

  void CheckCensus() {
    const cache::Census census = store_.TakeCensus();
    ASSERT_LE(census.bytes, kSmallStore.max_bytes);
    uint64_t gone = 0;
    for (const uint64_t count : census.gone) gone += count;
    ASSERT_EQ(census.entries, Stores() - gone);
  }

  // To look is to use, so not after every step. What is there, and what eviction remembers.
  void CheckSum() {
    uint64_t there = 0;
    size_t entries = 0;
    for (const CacheItem& item : items_) {
      const cache::Found found =
          store_.Find(item.key, {"catalog", "catalog:50051", item.path}, loops_[0].Now());
      if (!found.reply) continue;
      ++entries;
      there += cache::Entry::FootprintOf(item.key, found.reply, 2);  // its own and any
    }
    const cache::Census census = store_.TakeCensus();
    ASSERT_EQ(census.entries, entries);
    ASSERT_GE(census.bytes, there + remembered_);
    remembered_ = census.bytes - there;
    ASSERT_LE(remembered_, kSmallStore.max_bytes / 64);
  }

  // Ends with nothing left.
  void Finish() {
    Advance(16'000);
    Check();
    for (FakeCall* call : std::vector<FakeCall*>(upstream_.live_calls())) AnswerInFull(*call, "");
    Settle();
    Check();
    EXPECT_EQ(callers_.size(), 0);
  }

  std::vector<CacheItem> items_;
  std::unordered_map<const FakeCall*, int> began_;  // the step at which each came
  size_t seen_ = 0;
  std::array<int, static_cast<size_t>(Answer::Source::kOwn) + 1> heard_ = {};  // answers, by source
  uint64_t remembered_ = 0;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_TESTS_CORE_CACHE_STEPS_H_
