#include "server/host/notify_socket.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace singleflight::host {
namespace {

constexpr timeval kPatience = {1, 0};

int Open() {
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd >= 0) ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  return fd;
}

}  // namespace

NotifySocket::NotifySocket(std::string address)
    : address_(std::move(address)), fd_(address_.empty() ? -1 : Open()) {}

NotifySocket::~NotifySocket() {
  if (open()) ::close(fd_);
}

absl::Status NotifySocket::Send(absl::string_view message) const {
  if (!open()) return absl::OkStatus();
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  if (address_.size() >= sizeof(to.sun_path) || (address_[0] != '/' && address_[0] != '@')) {
    return absl::InvalidArgumentError(
        absl::StrCat("NOTIFY_SOCKET=", address_, " is no path and no @name"));
  }
  std::memcpy(to.sun_path, address_.data(), address_.size());
  if (address_[0] == '@') to.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  ssize_t sent;
  do {
    sent = ::sendto(fd_, message.data(), message.size(), MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&to), size);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("NOTIFY_SOCKET=", address_, ": ", std::strerror(errno)));
}

}  // namespace singleflight::host
