// What a run of singleflightctl meets: the environment, the clock, the terminal. Only main has the
// real ones, so tests give others.

#ifndef SINGLEFLIGHT_SERVER_CTL_SURROUNDINGS_H_
#define SINGLEFLIGHT_SERVER_CTL_SURROUNDINGS_H_

#include <cstddef>
#include <functional>
#include <istream>
#include <ostream>
#include <string>

#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace singleflight::ctl {

using Environment = std::function<absl::optional<std::string>(const std::string&)>;

struct Terminal {
  bool is_one = false;  // or a file, a pipe
  size_t columns = 0;   // 0: as many as it takes
  size_t rows = 0;      // likewise
  bool colours = false;
};

// All of it outlives the run.
struct Surroundings {
  Environment environment;
  std::function<absl::Time()> now;
  absl::TimeZone zone;
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  std::function<Terminal()> terminal;  // that `out` writes to; its size may change
  bool can_ask = false;                // someone reads `err` and can answer
};

// What descriptor `out` writes to. COLUMNS sets the width of whatever it is; NO_COLOR, or
// TERM=dumb, says that there are no colours.
Terminal LookAt(int out, const Environment& environment);

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_SURROUNDINGS_H_
