// A client that begins a connection and does not go on.

#ifndef SINGLEFLIGHT_TESTS_ADMIN_SLOW_CLIENT_H_
#define SINGLEFLIGHT_TESTS_ADMIN_SLOW_CLIENT_H_

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/testing/http_get.h"

namespace singleflight::admin::testing {

class SlowClient {
 public:
  // The first bytes of a ClientHello that would have 200.
  static std::string HalfHello() {
    return std::string("\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03", 11);
  }

  // It has said `said`, and nothing more.
  explicit SlowClient(const std::string& address, const std::string& said = "")
      : fd_(singleflight::testing::ConnectTo(address)) {
    EXPECT_EQ(::send(fd_, said.data(), said.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(said.size()));
  }
  ~SlowClient() { ::close(fd_); }
  SlowClient(const SlowClient&) = delete;
  SlowClient& operator=(const SlowClient&) = delete;

  // Waits until the other side has ended the connection; false: it did not.
  bool IsEnded() {
    char buffer[4096];
    ssize_t n = 0;
    while ((n = ::recv(fd_, buffer, sizeof(buffer), 0)) > 0) continue;
    return n == 0 || errno == ECONNRESET;
  }

 private:
  const int fd_;
};

}  // namespace singleflight::admin::testing

#endif  // SINGLEFLIGHT_TESTS_ADMIN_SLOW_CLIENT_H_
