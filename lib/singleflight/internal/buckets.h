// How a shard finds its flights: an intrusive hash table.

#ifndef SINGLEFLIGHT_INTERNAL_BUCKETS_H_
#define SINGLEFLIGHT_INTERNAL_BUCKETS_H_

#include <cstddef>
#include <vector>

namespace singleflight::internal {

// Buckets find the flights of one shard by their keys: an intrusive hash table, which owns no
// flights and allocates only when it grows. A flight provides `size_t hash` and
// `Flight* next_in_bucket`.
//
// Threads: none; its owner guards it.
template <typename Flight>
class Buckets {
 public:
  Buckets() : buckets_(8, nullptr) {}

  // The flight with this hash for which `same` says so, or null.
  template <typename Same>
  Flight* Find(size_t hash, const Same& same) const {
    for (Flight* flight = buckets_[Bucket(hash)]; flight != nullptr;
         flight = flight->next_in_bucket) {
      if (flight->hash == hash && same(*flight)) return flight;
    }
    return nullptr;
  }

  // Changes nothing where there is no memory to grow.
  void Insert(Flight* flight) {
    if (size_ == buckets_.size()) Grow();
    Push(flight);
    ++size_;
  }

  // Erases this very flight and no other of the same key; false when it is not here.
  bool Erase(const Flight* flight) {
    Flight** link = &buckets_[Bucket(flight->hash)];
    while (*link != nullptr && *link != flight) link = &(*link)->next_in_bucket;
    if (*link == nullptr) return false;
    *link = flight->next_in_bucket;
    --size_;
    return true;
  }

  template <typename See>
  void ForEach(const See& see) const {
    for (const Flight* flight : buckets_) {
      for (; flight != nullptr; flight = flight->next_in_bucket) see(*flight);
    }
  }

  size_t size() const { return size_; }

 private:
  size_t Bucket(size_t hash) const { return hash & (buckets_.size() - 1); }

  void Push(Flight* flight) {
    Flight*& first = buckets_[Bucket(flight->hash)];
    flight->next_in_bucket = first;
    first = flight;
  }

  void Grow() {
    std::vector<Flight*> old(buckets_.size() * 2, nullptr);
    old.swap(buckets_);
    for (Flight* flight : old) {
      while (flight != nullptr) {
        Flight* const next = flight->next_in_bucket;
        Push(flight);
        flight = next;
      }
    }
  }

  std::vector<Flight*> buckets_;  // a power of two
  size_t size_ = 0;
};

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_BUCKETS_H_
