// Whether an address leads back to this process.

#ifndef SINGLEFLIGHT_SERVER_NET_OWN_ADDRESSES_H_
#define SINGLEFLIGHT_SERVER_NET_OWN_ADDRESSES_H_

#include <utility>

#include <boost/asio/ip/address.hpp>
#include <vector>

#include "server/net/address.h"

namespace singleflight::net {

using IpAddresses = std::vector<boost::asio::ip::address>;

// The addresses of this machine's interfaces, as they are now.
IpAddresses LocalAddresses();

// Where something listens. `ipv6_only`: as in ListenerOptions.
struct Listening {
  Endpoint endpoint;
  bool ipv6_only = false;
};

// Whether a connection to `to`, on a machine that has the addresses `local`, arrives at what
// listens on `listener`. A listener on every address ("0.0.0.0", "[::]") is reached by each of the
// machine's; a Unix socket by each path to it.
bool Reaches(const Endpoint& to, const Listening& listener, const IpAddresses& local);

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_OWN_ADDRESSES_H_
