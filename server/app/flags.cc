#include "server/app/flags.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/version.h"

namespace singleflight::app {
namespace {

constexpr absl::string_view kHelp =
    "usage: singleflight-proxy --config FILE [--check]\n"
    "\n"
    "A gRPC proxy that makes concurrent identical calls cost one upstream call.\n"
    "\n"
    "  --config FILE  the YAML that names listeners, upstreams and routes; -: standard input\n"
    "  --check        validate FILE, print every mistake in it, and exit: 0 ok, 2 not\n"
    "  --probe URL    ask http://127.0.0.1:9900/readyz, say: 0 it answers 200, 1 it does not\n"
    "  --version      print the version and exit\n"
    "  --help         print this and exit\n"
    "\n"
    "SIGHUP, or a change of FILE, has it read again and taken whole or not at all.\n"
    "SIGTERM or SIGINT drains: no new connections, running calls end within\n"
    "drain_timeout. A second signal ends the process immediately.\n";

Flags Print(std::string text) { return {Flags::Action::kPrint, "", std::move(text)}; }

absl::Status Unknown(absl::string_view argument) {
  const bool file = !absl::StartsWith(argument, "-");
  absl::string_view cure = "";
  if (argument == "-c" || argument == "-f") cure = "; did you mean --config?";
  if (argument == "-v" || argument == "-V") cure = "; did you mean --version?";
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown argument '", argument, "'",
      file ? absl::StrCat("; a file stands behind --config: --config ", argument) : cure,
      "; see --help"));
}

// "-" is a name for what /dev/stdin is: a pipe, most likely, or a file.
absl::Status TakeFile(absl::string_view file, Flags& flags) {
  if (file.empty() || absl::StartsWith(file, "--")) {
    return absl::InvalidArgumentError(
        "--config needs the name of a file, or - for standard input: --config FILE; see --help");
  }
  if (!flags.config.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("--config stands here twice, with ",
                                                   flags.config, " and with ", file,
                                                   "; one file is read"));
  }
  flags.config = file == "-" ? "/dev/stdin" : std::string(file);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Flags> ParseFlags(const std::vector<std::string>& arguments) {
  Flags flags;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") return Print(std::string(kHelp));
    if (argument == "--version") return Print(absl::StrCat("singleflight-proxy ", kVersion, "\n"));
    if (argument == "--probe") {
      return Flags{Flags::Action::kProbe, "", i + 1 < arguments.size() ? arguments[i + 1] : ""};
    }
    if (argument == "--check") {
      flags.action = Flags::Action::kCheck;
      continue;
    }
    if (argument != "--config" && !absl::StartsWith(argument, "--config="))
      return Unknown(argument);
    absl::string_view file = argument;
    if (!absl::ConsumePrefix(&file, "--config=")) {
      file = i + 1 < arguments.size() ? absl::string_view(arguments[++i]) : "";
    }
    if (absl::Status status = TakeFile(file, flags); !status.ok()) return status;
  }
  if (flags.config.empty()) {
    return absl::InvalidArgumentError("no configuration: give --config FILE; see --help");
  }
  return flags;
}

}  // namespace singleflight::app
