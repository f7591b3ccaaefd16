// Reads the command line of singleflightctl.

#ifndef SINGLEFLIGHT_SERVER_CTL_ARGUMENTS_H_
#define SINGLEFLIGHT_SERVER_CTL_ARGUMENTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/ctl/commands.h"

namespace singleflight::ctl {

struct Arguments {
  const Command* command = nullptr;  // nullptr: none is named
  std::string operand;
  std::map<std::string, std::string> options;  // by name; those without a value: ""

  bool Has(const std::string& option) const { return options.count(option) > 0; }
  std::string Get(const std::string& option) const;  // "": it is not there

  // Errors: kInvalidArgument, which names the option, what stands there and what would be right.
  absl::StatusOr<absl::Duration> Duration(const std::string& option, absl::Duration unless_given,
                                          absl::Duration least, absl::Duration most) const;
  absl::StatusOr<uint32_t> Limit() const;  // 0: not given

  // The one of `names` that is there. Errors: kInvalidArgument if there is none or a second one.
  absl::StatusOr<std::string> OneOf(const std::vector<std::string>& names) const;
};

// Reads the arguments after the program's name. Each option may be --name VALUE or --name=VALUE.
// Errors: kInvalidArgument, which names what is wrong and what would be right.
absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& arguments);

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_ARGUMENTS_H_
