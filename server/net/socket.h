#ifndef SINGLEFLIGHT_SERVER_NET_SOCKET_H_
#define SINGLEFLIGHT_SERVER_NET_SOCKET_H_

#include <unistd.h>

#include <utility>

namespace singleflight::net {

// Owns the descriptor of a socket, or none.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() { Close(); }

  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  // Its owner is somebody else now.
  int Release() { return std::exchange(fd_, -1); }

  void Close() {
    if (open()) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

}  // namespace singleflight::net

#endif  // SINGLEFLIGHT_SERVER_NET_SOCKET_H_
