#include "tests/bench/programs/command_line.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"

namespace singleflight::bench {
namespace {

bool parsing = false;

// Abseil ends the program with status 1 by itself, which is for calls that failed.
void LeaveWithUsageError() {
  if (parsing) _exit(kUsageError);
}

// Abseil's flags are named with underscores, command lines are written with dashes.
void DashesToUnderscores(char* argument) {
  if (std::strncmp(argument, "--", 2) != 0) return;
  for (char* at = argument + 2; *at != '\0' && *at != '='; ++at) {
    if (*at == '-') *at = '_';
  }
}

}  // namespace

void ParseFlags(absl::string_view program, absl::string_view does_what, int argc, char** argv) {
  std::atexit(LeaveWithUsageError);
  absl::SetProgramUsageMessage(absl::StrCat(does_what, ": ", program, " [FLAG]..."));
  std::for_each(argv + 1, argv + argc, DashesToUnderscores);
  parsing = true;
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  parsing = false;
  if (rest.size() <= 1) return;
  const std::string name(program);
  std::fprintf(stderr, "%s: \"%s\" is no flag; --help lists them\n", name.c_str(), rest[1]);
  std::exit(kUsageError);
}

int CannotStart(absl::string_view program, const absl::Status& why) {
  std::fprintf(stderr, "%s: %s\n", std::string(program).c_str(),
               std::string(why.message()).c_str());
  return absl::IsInvalidArgument(why) ? kUsageError : 1;
}

}  // namespace singleflight::bench
