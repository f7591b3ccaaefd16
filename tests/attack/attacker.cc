// attacker: one kind of flood against an address, for so many seconds. Prints one JSON object:
// connections made, how many of them the peer ended, bytes sent. --kind=list names the kinds.

#include <cstdio>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/attack/flood.h"
#include "tests/attack/flooder.h"
#include "tests/bench/programs/command_line.h"
#include "tests/bench/programs/socket.h"

ABSL_FLAG(std::string, target, "", "host:port of the server");
ABSL_FLAG(std::string, kind, "", "which flood; list names them all");
ABSL_FLAG(double, seconds, 10, "for how long");

namespace singleflight::attack {
namespace {

std::string Names() {
  return absl::StrJoin(Floods(), " ", [](std::string* out, const Flood& flood) {
    absl::StrAppend(out, flood.name);
  });
}

absl::StatusOr<Harm> RunAsAsked() {
  for (const Flood& flood : Floods()) {
    if (flood.name != absl::GetFlag(FLAGS_kind)) continue;
    const double seconds = absl::GetFlag(FLAGS_seconds);
    if (!(seconds > 0 && seconds <= 86400)) {
      return absl::InvalidArgumentError("--seconds: more than 0, at most 86400");
    }
    return Run(flood, absl::GetFlag(FLAGS_target),
               bench::Now() + static_cast<bench::Nanos>(seconds * 1e9));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--kind=", absl::GetFlag(FLAGS_kind), ": there are ", Names()));
}

int Main() {
  if (absl::GetFlag(FLAGS_kind) == "list") return std::puts(Names().c_str()) < 0;
  bench::RaiseDescriptorLimit();
  const absl::StatusOr<Harm> harm = RunAsAsked();
  if (!harm.ok()) return bench::CannotStart("attacker", harm.status());
  std::puts(absl::StrCat("{\"connections\": ", harm->connections, ", \"ended_by_peer\": ",
                         harm->ended_by_peer, ", \"bytes\": ", harm->bytes, "}")
                .c_str());
  return 0;
}

}  // namespace
}  // namespace singleflight::attack

int main(int argc, char** argv) {
  singleflight::bench::ParseFlags("attacker", "floods a server", argc, argv);
  return singleflight::attack::Main();
}
