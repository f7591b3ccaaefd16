// What a run of bench-client measured.

#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_TALLY_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_TALLY_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/bench/programs/event_loop.h"
#include "tests/bench/programs/made_call.h"

namespace singleflight::bench {

inline double Seconds(Nanos time) { return static_cast<double>(time) / 1e9; }
inline double Millis(Nanos time) { return static_cast<double>(time) / 1e6; }

// What a run measured, in order: one JSON object, or one line for each value.
class Report {
 public:
  void Add(absl::string_view name, double value);
  void Add(absl::string_view name, uint64_t value);
  void AddText(absl::string_view name, absl::string_view value);
  void AddJson(absl::string_view name, absl::string_view json);

  std::string Json() const;
  std::string Text() const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;  // as JSON
};

// Counts the calls of a run.
class Tally {
 public:
  // `answered`: when the reply's last bytes came.
  void Count(const MadeCall& call, uint32_t reset, Nanos answered);

  // Calls that never ended.
  void CountLost(uint64_t calls, absl::string_view why);

  // Streams that ended in order, but too soon by so many messages.
  void CountShort(uint64_t messages);

  uint64_t ended() const { return ended_; }
  uint64_t failed() const { return failed_; }
  uint64_t mismatched() const { return mismatched_; }
  uint64_t bytes() const { return bytes_; }
  Nanos first_answer() const { return first_answer_; }
  Nanos last_answer() const { return last_answer_; }
  bool AllRight() const { return failed_ == 0 && mismatched_ == 0; }

  // calls, failed, mismatched, and why the first was not right.
  void AddCounts(Report& report) const;

  // How the calls ended that were not right: [[grpc-status, what it said, how many], …]. The status
  // is -1 for calls that did not end, and for bytes that were wrong.
  void AddEnds(Report& report) const;

  // The longest call, right or not.
  void AddLongest(Report& report) const;

  // p50 to the maximum over the calls that were right.
  void AddLatencies(Report& report);

 private:
  void Complain(absl::string_view complaint);
  void CountEnd(int status, absl::string_view said, uint64_t calls);

  uint64_t ended_ = 0;
  uint64_t failed_ = 0;
  uint64_t mismatched_ = 0;
  uint64_t bytes_ = 0;
  Nanos first_answer_ = 0;
  Nanos last_answer_ = 0;
  Nanos longest_ = 0;
  std::string first_complaint_;
  std::map<std::pair<int, std::string>, uint64_t> ends_;  // at most kEnds
  std::vector<float> micros_;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_TALLY_H_
