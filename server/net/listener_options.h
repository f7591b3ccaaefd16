#ifndef SINGLEFLIGHT_SERVER_NET_LISTENER_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_NET_LISTENER_OPTIONS_H_

#include <string>

#include "absl/types/optional.h"
#include "server/net/tls_options.h"

namespace singleflight::net {

// One entry of `listeners:`.
struct ListenerOptions {
  std::string address;  // ip:port, localhost:port, [v6]:port or unix:/path; port 0 takes a free one
  absl::optional<ServerTlsOptions> tls;  // none: plaintext

  bool ipv6_only = false;  // of [::]: another listener has the port for IPv4
  std::string where = "";  // the address stands there, for messages: "FILE:LINE:COLUMN: PATH"
};

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_LISTENER_OPTIONS_H_
