#include "server/upstream/target.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace singleflight::upstream {
namespace {

// A gRPC client sends this for a Unix socket.
constexpr absl::string_view kUnixAuthority = "localhost";

// An address, or a name to be looked up.
absl::Status AddOne(absl::string_view text, Target& target) {
  const absl::StatusOr<net::Endpoint> address = net::ParseAddress(text);
  if (address.ok()) {
    target.fixed.push_back(*address);
    return absl::OkStatus();
  }
  if (absl::StartsWith(text, "unix:")) return address.status();
  absl::StatusOr<net::HostPort> name = net::SplitHostPort(text);
  if (!name.ok()) return name.status();
  target.names.push_back(*std::move(name));
  return absl::OkStatus();
}

std::string AuthorityOf(absl::string_view address) {
  return std::string(absl::StartsWith(address, "unix:") ? kUnixAuthority : address);
}

absl::StatusOr<Target> FromList(const std::vector<std::string>& addresses) {
  Target target;
  target.authority = AuthorityOf(addresses.front());
  for (const std::string& address : addresses) {
    if (absl::Status status = AddOne(address, target); !status.ok()) return status;
  }
  return target;
}

}  // namespace

absl::StatusOr<Target> ParseTarget(const UpstreamOptions& options) {
  if (!options.endpoints.empty()) return FromList(options.endpoints);
  absl::string_view text = options.target;
  if (absl::ConsumePrefix(&text, "ipv4:") || absl::ConsumePrefix(&text, "ipv6:")) {
    return FromList(absl::StrSplit(text, ','));
  }
  absl::ConsumePrefix(&text, "dns:///");
  return FromList({std::string(text)});
}

}  // namespace singleflight::upstream
