// The options of a listener.
#ifndef SINGLEFLIGHT_SERVER_PROXY_LISTENER_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_PROXY_LISTENER_OPTIONS_H_

#include <string>

#include "absl/types/optional.h"
#include "server/net/listener.h"
#include "server/tls/options.h"

namespace singleflight::proxy {

// One entry of `listeners:`.
struct ListenerOptions : net::ListenAt {
  absl::optional<tls::ServerOptions> tls;  // none: plaintext
  std::string where;  // the address stands there, for messages: "FILE:LINE:COLUMN: PATH"
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_LISTENER_OPTIONS_H_
