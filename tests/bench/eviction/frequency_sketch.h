#ifndef SINGLEFLIGHT_TESTS_BENCH_EVICTION_FREQUENCY_SKETCH_H_
#define SINGLEFLIGHT_TESTS_BENCH_EVICTION_FREQUENCY_SKETCH_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace singleflight::bench {

// TinyLFU's count-min sketch: four rows of counters up to 15, halved whenever ten increments for
// each entry that the cache holds were counted. Rows are four times as wide as there are entries,
// as Caffeine's are.
class FrequencySketch {
 public:
  // Counts nothing before the first call. Growing forgets.
  void EnsureCapacity(uint64_t entries) {
    if (4 * entries <= width_) return;
    width_ = std::max<uint64_t>(width_, 4);
    while (width_ < 4 * entries) width_ *= 2;
    for (auto& row : rows_) row.assign(width_, 0);
    sample_ = 10 * entries;
    additions_ = 0;
  }

  uint64_t sample() const { return sample_; }

  int Frequency(uint64_t hash) const {
    if (width_ == 0) return 0;
    int least = kMax;
    for (int row = 0; row < kRows; ++row) least = std::min<int>(least, rows_[row][At(hash, row)]);
    return least;
  }

  void Increment(uint64_t hash) {
    if (width_ == 0) return;
    bool added = false;
    for (int row = 0; row < kRows; ++row) {
      uint8_t& counter = rows_[row][At(hash, row)];
      if (counter == kMax) continue;
      ++counter;
      added = true;
    }
    if (added && ++additions_ >= sample_) Halve();
  }

 private:
  static constexpr int kRows = 4;
  static constexpr int kMax = 15;

  uint64_t At(uint64_t hash, int row) const {
    const uint64_t mixed = (hash + row) * 0x9e3779b97f4a7c15;
    return (mixed ^ (mixed >> 29)) * 0xbf58476d1ce4e5b9 >> 20 & (width_ - 1);
  }

  void Halve() {
    for (auto& row : rows_) {
      for (uint8_t& counter : row) counter /= 2;
    }
    additions_ /= 2;
  }

  uint64_t width_ = 0;
  uint64_t sample_ = 0;
  uint64_t additions_ = 0;
  std::vector<uint8_t> rows_[kRows];
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_EVICTION_FREQUENCY_SKETCH_H_
