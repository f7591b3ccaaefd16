// Sorts out what a service manager hands over, and finds the socket of an address among it.

#include "server/net/handed_over.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace singleflight::net {
namespace {

int OptionOf(const Socket& socket, int level, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(socket.fd(), level, option, &value, &size) == 0 ? value : -1;
}

// What is wrong with it, and how it would be right; empty: nothing.
std::string MistakeOf(const Socket& socket, const Endpoint& bound) {
  if (OptionOf(socket, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
      OptionOf(socket, SOL_SOCKET, SO_ACCEPTCONN) != 1) {
    return "is no socket that listens for connections; use ListenStream= with Accept=no in its "
           "unit";
  }
  const bool ip = bound.family() == AF_INET || bound.family() == AF_INET6;
  if (ip || (bound.family() == AF_UNIX && ToString(bound) != "unix:")) return "";
  return "is bound to no IP address and no path; use ListenStream= with one of them in its unit";
}

Endpoint BoundTo(const Socket& socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return Endpoint(&address, size);
}

absl::string_view PortOf(absl::string_view address) {
  return address.substr(address.rfind(':') + 1);
}

std::string Shown(absl::string_view name, absl::string_view address) {
  return absl::StrCat("\"", name, "\" (", address, ")");
}

}  // namespace

absl::Status HandedOver::Take(int fd, const std::string& name) {
  Socket socket(fd);
  const Endpoint bound = BoundTo(socket);
  if (const std::string mistake = MistakeOf(socket, bound); !mistake.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("LISTEN_FDS: the descriptor ", fd, ", \"", name, "\", ", mistake));
  }
  for (const Item& item : items_) {
    if (item.address != ToString(bound)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("LISTEN_FDS: ", Shown(item.name, item.address), " is bound like ",
                     Shown(name, item.address), "; hand over one of the two"));
  }
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  items_.push_back({std::move(socket), name, ToString(bound)});
  return absl::OkStatus();
}

absl::StatusOr<Socket> HandedOver::For(const ListenAt& at) const {
  const absl::StatusOr<Endpoint> wanted = ParseAddress(at.address);
  if (!wanted.ok()) return wanted.status();
  const auto found = std::find_if(items_.begin(), items_.end(), [&](const Item& item) {
    return item.address == ToString(*wanted);
  });
  if (found == items_.end()) return Socket();
  if (at.ipv6_only && OptionOf(found->socket, IPPROTO_IPV6, IPV6_V6ONLY) == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the socket ", Shown(found->name, found->address),
                     " that was handed over is for IPv4 too, for which there is another listener; "
                     "use BindIPv6Only=ipv6-only in its unit"));
  }
  if (at.access != UnixAccess()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the socket ", Shown(found->name, found->address),
        " that was handed over has the mode and the group of its unit; remove \"mode\" "
        "and \"group\" here, and use SocketMode= and SocketGroup= there"));
  }
  Socket copy(::fcntl(found->socket.fd(), F_DUPFD_CLOEXEC, 0));
  if (!copy.open()) return absl::UnavailableError(std::strerror(errno));
  return copy;
}

std::vector<std::string> HandedOver::Besides(const std::vector<std::string>& addresses) const {
  std::vector<std::string> besides;
  for (const Item& item : items_) {
    if (std::count(addresses.begin(), addresses.end(), item.address) != 0) continue;
    besides.push_back(Shown(item.name, item.address));
  }
  return besides;
}

std::string HandedOver::WithPortOf(absl::string_view address) const {
  for (const Item& item : items_) {
    if (item.address != address && PortOf(item.address) == PortOf(address)) {
      return Shown(item.name, item.address);
    }
  }
  return "";
}

}  // namespace singleflight::net
