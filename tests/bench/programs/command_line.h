// What the command lines of the bench's programs have in common.

#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_COMMAND_LINE_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_COMMAND_LINE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace singleflight::bench {

inline constexpr int kUsageError = 2;

// Reads the flags; --reply-bytes is --reply_bytes. What is no flag, or no value of one, ends the
// program with a message and kUsageError.
void ParseFlags(absl::string_view program, absl::string_view does_what, int argc, char** argv);

// Says why on stderr; returns the exit status: kUsageError for arguments that cannot be, else 1.
int CannotStart(absl::string_view program, const absl::Status& why);

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_COMMAND_LINE_H_
