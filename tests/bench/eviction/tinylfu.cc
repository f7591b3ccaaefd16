// W-TinyLFU after its paper, with Caffeine's hill climbing: a window before a main queue, and a
// sketch of how often objects are asked for, which decides who enters it.

#include <algorithm>
#include <cmath>
#include <random>

#include "tests/bench/eviction/frequency_sketch.h"
#include "tests/bench/eviction/object_list.h"
#include "tests/bench/eviction/policy.h"

namespace singleflight::bench {
namespace {

// How large the window is to be: steps in the direction that raised the hit ratio of the last
// sample, each smaller than the one before, until the ratio changes a lot.
class HillClimber {
 public:
  explicit HillClimber(uint64_t max_bytes) : full_step_(0.0625 * max_bytes), step_(-full_step_) {}

  void Count(bool hit) { ++(hit ? hits_ : misses_); }

  // By how many bytes the window is to grow, once `sample` requests were counted; 0 before.
  int64_t Adjustment(uint64_t sample) {
    if (hits_ + misses_ < sample) return 0;
    const double ratio = static_cast<double>(hits_) / (hits_ + misses_);
    const double change = ratio - ratio_;
    const double amount = change >= 0 ? step_ : -step_;
    step_ = std::abs(change) >= 0.05 ? std::copysign(full_step_, amount) : 0.98 * amount;
    ratio_ = ratio;
    hits_ = misses_ = 0;
    return static_cast<int64_t>(amount);
  }

 private:
  const double full_step_;
  double step_;
  double ratio_ = 0;
  uint64_t hits_ = 0;
  uint64_t misses_ = 0;
};

class TinyLfu : public Policy {
 public:
  TinyLfu(const Objects& objects, uint64_t max_bytes)
      : max_bytes_(max_bytes),
        window_max_(std::max<uint64_t>(max_bytes / 100, 1)),
        protected_max_((max_bytes - window_max_) * 8 / 10),
        climber_(max_bytes),
        links_(objects) {}

  bool Ask(uint32_t object) override {
    const bool hit = window_.Has(object) || probation_.Has(object) || protected_.Has(object);
    sketch_.Increment(HashOf(object));
    hit ? Hit(object) : Miss(object);
    Climb(hit);
    return hit;
  }

 private:
  uint64_t HashOf(uint32_t object) const { return links_.objects[object].hash; }
  uint64_t BytesOf(uint32_t object) const { return links_.objects[object].bytes; }
  uint64_t bytes() const { return window_.bytes() + probation_.bytes() + protected_.bytes(); }
  uint64_t size() const { return window_.size() + probation_.size() + protected_.size(); }

  void Hit(uint32_t object) {
    if (window_.Has(object)) return window_.Refresh(object);
    if (protected_.Has(object)) return protected_.Refresh(object);
    if (BytesOf(object) > protected_max_) return probation_.Refresh(object);
    probation_.Remove(object);
    protected_.PushNewest(object);
    Demote();
  }

  void Miss(uint32_t object) {
    if (BytesOf(object) > max_bytes_) return;
    BytesOf(object) > window_max_ ? window_.PushOldest(object) : window_.PushNewest(object);
    if (2 * bytes() >= max_bytes_) sketch_.EnsureCapacity(size());
    EvictFromMain(EvictFromWindow());
  }

  void Demote() {
    while (protected_.bytes() > protected_max_) probation_.PushNewest(protected_.PopOldest());
  }

  // Moves what exceeds the window to the main space; how many.
  int EvictFromWindow() {
    int candidates = 0;
    for (; window_.bytes() > window_max_; ++candidates) probation_.PushNewest(window_.PopOldest());
    return candidates;
  }

  // Candidates are the newest of the main space, then the oldest of the window; victims are the
  // oldest of the main space. The rarer one of each pair goes.
  void EvictFromMain(int candidates) {
    uint32_t candidate = candidates > 0 ? probation_.newest() : window_.oldest();
    while (bytes() > max_bytes_) {
      const uint32_t victim = OldestOfMain();
      const bool alone = candidate == kNoObject || candidate == victim;
      const uint32_t loser = alone || Admits(candidate, victim) ? victim : candidate;
      if (candidate != kNoObject) candidate = Next(candidate, --candidates);
      if (candidate == loser) candidate = kNoObject;
      Evict(loser);
    }
  }

  uint32_t Next(uint32_t candidate, int candidates) const {
    if (candidates > 0) return probation_.OlderThan(candidate);
    return window_.Has(candidate) ? window_.NewerThan(candidate) : window_.oldest();
  }

  uint32_t OldestOfMain() const {
    if (probation_.size() > 0) return probation_.oldest();
    return protected_.size() > 0 ? protected_.oldest() : window_.oldest();
  }

  void Evict(uint32_t object) {
    for (ObjectList* list : {&window_, &probation_, &protected_}) {
      if (list->Has(object)) return list->Remove(object);
    }
  }

  // A warm candidate gets in now and then, so that nobody can keep it out with collisions.
  bool Admits(uint32_t candidate, uint32_t victim) {
    const int frequency = sketch_.Frequency(HashOf(candidate));
    if (frequency > sketch_.Frequency(HashOf(victim))) return true;
    return frequency > 5 && random_() % 128 == 0;
  }

  void Climb(bool hit) {
    if (sketch_.sample() == 0) return;
    climber_.Count(hit);
    const int64_t amount = climber_.Adjustment(sketch_.sample());
    amount > 0 ? GrowWindow(amount) : ShrinkWindow(-amount);
  }

  void GrowWindow(uint64_t amount) {
    amount = std::min(amount, protected_max_);
    protected_max_ -= amount;
    window_max_ += amount;
    Demote();
    while (probation_.size() > 0 && window_.bytes() + BytesOf(probation_.oldest()) <= window_max_) {
      window_.PushNewest(probation_.PopOldest());
    }
  }

  void ShrinkWindow(uint64_t amount) {
    amount = std::min(amount, window_max_ - 1);
    protected_max_ += amount;
    window_max_ -= amount;
    EvictFromWindow();
  }

  const uint64_t max_bytes_;
  uint64_t window_max_;
  uint64_t protected_max_;
  FrequencySketch sketch_;
  HillClimber climber_;
  ObjectLinks links_;
  ObjectList window_{links_};
  ObjectList probation_{links_};
  ObjectList protected_{links_};
  std::minstd_rand random_{1};
};

}  // namespace

std::unique_ptr<Policy> MakeTinyLfu(const Objects& objects, uint64_t max_bytes) {
  return std::make_unique<TinyLfu>(objects, max_bytes);
}

}  // namespace singleflight::bench
