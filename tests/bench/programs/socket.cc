// Sockets of the bench's programs: IPv4 and not blocking.

#include "tests/bench/programs/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace singleflight::bench {
namespace {

absl::Status Failed(absl::string_view what, absl::string_view address) {
  return absl::UnavailableError(
      absl::StrCat("cannot ", what, " ", address, ": ", std::strerror(errno)));
}

absl::StatusOr<sockaddr_in> Parse(absl::string_view address) {
  const std::pair<std::string, absl::string_view> parts =
      absl::StrSplit(address, absl::MaxSplits(':', 1));
  sockaddr_in parsed = {};
  parsed.sin_family = AF_INET;
  int port = 0;
  if (inet_pton(AF_INET, parts.first.c_str(), &parsed.sin_addr) != 1 ||
      !absl::SimpleAtoi(parts.second, &port) || port < 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", address, "\" is not an address; try 127.0.0.1:8080"));
  }
  parsed.sin_port = htons(static_cast<uint16_t>(port));
  return parsed;
}

const sockaddr* Generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Socket NewSocket() {
  return Socket(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

void SetOption(const Socket& socket, int level, int option) {
  const int on = 1;
  setsockopt(socket.fd(), level, option, &on, sizeof on);
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<Socket> Listen(absl::string_view address) {
  const auto parsed = Parse(address);
  if (!parsed.ok()) return parsed.status();
  Socket listener = NewSocket();
  SetOption(listener, SOL_SOCKET, SO_REUSEADDR);
  if (bind(listener.fd(), Generic(*parsed), sizeof *parsed) != 0 ||
      listen(listener.fd(), SOMAXCONN) != 0) {
    return Failed("listen on", address);
  }
  return listener;
}

absl::StatusOr<Socket> Connect(absl::string_view address) {
  const auto parsed = Parse(address);
  if (!parsed.ok()) return parsed.status();
  Socket socket = NewSocket();
  SetOption(socket, IPPROTO_TCP, TCP_NODELAY);
  if (connect(socket.fd(), Generic(*parsed), sizeof *parsed) != 0 && errno != EINPROGRESS) {
    return Failed("connect to", address);
  }
  return socket;
}

Socket Accept(const Socket& listener) {
  Socket socket(accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket.fd() >= 0) SetOption(socket, IPPROTO_TCP, TCP_NODELAY);
  return socket;
}

std::string LocalAddress(const Socket& socket) {
  sockaddr_in address = {};
  socklen_t size = sizeof address;
  getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &size);
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  return absl::StrCat(text, ":", ntohs(address.sin_port));
}

void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace singleflight::bench
