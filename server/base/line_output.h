// Where the lines of a LineWriter end up: an open descriptor, or whatever else is derived from
// this.
//
// Threads: the writer's alone. It may wait in any of this for ever; nobody waits for it.

#ifndef SINGLEFLIGHT_SERVER_BASE_LINE_OUTPUT_H_
#define SINGLEFLIGHT_SERVER_BASE_LINE_OUTPUT_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace singleflight::base {

class LineOutput {
 public:
  virtual ~LineOutput() = default;

  // Returns when all of `lines` is written, or as much as ever will be: how many bytes.
  virtual size_t Write(absl::string_view lines) = 0;

  // What its name means may be another file from now on.
  virtual void Reopen() {}
};

// A descriptor, which stays its owner's. A line that was cut off ends before the next one begins.
// Others may write to the same pipe: no piece is larger than what a pipe takes whole, and pieces
// end with a line where lines are that short.
class DescriptorOutput final : public LineOutput {
 public:
  explicit DescriptorOutput(int fd);

  // With less than all, errno says why.
  size_t Write(absl::string_view lines) override;

 private:
  const int fd_;
  const size_t max_piece_;
  bool torn_ = false;  // the latest line was cut off
};

}  // namespace singleflight::base

#endif  // SINGLEFLIGHT_SERVER_BASE_LINE_OUTPUT_H_
