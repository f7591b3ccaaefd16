// By which names the admin pages may be called.
//
// A page from elsewhere cannot read what another address serves, unless its own name suddenly
// points there: then the browser takes both for one (DNS rebinding). It still says by which name it
// came, in the field Host. So every name is refused that is not known to be this process's own.
//
// Threads: any, after construction.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_OWN_HOSTS_H_
#define SINGLEFLIGHT_SERVER_ADMIN_OWN_HOSTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace singleflight::admin {

class OwnHosts {
 public:
  // The loopback's names, the address itself, and `allowed`: names with or without a port. Without
  // one they are for every port: tunnels and forwarded ports have others.
  OwnHosts(absl::string_view address, const std::vector<std::string>& allowed);

  // Of the field Host.
  bool Have(absl::string_view host) const;

  // Of the field Origin, where there is one: whether the page that asks came from `host` itself.
  static bool IsOrigin(absl::string_view origin, absl::string_view host);

 private:
  std::vector<std::string> names_;  // in lower case
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_OWN_HOSTS_H_
