#ifndef SINGLEFLIGHT_SERVER_NET_ADDRESS_H_
#define SINGLEFLIGHT_SERVER_NET_ADDRESS_H_

#include <utility>

#include <boost/asio/generic/stream_protocol.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace singleflight::net {

using Endpoint = boost::asio::generic::stream_protocol::endpoint;

// "host:port" or "[v6]:port", taken apart.
struct HostPort {
  std::string host;  // without brackets
  std::string port;
};
absl::StatusOr<HostPort> SplitHostPort(absl::string_view text);

// An address that needs no look-up: a.b.c.d:port, [v6]:port, localhost:port (the IPv4 loopback) or
// unix:/path.
absl::StatusOr<Endpoint> ParseAddress(absl::string_view text);

// The form that ParseAddress reads.
std::string ToString(const Endpoint& endpoint);

// Who is at the other end of a connected socket, for logs. Of a Unix socket's peer only the path is
// known that it came by.
std::string PeerOf(int fd);

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_ADDRESS_H_
