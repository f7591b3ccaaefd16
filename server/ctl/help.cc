#include "server/ctl/help.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace singleflight::ctl {
namespace {

std::string Call(const Option& option) {
  return absl::StrCat(option.name, option.value.empty() ? "" : " ", option.value);
}

std::string OptionLines(absl::Span<const Option> options) {
  std::string text;
  for (const Option& option : options) {
    absl::StrAppendFormat(&text, "  %-29s %s\n", Call(option), option.about);
    if (option.choices.empty()) continue;
    absl::StrAppendFormat(&text, "  %-29s (one of: %s)\n", "", option.choices);
  }
  return text;
}

}  // namespace

std::string Help() {
  std::string text =
      "usage: singleflightctl [OPTION…] COMMAND [ARGUMENT…]\n\n"
      "Asks a running singleflight-proxy what it does, and tells it what to do.\n\ncommands\n";
  for (const Command& command : Commands()) {
    absl::StrAppendFormat(
        &text, "  %-20s %s\n",
        absl::StrCat(command.name, command.operand.empty() ? "" : " ", command.operand),
        command.about);
  }
  absl::StrAppend(&text, "\noptions\n", OptionLines(CommonOptions()),
                  "\nThe proxy is found by --address, else by SINGLEFLIGHT_ADMIN, else at\n"
                  "unix:/run/singleflight/admin.sock. The token is in --token-file, else in\n"
                  "SINGLEFLIGHT_TOKEN_FILE, else in /etc/singleflight/token.\n"
                  "\nexit status: 0 done; 1 the proxy refused, or it failed; 2 wrong usage;\n"
                  "3 the proxy cannot be reached; 4 no right to do this\n");
  return text;
}

std::string HelpOf(const Command& command) {
  std::string text = absl::StrCat(
      "usage: singleflightctl ", command.name, command.options.empty() ? "" : " [OPTION…]",
      command.operand.empty() ? "" : " ", command.operand, "\n\n", command.about, "\n");
  if (!command.choices.empty()) {
    absl::StrAppend(&text, "\n", command.operand, " is one of: ", command.choices, "\n");
  }
  if (!command.details.empty()) absl::StrAppend(&text, "\n", command.details);
  if (!command.options.empty()) absl::StrAppend(&text, "\n", OptionLines(command.options));
  absl::StrAppend(&text, "\nOptions of all commands: singleflightctl help\n");
  return text;
}

}  // namespace singleflight::ctl
