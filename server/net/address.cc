// Addresses as the configuration writes them, as sockets take them, and as messages show them.

#include "server/net/address.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace singleflight::net {
namespace asio = boost::asio;

namespace {

constexpr size_t kMaxUnixPath = 107;

absl::StatusOr<Endpoint> UnixEndpoint(absl::string_view path) {
  if (path.empty() || path.size() > kMaxUnixPath) {
    return absl::InvalidArgumentError(
        absl::StrCat("a socket's path has 1 to ", kMaxUnixPath, " bytes"));
  }
  return Endpoint(asio::local::stream_protocol::endpoint(std::string(path)));
}

std::string UnixPath(const Endpoint& endpoint) {
  const auto* address = reinterpret_cast<const sockaddr_un*>(endpoint.data());
  return std::string(address->sun_path, strnlen(address->sun_path, sizeof(address->sun_path)));
}

}  // namespace

Endpoint::Endpoint(const void* address, size_t size)
    : size_(static_cast<socklen_t>(std::min(size, sizeof(address_)))) {
  std::memcpy(&address_, address, size_);
}

int Endpoint::Compare(const Endpoint& a, const Endpoint& b) {
  const int bytes = std::memcmp(&a.address_, &b.address_, std::min(a.size_, b.size_));
  return bytes != 0 ? bytes : static_cast<int>(a.size_) - static_cast<int>(b.size_);
}

absl::StatusOr<HostPort> SplitHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || colon + 1 == text.size()) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' has no port"));
  }
  absl::string_view host = text.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) {
    if (!absl::ConsumeSuffix(&host, "]")) {
      return absl::InvalidArgumentError(absl::StrCat("'", text, "' has no closing bracket"));
    }
  } else if (absl::StrContains(host, ':')) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is ambiguous; an IPv6 address stands in brackets"));
  }
  return HostPort{std::string(host), std::string(text.substr(colon + 1))};
}

absl::StatusOr<Endpoint> ParseAddress(absl::string_view text) {
  absl::string_view path = text;
  if (absl::ConsumePrefix(&path, "unix:")) return UnixEndpoint(path);
  absl::StatusOr<HostPort> parts = SplitHostPort(text);
  if (!parts.ok()) return parts.status();
  uint32_t port;
  if (!absl::SimpleAtoi(parts->port, &port) || port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("'", parts->port, "' is not a port"));
  }
  boost::system::error_code error;
  const std::string host = parts->host == "localhost" ? "127.0.0.1" : parts->host;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat("'", host, "' is not an IP address"));
  return Endpoint(asio::ip::tcp::endpoint(address, static_cast<uint16_t>(port)));
}

std::string CureOf(int error, absl::string_view address) {
  const bool is_path = absl::StartsWith(address, "unix:");
  const absl::string_view another = is_path ? "path" : "port";
  switch (error) {
    case EADDRINUSE:
      return absl::StrCat("; something listens there: stop it, or choose another ", another);
    case EACCES:
      return is_path ? "; this user may not create a file there: choose another folder"
                     : "; this user may not have it: choose a port from 1024 on, or give the "
                       "program the right CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
      return "; this machine does not have that address: use one that it has, or 0.0.0.0 for all";
    case ENOENT:
      return is_path ? "; create the folder, or choose another" : "";
    case EAFNOSUPPORT:
      return "; this machine has no IPv6: use an IPv4 address";
    default:
      return "";
  }
}

std::string ToString(const Endpoint& endpoint) {
  const int family = endpoint.family();
  if (family == AF_UNIX) return absl::StrCat("unix:", UnixPath(endpoint));
  if (family != AF_INET && family != AF_INET6) return absl::StrCat("an address of family ", family);
  asio::ip::tcp::endpoint tcp;
  std::memcpy(tcp.data(), endpoint.data(), std::min<size_t>(endpoint.size(), tcp.capacity()));
  const std::string host = tcp.address().to_string();
  return tcp.address().is_v6() ? absl::StrCat("[", host, "]:", tcp.port())
                               : absl::StrCat(host, ":", tcp.port());
}

std::string PeerOf(int fd) {
  Endpoint endpoint;
  const auto ask = [&](auto* of) {
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    if (of(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
    endpoint = Endpoint(&address, size);
    return true;
  };
  if (!ask(::getpeername)) return "a peer that has gone";
  if (endpoint.family() == AF_UNIX && !ask(::getsockname)) return "unix:";
  return ToString(endpoint);
}

}  // namespace singleflight::net
