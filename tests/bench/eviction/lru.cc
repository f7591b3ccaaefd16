#include "tests/bench/eviction/object_list.h"
#include "tests/bench/eviction/policy.h"

namespace singleflight::bench {
namespace {

class Lru : public Policy {
 public:
  Lru(const Objects& objects, uint64_t max_bytes) : max_bytes_(max_bytes), links_(objects) {}

  bool Ask(uint32_t object) override {
    if (list_.Has(object)) {
      list_.Refresh(object);
      return true;
    }
    const uint64_t bytes = links_.objects[object].bytes;
    if (bytes > max_bytes_) return false;
    while (list_.bytes() + bytes > max_bytes_) list_.PopOldest();
    list_.PushNewest(object);
    return false;
  }

 private:
  const uint64_t max_bytes_;
  ObjectLinks links_;
  ObjectList list_{links_};
};

}  // namespace

std::unique_ptr<Policy> MakeLru(const Objects& objects, uint64_t max_bytes) {
  return std::make_unique<Lru>(objects, max_bytes);
}

}  // namespace singleflight::bench
