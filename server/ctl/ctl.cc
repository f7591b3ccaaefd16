// From arguments to the function that does it: what needs no proxy first, then the table of the
// rest.

#include "server/ctl/ctl.h"

#include "absl/strings/str_cat.h"
#include "server/config/load.h"
#include "server/ctl/asks.h"
#include "server/ctl/changes.h"
#include "server/ctl/completion.h"
#include "server/ctl/help.h"
#include "server/version.h"

namespace singleflight::ctl {
namespace {

constexpr int kWrongFile = 2;

// What asks a proxy, or changes one.
struct Doer {
  absl::string_view command;
  absl::Status (*function)(const Job& job);
};

constexpr Doer kDoers[] = {
    {"stats", ShowStats},
    {"top", ShowTop},
    {"flights", ShowFlights},
    {"routes", ShowRoutes},
    {"upstreams", ShowUpstreams},
    {"why", ShowSplits},
    {"events", ShowEvents},
    {"info", ShowInfo},
    {"purge", Purge},
    {"reload", Reload},
    {"drain", Drain},
    {"share-again", ShareAgain},
    {"log-level", SetLogLevel},
};

absl::Status Do(const Doer& doer, const Arguments& arguments, const Surroundings& around) {
  const absl::StatusOr<Place> place = FindPlace(arguments, around.environment);
  if (!place.ok()) return place.status();
  Proxy proxy(*place, arguments, around);
  return doer.function({arguments, around, proxy});
}

// What singleflight-proxy --check says, with its exit status.
int Check(const std::string& file, const Surroundings& around) {
  const std::string path = file == "-" ? "/dev/stdin" : file;
  const absl::StatusOr<config::Loaded> loaded = config::LoadFile(path);
  if (!loaded.ok()) {
    around.err << loaded.status().message() << std::endl;
    return kWrongFile;
  }
  for (const std::string& warning : loaded->warnings) {
    around.err << "warning: " << warning << std::endl;
  }
  around.out << path << ": ok" << std::endl;
  return 0;
}

absl::Status Explain(const std::string& name, const Surroundings& around) {
  if (name.empty()) {
    around.out << Help();
    return absl::OkStatus();
  }
  const Command* command = FindCommand(name);
  if (command == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no command '", name, "'; see singleflightctl help"));
  }
  around.out << HelpOf(*command);
  return absl::OkStatus();
}

// What needs no proxy; nothing: it needs one.
absl::optional<absl::Status> DoAlone(const Arguments& arguments, const Surroundings& around) {
  const absl::string_view name = arguments.command == nullptr ? "" : arguments.command->name;
  if (arguments.Has("--version")) {
    around.out << "singleflightctl " << kVersion << "\n";
    return absl::OkStatus();
  }
  if (arguments.Has("--help")) return Explain(absl::StrCat(name), around);
  if (name == "help") return Explain(arguments.operand, around);
  if (name.empty()) return absl::InvalidArgumentError("no command; see singleflightctl help");
  if (!arguments.command->operand.empty() && arguments.operand.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " needs ", arguments.command->operand,
                                                   "; see singleflightctl help ", name));
  }
  if (name != "completion") return absl::nullopt;
  around.out << (arguments.operand == "bash" ? BashCompletion() : ZshCompletion());
  return absl::OkStatus();
}

// What could not be written was not done.
int End(absl::Status status, const Surroundings& around) {
  if (!around.out.flush() && status.ok()) status = absl::DataLossError("cannot write the output");
  if (!status.ok()) around.err << "singleflightctl: " << status.message() << std::endl;
  return ExitStatus(status);
}

}  // namespace

int Run(const std::vector<std::string>& words, const Surroundings& around) {
  const absl::StatusOr<Arguments> arguments = ParseArguments(words);
  if (!arguments.ok()) return End(arguments.status(), around);
  if (const auto status = DoAlone(*arguments, around)) return End(*status, around);
  const absl::string_view name = arguments->command->name;
  if (name == "check") return Check(arguments->operand, around);
  for (const Doer& doer : kDoers) {
    if (doer.command == name) return End(Do(doer, *arguments, around), around);
  }
  return End(absl::InternalError(absl::StrCat("nothing does ", name)), around);
}

}  // namespace singleflight::ctl
