#include "tests/testing/http_get.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "tests/testing/child_process.h"

namespace singleflight::testing {
namespace {

int Connected(int family, const void* address, size_t size, const std::string& name) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{kPatience.count(), 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (::connect(fd, static_cast<const sockaddr*>(address), static_cast<socklen_t>(size)) != 0) {
    const std::string why = std::strerror(errno);
    ::close(fd);
    throw std::runtime_error("cannot connect to " + name + ": " + why);
  }
  if (family == AF_INET) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  return fd;
}

}  // namespace

int ConnectTo(const std::string& address) {
  if (address.rfind("unix:", 0) == 0) {
    sockaddr_un path{};
    path.sun_family = AF_UNIX;
    std::strncpy(path.sun_path, address.c_str() + 5, sizeof(path.sun_path) - 1);
    return Connected(AF_UNIX, &path, sizeof(path), address);
  }
  const size_t colon = address.rfind(':');
  sockaddr_in ip{};
  ip.sin_family = AF_INET;
  ip.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &ip.sin_addr);
  return Connected(AF_INET, &ip, sizeof(ip), address);
}

std::string SendRaw(const std::string& address, const std::string& bytes) {
  const int fd = ConnectTo(address);
  std::string reply;
  if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size())) {
    char buffer[16384];
    ssize_t n;
    while ((n = ::recv(fd, buffer, sizeof(buffer), 0)) > 0) {
      reply.append(buffer, static_cast<size_t>(n));
    }
  }
  ::close(fd);
  return reply;
}

HttpReply HttpRequest(const std::string& address, const std::string& method,
                      const std::string& target) {
  const std::string text =
      SendRaw(address, method + " " + target + " HTTP/1.1\r\nHost: test\r\n\r\n");
  const size_t end = text.find("\r\n\r\n");
  if (text.rfind("HTTP/1.1 ", 0) != 0 || end == std::string::npos) {
    throw std::runtime_error("no HTTP reply from " + address + " to " + target + ": " + text);
  }
  return {std::atoi(text.c_str() + 9), text.substr(0, end), text.substr(end + 4)};
}

}  // namespace singleflight::testing
