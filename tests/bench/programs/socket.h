#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_SOCKET_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_SOCKET_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace singleflight::bench {

// A descriptor that is closed with its owner.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket();

  int fd() const { return fd_; }

 private:
  int fd_;
};

// `address` is "127.0.0.1:8080"; numbers only. All sockets are non-blocking and send immediately.
absl::StatusOr<Socket> Listen(absl::string_view address);
absl::StatusOr<Socket> Connect(absl::string_view address);  // the first write says if it failed

// The next connection that waits; fd() is -1 when there is none.
Socket Accept(const Socket& listener);

// Where a listening socket listens: "127.0.0.1:40123".
std::string LocalAddress(const Socket& socket);

// As many descriptors as the machine lets this process have.
void RaiseDescriptorLimit();

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_SOCKET_H_
