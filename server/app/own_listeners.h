#ifndef SINGLEFLIGHT_SERVER_APP_OWN_LISTENERS_H_
#define SINGLEFLIGHT_SERVER_APP_OWN_LISTENERS_H_

#include <algorithm>
#include <string>
#include <vector>

#include "server/net/own_addresses.h"

namespace singleflight {

// Where this process listens. Threads: one.
class OwnListeners {
 public:
  // As bound.
  void Set(const std::vector<std::string>& addresses) {
    listeners_.clear();
    for (const std::string& address : addresses) {
      const absl::StatusOr<net::Endpoint> endpoint = net::ParseAddress(address);
      if (endpoint.ok()) listeners_.push_back(*endpoint);
    }
  }

  // Whether who connects there comes to one of them.
  bool AreAt(const net::Endpoint& endpoint) const {
    const net::IpAddresses local = net::LocalAddresses();
    return std::any_of(listeners_.begin(), listeners_.end(), [&](const net::Endpoint& listener) {
      return net::Reaches(endpoint, listener, local);
    });
  }

 private:
  std::vector<net::Endpoint> listeners_;
};

}  // namespace singleflight

#endif  // SINGLEFLIGHT_SERVER_APP_OWN_LISTENERS_H_
