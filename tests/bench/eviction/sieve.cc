#include "tests/bench/eviction/object_list.h"
#include "tests/bench/eviction/policy.h"

namespace singleflight::bench {
namespace {

class Sieve : public Policy {
 public:
  Sieve(const Objects& objects, uint64_t max_bytes)
      : max_bytes_(max_bytes), links_(objects), visited_(objects.size()) {}

  bool Ask(uint32_t object) override {
    if (list_.Has(object)) {
      visited_[object] = true;
      return true;
    }
    const uint64_t bytes = links_.objects[object].bytes;
    if (bytes > max_bytes_) return false;
    while (list_.bytes() + bytes > max_bytes_) EvictOne();
    visited_[object] = false;
    list_.PushNewest(object);
    return false;
  }

 private:
  // The hand moves from old to new, forgives one visit and takes whom nobody visited.
  void EvictOne() {
    uint32_t object = hand_ == kNoObject ? list_.oldest() : hand_;
    while (visited_[object]) {
      visited_[object] = false;
      object = list_.NewerThan(object);
      if (object == kNoObject) object = list_.oldest();
    }
    hand_ = list_.NewerThan(object);
    list_.Remove(object);
  }

  const uint64_t max_bytes_;
  ObjectLinks links_;
  ObjectList list_{links_};
  std::vector<bool> visited_;
  uint32_t hand_ = kNoObject;
};

}  // namespace

std::unique_ptr<Policy> MakeSieve(const Objects& objects, uint64_t max_bytes) {
  return std::make_unique<Sieve>(objects, max_bytes);
}

}  // namespace singleflight::bench
