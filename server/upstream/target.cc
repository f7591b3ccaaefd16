#include "server/upstream/target.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"

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

// What a target that gRPC alone resolves names as the authority: its path. Nothing: it is one that
// is read here too.
absl::optional<std::string> AuthorityOfGrpcs(absl::string_view text) {
  if (absl::StartsWith(text, "unix-abstract:")) return std::string(kUnixAuthority);
  const size_t scheme = text.find("://");
  if (scheme == absl::string_view::npos || absl::StartsWith(text, "dns:///") ||
      absl::StartsWith(text, "unix:")) {
    return absl::nullopt;
  }
  const absl::string_view rest = text.substr(scheme + 3);  // server/path
  return std::string(rest.substr(std::min(rest.find('/'), rest.size() - 1) + 1));
}

}  // namespace

absl::StatusOr<Target> ParseTarget(const UpstreamOptions& options) {
  if (!options.endpoints.empty()) return FromList(options.endpoints);
  absl::string_view text = options.target;
  if (options.transport == Transport::kGrpc) {
    absl::optional<std::string> authority = AuthorityOfGrpcs(text);
    if (authority.has_value()) return Target{{}, {}, *std::move(authority)};
  }
  if (absl::ConsumePrefix(&text, "ipv4:") || absl::ConsumePrefix(&text, "ipv6:")) {
    return FromList(absl::StrSplit(text, ','));
  }
  absl::ConsumePrefix(&text, "dns:///");
  return FromList({std::string(text)});
}

absl::string_view AuthorityFor(const UpstreamOptions& options, absl::string_view target_authority,
                               const model::Request& request) {
  switch (options.authority_rule) {
    case AuthorityRule::kPreserve:
      if (request.authority().empty()) break;  // nothing to preserve
      return request.authority();
    case AuthorityRule::kFixed:
      return options.authority;
    case AuthorityRule::kTarget:
      break;
  }
  return target_authority;
}

std::vector<std::string> FixedAddresses(const Target& target) {
  std::vector<std::string> addresses;
  for (const net::Endpoint& endpoint : target.fixed) addresses.push_back(net::ToString(endpoint));
  return addresses;
}

}  // namespace singleflight::upstream
