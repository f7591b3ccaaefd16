#ifndef SINGLEFLIGHT_SERVER_NET_ADDRESS_H_
#define SINGLEFLIGHT_SERVER_NET_ADDRESS_H_

#include <sys/socket.h>

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace singleflight::net {

// Where a socket is bound or connected to: an IP address and a port, or a path.
class Endpoint {
 public:
  Endpoint() = default;
  Endpoint(const void* address, size_t size);

  // One of Asio's.
  template <typename Other>
  explicit Endpoint(const Other& other) : Endpoint(other.data(), other.size()) {}

  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t size() const { return size_; }
  int family() const { return address_.ss_family; }

  friend bool operator==(const Endpoint& a, const Endpoint& b) { return Compare(a, b) == 0; }
  friend bool operator<(const Endpoint& a, const Endpoint& b) { return Compare(a, b) < 0; }

 private:
  static int Compare(const Endpoint& a, const Endpoint& b);

  sockaddr_storage address_ = {};
  socklen_t size_ = 0;
};

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

// The peer at the other end of a connected socket, for logs. Of a Unix socket's peer only the path
// is known that it came by.
std::string PeerOf(int fd);

// What to do where an address cannot be listened on because of `error`, an errno, behind a
// semicolon; empty: nobody knows.
std::string CureOf(int error, absl::string_view address);

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_ADDRESS_H_
