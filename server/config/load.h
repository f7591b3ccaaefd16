// From YAML to a checked configuration: the one way in.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_LOAD_H_
#define SINGLEFLIGHT_SERVER_CONFIG_LOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/config/config.h"
#include "server/config/variables.h"
#include "server/config/watched_file.h"

namespace singleflight::config {

struct Loaded {
  Config config;
  std::vector<std::string> warnings;  // "FILE:LINE:COLUMN: …", in the order of the file
  std::vector<WatchedFile> files;     // that LoadFile read: the file itself, and those it names
};

// So much memory that each share of it has its largest size.
inline constexpr uint64_t kPlentyOfMemory = uint64_t{1} << 40;

// Reads `text`, the contents of `filename`. Messages name that file; it is not opened, and neither
// are files that options name. `memory`: bytes that the process may have. Bounds that the file
// leaves out are shares of it.
//
// Errors: kInvalidArgument; the message holds every mistake, one a line, in the order of the file:
//   FILE:LINE:COLUMN: routes[2].collapse.flight_timeout: "5x" is not a duration; try "5s"
// A text that is not YAML is one such line. Bounded: 1 MiB of text, 100,000 values with aliases
// counted as often as they are used. Threads: from any; `environment` is called on the calling one.
absl::StatusOr<Loaded> Load(absl::string_view text, absl::string_view filename,
                            const Environment& environment, uint64_t memory = kPlentyOfMemory);

// Reads the file at `path`, and checks the files that it names. A pipe is read to its end, however
// long that takes. Errors: as above; kNotFound, kPermissionDenied and their like when it cannot be
// read.
absl::StatusOr<Loaded> LoadFile(const std::string& path,
                                const Environment& environment = ProcessEnvironment());

// The same. `log` gets what the file says of the log, also where the file is refused for something
// else: mistakes are told in the form that is wanted.
absl::StatusOr<Loaded> LoadFile(const std::string& path, LogOptions* log);

// The same for a process that is serving: it never waits. Only a regular file can be read again;
// anything else is kFailedPrecondition.
absl::StatusOr<Loaded> LoadFileAgain(const std::string& path,
                                     const Environment& environment = ProcessEnvironment());

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_LOAD_H_
