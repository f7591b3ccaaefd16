#include "server/flags.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/version.h"

namespace singleflight {
namespace {

constexpr absl::string_view kHelp =
    "usage: singleflight-proxy --config FILE [--check]\n"
    "\n"
    "A gRPC proxy that makes concurrent identical calls cost one upstream call.\n"
    "\n"
    "  --config FILE  the YAML that names listeners, upstreams and routes\n"
    "  --check        validate FILE, print every mistake in it, and exit: 0 ok, 2 not\n"
    "  --version      print the version and exit\n"
    "  --help         print this and exit\n"
    "\n"
    "SIGHUP, or a change of FILE, has it read again and taken whole or not at all.\n"
    "SIGTERM or SIGINT drains: no new connections, running calls end within\n"
    "drain_timeout. A second signal ends the process at once.\n";

Flags Print(std::string text) { return {Flags::Action::kPrint, "", std::move(text)}; }

}  // namespace

absl::StatusOr<Flags> ParseFlags(const std::vector<std::string>& arguments) {
  Flags flags;
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (argument == "--help" || argument == "-h") return Print(std::string(kHelp));
    if (argument == "--version") return Print(absl::StrCat("singleflight-proxy ", kVersion, "\n"));
    if (argument == "--check") {
      flags.action = Flags::Action::kCheck;
    } else if (absl::ConsumePrefix(&argument, "--config=")) {
      flags.config = std::string(argument);
    } else if (argument == "--config" && i + 1 < arguments.size()) {
      flags.config = arguments[++i];
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown argument '", argument, "'; see --help"));
    }
  }
  if (flags.config.empty()) {
    return absl::InvalidArgumentError("no configuration: give --config FILE; see --help");
  }
  return flags;
}

}  // namespace singleflight
