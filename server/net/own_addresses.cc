#include "server/net/own_addresses.h"

#include <ifaddrs.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <cstring>
#include <string>

namespace singleflight::net {
namespace asio = boost::asio;

namespace {

using asio::ip::address;

asio::ip::tcp::endpoint TcpOf(const Endpoint& endpoint) {
  asio::ip::tcp::endpoint tcp;
  tcp.resize(endpoint.size());
  std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
  return tcp;
}

// An IPv4 address is one, however it is written. Zones of link-local addresses do not count.
address Plain(const address& given) {
  if (!given.is_v6()) return given;
  const asio::ip::address_v6 v6 = given.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6);
  return asio::ip::address_v6(v6.to_bytes());
}

// Linux connects to itself where no address is given.
address Meant(const address& given) {
  const address plain = Plain(given);
  if (!plain.is_unspecified()) return plain;
  if (plain.is_v4()) return asio::ip::address_v4::loopback();
  return asio::ip::address_v6::loopback();
}

bool ReachesPort(const asio::ip::tcp::endpoint& to, const asio::ip::tcp::endpoint& listener,
                 const IpAddresses& local) {
  if (to.port() != listener.port()) return false;
  const address target = Meant(to.address());
  const address bound = Plain(listener.address());
  if (!bound.is_unspecified()) return target == bound;
  if (bound.is_v4() && target.is_v6()) return false;
  return target.is_loopback() || std::find(local.begin(), local.end(), target) != local.end();
}

std::string PathOf(const Endpoint& endpoint) {
  const auto* unix_address = reinterpret_cast<const sockaddr_un*>(endpoint.data());
  return std::string(unix_address->sun_path,
                     strnlen(unix_address->sun_path, sizeof(unix_address->sun_path)));
}

bool ReachesPath(const std::string& to, const std::string& listener) {
  if (to == listener) return true;
  struct stat one = {};
  struct stat other = {};
  return ::stat(to.c_str(), &one) == 0 && ::stat(listener.c_str(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace

IpAddresses LocalAddresses() {
  IpAddresses local;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return local;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const int family = one->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const size_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    local.push_back(Plain(TcpOf(Endpoint(one->ifa_addr, size)).address()));
  }
  ::freeifaddrs(all);
  return local;
}

bool Reaches(const Endpoint& to, const Listening& listener, const IpAddresses& local) {
  const bool is_path = to.family() == AF_UNIX;
  if (is_path != (listener.endpoint.family() == AF_UNIX)) return false;
  if (is_path) return ReachesPath(PathOf(to), PathOf(listener.endpoint));
  const asio::ip::tcp::endpoint target = TcpOf(to);
  if (listener.ipv6_only && Meant(target.address()).is_v4()) return false;
  return ReachesPort(target, TcpOf(listener.endpoint), local);
}

}  // namespace singleflight::net
