// Where all chance comes from. A run is a list of tickets, one for each step, and a step draws
// whatever it needs from its own ticket. So a step does the same whatever steps were taken out
// before it, as far as there is still something to do it to: that is what lets shrink.h take steps
// out of a run.

#ifndef SINGLEFLIGHT_TESTS_SIMULATION_CHOICES_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_CHOICES_H_

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace singleflight::simulation {

using Ticket = uint64_t;

// SplitMix64: neighbours have nothing to do with each other.
constexpr uint64_t Mixed(uint64_t number) {
  number += 0x9e3779b97f4a7c15;
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
  number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
  return number ^ (number >> 31);
}

constexpr Ticket TicketOf(uint64_t seed, uint64_t step) { return Mixed(Mixed(seed) + step); }

class Choices {
 public:
  explicit Choices(Ticket ticket) : state_(ticket) {}

  // A number below `n`, which is positive.
  size_t Below(size_t n) {
    state_ = Mixed(state_);
    return static_cast<size_t>((state_ >> 32) * n >> 32);
  }
  bool OneIn(size_t n) { return Below(n) == 0; }

  // One of an array.
  template <typename Range>
  const auto& Of(const Range& range) {
    return range[Below(std::size(range))];
  }

 private:
  uint64_t state_;
};

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_CHOICES_H_
