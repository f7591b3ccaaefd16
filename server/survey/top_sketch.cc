#include "server/survey/top_sketch.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace singleflight::survey {
namespace {

using Sum = TopSketch::Sum;

bool IsLess(const Sum& a, const Sum& b) { return a.sum < b.sum; }

// The most that a key may have had that is not among them.
uint64_t MostOfAbsent(const std::vector<Sum>& sums) {
  if (sums.size() < TopSketch::kKeys) return 0;
  return std::min_element(sums.begin(), sums.end(), IsLess)->sum;
}

void AddTo(Sum& total, uint64_t sum, uint64_t excess, double variance) {
  total.sum += sum;
  total.excess += excess;
  total.variance += variance;
}

TopKey Told(const Sum& total) {
  return {total.key, total.method, total.sum,
          total.excess + static_cast<uint64_t>(std::llround(2 * std::sqrt(total.variance)))};
}

}  // namespace

void TopSketch::Add(uint64_t key, absl::string_view method, uint64_t amount, uint32_t weight) {
  size_t place = PlaceOf(key);
  if (place == size_) place = PlaceFor(key, method);
  sums_[place] += amount * weight;
  // Of an amount that is counted `weight` times with a probability of one in `weight`.
  const auto each = static_cast<double>(amount);
  rests_[place].variance += each * each * weight * (weight - 1.0);
}

size_t TopSketch::PlaceOf(uint64_t key) const {
  size_t place = 0;
  while (place < size_ && keys_[place] != key) ++place;
  return place;
}

size_t TopSketch::PlaceFor(uint64_t key, absl::string_view method) {
  const absl::string_view kept = method.substr(0, kLongestMethod);
  const auto least = std::min_element(sums_.begin(), sums_.end());
  const size_t place = size_ < kKeys ? size_++ : static_cast<size_t>(least - sums_.begin());
  keys_[place] = key;
  rests_[place].method.assign(kept.data(), kept.size());
  rests_[place].excess = sums_[place];
  return place;
}

std::vector<Sum> TopSketch::Sums() const {
  std::vector<Sum> sums;
  for (size_t i = 0; i < size_; ++i) {
    sums.push_back({keys_[i], rests_[i].method, sums_[i], rests_[i].excess, rests_[i].variance});
  }
  return sums;
}

std::vector<TopKey> Merged(const std::vector<std::vector<Sum>>& sketches) {
  absl::flat_hash_map<uint64_t, Sum> totals;
  uint64_t absent = 0;
  for (const std::vector<Sum>& sums : sketches) absent += MostOfAbsent(sums);
  for (const std::vector<Sum>& sums : sketches) {
    const uint64_t here = MostOfAbsent(sums);
    for (const Sum& sum : sums) {
      const auto [total, is_new] =
          totals.try_emplace(sum.key, Sum{sum.key, sum.method, absent, absent, 0});
      total->second.sum -= here;
      total->second.excess -= here;
      AddTo(total->second, sum.sum, sum.excess, sum.variance);
    }
  }
  std::vector<TopKey> top;
  for (const auto& [key, total] : totals) top.push_back(Told(total));
  std::sort(top.begin(), top.end(), [](const TopKey& a, const TopKey& b) {
    return std::pair(b.count, a.key) < std::pair(a.count, b.key);
  });
  return top;
}

}  // namespace singleflight::survey
