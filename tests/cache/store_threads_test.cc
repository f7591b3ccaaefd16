// Several threads and one store, for ThreadSanitizer.

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/cache/store.h"
#include "tests/cache/replies.h"

namespace singleflight::cache {
namespace {

constexpr size_t kShopKeys = 16;
constexpr int kShopSteps = 20'000;

std::string PathOf(size_t key) { return absl::StrCat("/shop.Catalog/Get", key % 2); }
Scope GroupOf(size_t key) { return GroupScope("catalog", "shop", absl::StrCat(key % 4)); }

// A key's latest purge that is known to have returned: replies of a smaller number are too old.
class Floors {
 public:
  uint64_t Of(size_t key) const { return floors_[key].load(std::memory_order_acquire); }
  void Raise(size_t key, uint64_t to) {
    uint64_t now = Of(key);
    while (now < to && !floors_[key].compare_exchange_weak(now, to, std::memory_order_acq_rel)) {
    }
  }

 private:
  std::array<std::atomic<uint64_t>, kShopKeys> floors_{};
};

// What one of the threads does: its replies say their fill's number, which is older than any purge
// that is called later.
class Shopper {
 public:
  Shopper(Store& store, Floors& floors, unsigned seed)
      : store_(store), floors_(floors), random_(seed) {
    for (size_t i = 0; i < kShopKeys; ++i) keys_.push_back(KeyOf(absl::StrCat("id-", i)));
  }

  void Run() {
    for (int i = 0; i < kShopSteps; ++i) {
      switch (Random(16)) {
        case 0:
          Purge(Random(kShopKeys), Random(16));
          break;
        case 1:
        case 2:
        case 3:
        case 4:
          Put(Random(kShopKeys));
          break;
        default:
          Look(Random(kShopKeys));
      }
    }
  }

  int found() const { return found_; }
  int too_old() const { return too_old_; }
  int others() const { return others_; }

 private:
  size_t Random(size_t below) { return random_() % below; }

  // Takes a fill and lands the one before, so that purges come between.
  void Put(size_t key) {
    if (fill_.has_value()) {
      const model::Reply reply = OkReply(
          absl::StrCat(fill_->number, " ", keys_[filling_].bytes, std::string(Random(3000), ' ')));
      store_.Put(keys_[filling_], reply, {now_, now_ + std::chrono::seconds(1)},
                 {MethodScope(PathOf(filling_)), {GroupOf(filling_)}}, *fill_);
    }
    fill_ = store_.BeginFill();
    filling_ = key;
  }

  void Look(size_t key) {
    const uint64_t floor = floors_.Of(key);
    const Found found = store_.Find(keys_[key], {"catalog", "shop", PathOf(key)}, now_);
    if (!found.reply) return;
    ++found_;
    uint64_t number = 0;
    const absl::string_view body = found.reply.body;
    const size_t space = body.find(' ');
    if (!absl::SimpleAtoi(body.substr(0, space), &number) || number <= floor) ++too_old_;
    if (body.substr(space + 1, body.find(' ', space + 1) - space - 1) != keys_[key].bytes) {
      ++others_;
    }
  }

  void Purge(size_t key, size_t how) {
    const uint64_t before = store_.sequence();
    if (how == 0) {
      store_.Purge(EverythingScope());
      return Raise(before, [](size_t) { return true; });
    }
    if (how < 4) {
      store_.Purge(MethodScope(PathOf(key)));
      return Raise(before, [key](size_t other) { return other % 2 == key % 2; });
    }
    if (how < 8) {
      store_.Purge(GroupOf(key));
      return Raise(before, [key](size_t other) { return other % 4 == key % 4; });
    }
    store_.Purge(KeyScope(keys_[key]));
    Raise(before, [key](size_t other) { return other == key; });
  }

  template <typename Concerns>
  void Raise(uint64_t to, Concerns concerns) {
    for (size_t key = 0; key < kShopKeys; ++key) {
      if (concerns(key)) floors_.Raise(key, to);
    }
  }

  Store& store_;
  Floors& floors_;
  std::mt19937 random_;
  const base::Instant now_ = base::Instant(std::chrono::hours(1));
  std::vector<model::Key> keys_;
  absl::optional<Fill> fill_;
  size_t filling_ = 0;
  int found_ = 0, too_old_ = 0, others_ = 0;
};

// Lets four of them loose on a store.
void Shop(Store& store) {
  Floors floors;
  std::vector<Shopper> shoppers;
  for (unsigned seed = 0; seed < 4; ++seed) shoppers.emplace_back(store, floors, seed);
  std::vector<std::thread> threads;
  for (Shopper& shopper : shoppers) threads.emplace_back([&shopper] { shopper.Run(); });
  for (std::thread& thread : threads) thread.join();
  for (const Shopper& shopper : shoppers) {
    EXPECT_GT(shopper.found(), 100);
    EXPECT_EQ(shopper.too_old(), 0);
    EXPECT_EQ(shopper.others(), 0);
  }
}

// PITFALLS 23
TEST(StoreThreadsTest, WhoAsksAfterAPurgeHasReturnedFindsNothingThatWasAskedBeforeIt) {
  Store store({1 << 20, 4 << 10});
  Shop(store);
  store.Purge(EverythingScope());
  EXPECT_EQ(store.TakeCensus().entries, 0);
}

TEST(StoreThreadsTest, TheSameHoldsWhereThereIsRoomForFewEntries) {
  Store store({16 << 10, 4 << 10});
  Shop(store);
  EXPECT_LE(store.TakeCensus().bytes, 16 << 10);
  EXPECT_GT(store.TakeCensus().gone[static_cast<size_t>(Gone::kCapacity)], 100);
}

}  // namespace
}  // namespace singleflight::cache
