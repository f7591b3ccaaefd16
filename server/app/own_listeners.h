// Where this process listens, so that it does not call itself.
//
// Threads: one.

#ifndef SINGLEFLIGHT_SERVER_APP_OWN_LISTENERS_H_
#define SINGLEFLIGHT_SERVER_APP_OWN_LISTENERS_H_

#include <algorithm>
#include <vector>

#include "server/app/doors.h"
#include "server/net/own_addresses.h"

namespace singleflight::app {

class OwnListeners {
 public:
  void Set(const Doors::Plan& plan) {
    listeners_.clear();
    for (const Doors::Plan::Item& item : plan.items) {
      const auto endpoint = net::ParseAddress(item.door->listener->address());
      if (endpoint.ok()) listeners_.push_back({*endpoint, item.door->ipv6_only});
    }
  }

  // Whether a connection to that endpoint arrives at one of them.
  bool AreAt(const net::Endpoint& endpoint) const {
    const net::IpAddresses local = net::LocalAddresses();
    return std::any_of(listeners_.begin(), listeners_.end(), [&](const net::Listening& listener) {
      return net::Reaches(endpoint, listener, local);
    });
  }

 private:
  std::vector<net::Listening> listeners_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_OWN_LISTENERS_H_
