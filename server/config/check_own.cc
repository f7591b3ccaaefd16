#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/config/draft.h"
#include "server/net/own_addresses.h"
#include "server/upstream/target.h"

namespace singleflight::config {
namespace {

// Names that mean this machine without a look-up (RFC 6761 §6.3).
bool IsLocalhost(absl::string_view host) {
  const std::string name = absl::AsciiStrToLower(absl::StripSuffix(host, "."));
  return name == "localhost" || absl::EndsWith(name, ".localhost");
}

// Where a target leads, as far as that is known without a look-up.
std::vector<net::Endpoint> Endpoints(const upstream::UpstreamOptions& upstream) {
  const absl::StatusOr<upstream::Target> target = upstream::ParseTarget(upstream);
  if (!target.ok()) return {};
  std::vector<net::Endpoint> endpoints = target->fixed;
  for (const net::HostPort& name : target->names) {
    if (!IsLocalhost(name.host)) continue;
    for (const char* loopback : {"127.0.0.1:", "[::1]:"}) {
      const auto endpoint = net::ParseAddress(absl::StrCat(loopback, name.port));
      if (endpoint.ok()) endpoints.push_back(*endpoint);
    }
  }
  return endpoints;
}

class OwnListeners {
 public:
  explicit OwnListeners(const Draft& draft) : draft_(draft), local_(net::LocalAddresses()) {}

  // Which of them a connection to the upstream arrives at; `listeners.size()`: none.
  size_t ReachedBy(const upstream::UpstreamOptions& upstream) const {
    const std::vector<net::Endpoint> endpoints = Endpoints(upstream);
    size_t at = 0;
    for (; at < draft_.config.listeners.size(); ++at) {
      if (IsReached(draft_.config.listeners[at], endpoints)) break;
    }
    return at;
  }

 private:
  // Port 0 is nobody's yet.
  bool IsReached(const proxy::ListenerOptions& listener,
                 const std::vector<net::Endpoint>& by) const {
    const absl::StatusOr<net::Endpoint> bound = net::ParseAddress(listener.address);
    if (!bound.ok() || absl::EndsWith(listener.address, ":0")) return false;
    for (const net::Endpoint& endpoint : by) {
      if (net::Reaches(endpoint, {*bound, listener.ipv6_only}, local_)) return true;
    }
    return false;
  }

  const Draft& draft_;
  const net::IpAddresses local_;
};

}  // namespace

void CheckOwnListeners(const Draft& draft, Problems& problems) {
  const OwnListeners own(draft);
  const auto check = [&](const upstream::UpstreamOptions& upstream, absl::string_view text,
                         const Place& place) {
    const size_t at = own.ReachedBy(upstream);
    if (at == draft.listeners.size()) return;
    problems.Refuse(place,
                    absl::StrCat(Quoted(text), " leads back to this proxy, which listens there (",
                                 draft.listeners[at].path, " in line ", draft.listeners[at].line,
                                 "); write the address of the backend"));
  };
  for (size_t i = 0; i < draft.endpoints.size(); ++i) {
    const upstream::UpstreamOptions& upstream = draft.config.upstreams[i];
    if (upstream.endpoints.empty()) check(upstream, upstream.target, draft.endpoints[i].front());
    for (size_t k = 0; k < upstream.endpoints.size(); ++k) {
      upstream::UpstreamOptions one;
      one.endpoints = {upstream.endpoints[k]};
      check(one, upstream.endpoints[k], draft.endpoints[i][k]);
    }
  }
}

}  // namespace singleflight::config
