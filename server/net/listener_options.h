#ifndef SINGLEFLIGHT_SERVER_NET_LISTENER_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_NET_LISTENER_OPTIONS_H_

#include <string>

namespace singleflight::net {

// One entry of `listeners:`.
struct ListenerOptions {
  std::string address;  // ip:port, localhost:port, [v6]:port or unix:/path; port 0 takes a free one
};

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_LISTENER_OPTIONS_H_
