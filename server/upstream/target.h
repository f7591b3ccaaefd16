// Where an upstream is found, in the terms of gRPC's name resolution.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_TARGET_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_TARGET_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/model/request.h"
#include "server/net/address.h"
#include "server/upstream/options.h"

namespace singleflight::upstream {

struct Target {
  std::vector<net::Endpoint> fixed;  // addresses that need no look-up
  std::vector<net::HostPort> names;  // to be looked up in DNS; every address counts

  // What a gRPC client that dials the target sends (gRPC, "Name resolution").
  std::string authority;
};

// Reads UpstreamOptions::target or ::endpoints. Of a target that only gRPC resolves, the authority
// is all that is known.
absl::StatusOr<Target> ParseTarget(const UpstreamOptions& options);

// The addresses that need no look-up, as they are written in a configuration.
std::vector<std::string> FixedAddresses(const Target& target);

// The `:authority` that a call goes upstream with; lies in one of these.
absl::string_view AuthorityFor(const UpstreamOptions& options, absl::string_view target_authority,
                               const model::Request& request);

// What is known of an upstream's endpoints at a moment. Immutable; swapped as a whole.
struct EndpointList {
  std::vector<net::Endpoint> endpoints;
  std::string error;  // why there are none
};
using SharedEndpointList = std::shared_ptr<const EndpointList>;

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_TARGET_H_
