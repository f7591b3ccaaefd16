// A doubly linked list of a trace's objects, without memory of its own for each.

#ifndef SINGLEFLIGHT_TESTS_BENCH_EVICTION_OBJECT_LIST_H_
#define SINGLEFLIGHT_TESTS_BENCH_EVICTION_OBJECT_LIST_H_

#include <cstdint>
#include <vector>

#include "tests/bench/eviction/trace.h"

namespace singleflight::bench {

constexpr uint32_t kNoObject = ~0u;

// The neighbours of every object in the list it is in, if any: shared by the lists of one policy.
struct ObjectLinks {
  struct Link {
    uint32_t newer = kNoObject;
    uint32_t older = kNoObject;
    const void* list = nullptr;
  };
  explicit ObjectLinks(const std::vector<Object>& all) : objects(all), links(all.size()) {}

  const std::vector<Object>& objects;
  std::vector<Link> links;
};

// A list of objects from newest to oldest. An object is in one list of its ObjectLinks at most.
class ObjectList {
 public:
  explicit ObjectList(ObjectLinks& links) : objects_(links.objects), links_(links.links) {}

  void PushNewest(uint32_t object) {
    links_[object] = {kNoObject, newest_, this};
    (newest_ == kNoObject ? oldest_ : links_[newest_].newer) = object;
    newest_ = object;
    Count(object, +1);
  }
  void PushOldest(uint32_t object) {
    links_[object] = {oldest_, kNoObject, this};
    (oldest_ == kNoObject ? newest_ : links_[oldest_].older) = object;
    oldest_ = object;
    Count(object, +1);
  }
  void Remove(uint32_t object) {
    const ObjectLinks::Link link = links_[object];
    (link.newer == kNoObject ? newest_ : links_[link.newer].older) = link.older;
    (link.older == kNoObject ? oldest_ : links_[link.older].newer) = link.newer;
    links_[object] = {};
    Count(object, -1);
  }
  uint32_t PopOldest() {
    const uint32_t object = oldest_;
    Remove(object);
    return object;
  }
  void Refresh(uint32_t object) {
    Remove(object);
    PushNewest(object);
  }

  bool Has(uint32_t object) const { return links_[object].list == this; }
  uint32_t newest() const { return newest_; }
  uint32_t oldest() const { return oldest_; }
  uint32_t NewerThan(uint32_t object) const { return links_[object].newer; }
  uint32_t OlderThan(uint32_t object) const { return links_[object].older; }
  uint64_t bytes() const { return bytes_; }
  uint64_t size() const { return size_; }

 private:
  void Count(uint32_t object, int sign) {
    bytes_ += sign * static_cast<int64_t>(objects_[object].bytes);
    size_ += sign;
  }

  const std::vector<Object>& objects_;
  std::vector<ObjectLinks::Link>& links_;
  uint32_t newest_ = kNoObject;
  uint32_t oldest_ = kNoObject;
  uint64_t bytes_ = 0;
  uint64_t size_ = 0;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_EVICTION_OBJECT_LIST_H_
