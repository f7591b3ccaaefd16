#include "server/cache/eviction.h"
#include "tests/bench/eviction/policy.h"

namespace singleflight::bench {
namespace {

class Product : public Policy {
 public:
  Product(const Objects& objects, uint64_t max_bytes) : eviction_(max_bytes) {
    entries_.reserve(objects.size());
    for (const Object& object : objects) {
      entries_.emplace_back();
      entries_.back().hash = object.hash;
      entries_.back().bytes = object.bytes;
    }
  }

  bool Ask(uint32_t object) override {
    Entry& entry = entries_[object];
    if (entry.resident) {
      eviction_.Touch(entry);
      return true;
    }
    eviction_.Insert(entry);
    entry.resident = true;
    while (cache::Evictable* victim = eviction_.Victim()) {
      static_cast<Entry*>(victim)->resident = false;
    }
    return false;
  }

 private:
  struct Entry : cache::Evictable {
    bool resident = false;
  };
  std::vector<Entry> entries_;
  cache::Eviction eviction_;
};

}  // namespace

std::unique_ptr<Policy> MakeProduct(const Objects& objects, uint64_t max_bytes) {
  return std::make_unique<Product>(objects, max_bytes);
}

}  // namespace singleflight::bench
