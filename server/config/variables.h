// Replaces environment variables in the values of the file.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_VARIABLES_H_
#define SINGLEFLIGHT_SERVER_CONFIG_VARIABLES_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace singleflight::config {

// Looks up an environment variable; nullopt: not set.
using Environment = std::function<absl::optional<std::string>(absl::string_view name)>;

// The environment of this process.
Environment ProcessEnvironment();

// Replaces the variables in one value of the file:
//   ${NAME}            the variable, which must be set
//   ${NAME:-default}   `default` if the variable is unset or empty; it holds no `}` and no `${`
//   $$                 one dollar sign
// Any other dollar sign stands for itself. What a variable holds is not searched again. The message
// of an error says what is wrong and the cure.
absl::StatusOr<std::string> ExpandVariables(absl::string_view text, const Environment& environment);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_VARIABLES_H_
