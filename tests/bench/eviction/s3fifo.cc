#include <algorithm>

#include "tests/bench/eviction/object_list.h"
#include "tests/bench/eviction/policy.h"

namespace singleflight::bench {
namespace {

// Algorithm 1 of the paper, with bytes for counts: a small queue of a tenth, ghosts of as many
// bytes as the main queue.
class S3Fifo : public Policy {
 public:
  S3Fifo(const Objects& objects, uint64_t max_bytes)
      : max_bytes_(max_bytes), links_(objects), uses_(objects.size()) {}

  bool Ask(uint32_t object) override {
    if (small_.Has(object) || main_.Has(object)) {
      uses_[object] = std::min(uses_[object] + 1, kMaxUses);
      return true;
    }
    const uint64_t bytes = links_.objects[object].bytes;
    if (bytes > max_bytes_) return false;
    while (small_.bytes() + main_.bytes() + bytes > max_bytes_) Evict();
    const bool remembered = ghosts_.Has(object);
    if (remembered) ghosts_.Remove(object);
    uses_[object] = 0;
    (remembered ? main_ : small_).PushNewest(object);
    return false;
  }

 private:
  static constexpr int kMaxUses = 3;
  static constexpr int kPromoted = 2;

  uint64_t small_share() const { return max_bytes_ / 10; }

  void Evict() {
    if (main_.size() == 0 || (small_.size() > 0 && small_.bytes() >= small_share())) {
      EvictSmall();
    } else {
      EvictMain();
    }
  }

  void EvictSmall() {
    while (small_.size() > 0) {
      const uint32_t object = small_.PopOldest();
      if (uses_[object] < kPromoted) return Remember(object);
      main_.PushNewest(object);
      while (main_.bytes() > max_bytes_ - small_share()) EvictMain();
    }
  }

  void EvictMain() {
    while (main_.size() > 0) {
      const uint32_t object = main_.PopOldest();
      if (uses_[object] == 0) return;
      --uses_[object];
      main_.PushNewest(object);
    }
  }

  void Remember(uint32_t object) {
    ghosts_.PushNewest(object);
    while (ghosts_.bytes() > max_bytes_ - small_share()) ghosts_.PopOldest();
  }

  const uint64_t max_bytes_;
  ObjectLinks links_;
  ObjectList small_{links_};
  ObjectList main_{links_};
  ObjectList ghosts_{links_};
  std::vector<int> uses_;
};

}  // namespace

std::unique_ptr<Policy> MakeS3Fifo(const Objects& objects, uint64_t max_bytes) {
  return std::make_unique<S3Fifo>(objects, max_bytes);
}

}  // namespace singleflight::bench
