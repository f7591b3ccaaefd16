// Collects everything that is wrong with one file, so that its author mends it in one go. A line
// reads `FILE:LINE:COLUMN: PATH: what was found and what would be right`.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_PROBLEMS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_PROBLEMS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace singleflight::config {

// Where in the file something stands. Lines and columns count from 1.
struct Place {
  int line = 1;
  int column = 1;
  std::string path;  // "routes[2].collapse.max_waiters"; empty: the file as a whole
};

class Problems {
 public:
  explicit Problems(absl::string_view filename) : filename_(filename) {}

  void Refuse(const Place& place, absl::string_view what) {
    mistakes_.push_back({place, {what.data(), what.size()}});
  }
  void Warn(const Place& place, absl::string_view what) {
    warnings_.push_back({place, {what.data(), what.size()}});
  }

  size_t mistakes() const { return mistakes_.size(); }

  // OK, or kInvalidArgument with one line a mistake, in the order of the file.
  absl::Status status() const;

  // One line a warning, in the order of the file.
  std::vector<std::string> warnings() const { return Lines(warnings_); }

 private:
  struct Problem {
    Place place;
    std::string what;
  };

  std::vector<std::string> Lines(std::vector<Problem> problems) const;

  const std::string filename_;
  std::vector<Problem> mistakes_;
  std::vector<Problem> warnings_;
};

// `text` as messages show it: in quotes, on one line, shortened.
std::string Quoted(absl::string_view text);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_PROBLEMS_H_
