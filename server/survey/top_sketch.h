// The keys with the largest sums, in fixed memory: Space-Saving (Metwally, Agrawal, El Abbadi:
// "Efficient Computation of Frequent and Top-k Elements in Data Streams", 2005).
//
// 64 keys have a sum. A key that is none of them takes the place of the one with the smallest sum
// and goes on from there: its sum may be too large by what it found, its *excess*. So no sum is too
// small, and a key whose sum is above 1/64 of all is certainly here. What is added may be of a
// sample: each addition then stands for `weight` of its kind, and the sum has a *variance*.
//
// Threads: one at a time.

#ifndef SINGLEFLIGHT_SERVER_SURVEY_TOP_SKETCH_H_
#define SINGLEFLIGHT_SERVER_SURVEY_TOP_SKETCH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace singleflight::survey {

class TopSketch {
 public:
  static constexpr size_t kKeys = 64;

  // Clients make paths up. Of a longer one the beginning is kept.
  static constexpr size_t kLongestMethod = 120;

  struct Sum {
    uint64_t key = 0;  // its hash
    std::string method;
    uint64_t sum = 0;
    uint64_t excess = 0;
    double variance = 0;
  };

  void Add(uint64_t key, absl::string_view method, uint64_t amount, uint32_t weight);

  // In no order.
  std::vector<Sum> Sums() const;

 private:
  struct Rest {
    std::string method;
    uint64_t excess = 0;
    double variance = 0;
  };

  size_t PlaceOf(uint64_t key) const;
  size_t PlaceFor(uint64_t key, absl::string_view method);

  size_t size_ = 0;
  // By place. What is looked through lies together.
  std::array<uint64_t, kKeys> keys_;
  std::array<uint64_t, kKeys> sums_{};
  std::array<Rest, kKeys> rests_;
};

// A sum of several sketches.
struct TopKey {
  uint64_t key = 0;
  std::string method;
  uint64_t count = 0;
  uint64_t error = 0;  // see Merged
};

// The sums of all together, the largest first. `error`: the count may be too large by the excess of
// the sketches, and where it comes from a sample, too large or too small by two standard deviations
// (19 of 20 are within).
std::vector<TopKey> Merged(const std::vector<std::vector<TopSketch::Sum>>& sketches);

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_TOP_SKETCH_H_
