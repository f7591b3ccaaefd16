#include "server/config/variables.h"

#include <cstddef>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/config/problems.h"

namespace singleflight::config {
namespace {

bool IsVariableName(absl::string_view name) {
  if (name.empty() || absl::ascii_isdigit(name[0])) return false;
  for (const char c : name) {
    if (!absl::ascii_isalnum(c) && c != '_') return false;
  }
  return true;
}

// `inside` is what stands between `${` and `}`.
absl::StatusOr<std::string> ValueOf(absl::string_view inside, const Environment& environment) {
  const size_t colon = inside.find(":-");
  const absl::string_view name = inside.substr(0, colon);
  const bool has_default = colon != absl::string_view::npos;
  const absl::string_view fallback = has_default ? inside.substr(colon + 2) : "";
  if (!IsVariableName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(name),
                     " is not the name of a variable; write ${NAME} or ${NAME:-default}, and $$ "
                     "for a dollar sign"));
  }
  if (absl::StrContains(fallback, "${")) {
    return absl::InvalidArgumentError(
        absl::StrCat("the default of ${", name, "} holds another variable; write it out"));
  }
  absl::optional<std::string> value = environment(name);
  if (has_default && value.value_or("").empty()) return std::string(fallback);
  if (value.has_value()) return *value;
  return absl::InvalidArgumentError(
      absl::StrCat("the variable ", name, " is not set; set it or write ${", name, ":-default}"));
}

}  // namespace

Environment ProcessEnvironment() {
  return [](absl::string_view name) -> absl::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return absl::nullopt;
    return std::string(value);
  };
}

absl::StatusOr<std::string> ExpandVariables(absl::string_view text,
                                            const Environment& environment) {
  std::string expanded;
  while (!text.empty()) {
    const size_t dollar = text.find('$');
    absl::StrAppend(&expanded, text.substr(0, dollar));
    if (dollar == absl::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (!absl::ConsumePrefix(&text, "{")) {
      absl::ConsumePrefix(&text, "$");
      expanded += '$';
      continue;
    }
    const size_t brace = text.find('}');
    if (brace == absl::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted(absl::StrCat("${", text)),
                       " has no closing brace; write ${NAME}, or $$ for a dollar sign"));
    }
    absl::StatusOr<std::string> value = ValueOf(text.substr(0, brace), environment);
    if (!value.ok()) return value;
    expanded += *value;
    text.remove_prefix(brace + 1);
  }
  return expanded;
}

}  // namespace singleflight::config
