// Connections, bodies, Unix sockets and streams of the admin address, on real sockets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/admin/admin_http.h"
#include "tests/admin/fake_steering.h"
#include "tests/testing/http_get.h"

namespace singleflight::admin {
namespace {

using ::singleflight::testing::ConnectTo;
using ::singleflight::testing::SendRaw;
using ::testing::HasSubstr;

constexpr char kHost[] = "Host: localhost\r\n";

class HttpServerTest : public ::testing::Test {
 protected:
  void Serve(const std::string& address = "127.0.0.1:0") {
    auto opened = AdminHttp::Open({address, "admin.http", {}}, steering_, rights_,
                                  {nullptr, nullptr, nullptr});
    ASSERT_TRUE(opened.ok()) << opened.status();
    server_ = *std::move(opened);
  }

  std::string Send(const std::string& line, const std::string& rest = "") {
    return SendRaw(server_->address(), absl::StrCat(line, " HTTP/1.1\r\n", kHost, rest, "\r\n"));
  }

  // A connection that has asked for the stream.
  int Watch() {
    const int fd = ConnectTo(server_->address());
    const std::string request = absl::StrCat("GET /api/stream HTTP/1.1\r\n", kHost, "\r\n");
    EXPECT_GT(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), 0);
    return fd;
  }

  // Reads until it has come.
  static std::string ReadUntil(int fd, const std::string& wanted) {
    std::string got;
    char buffer[4096];
    while (got.find(wanted) == std::string::npos) {
      const ssize_t n = ::recv(fd, buffer, sizeof(buffer), 0);
      if (n <= 0) return got + " and then the end";
      got.append(buffer, static_cast<size_t>(n));
    }
    return got;
  }

  testing::FakeSteering steering_;
  Rights rights_{""};
  std::unique_ptr<AdminHttp> server_;
};

TEST_F(HttpServerTest, ABodyIsRead) {
  Serve();
  const std::string body = "{\"all\": true}";
  EXPECT_THAT(
      Send("POST /api/purge", absl::StrCat("Content-Length: ", body.size(), "\r\n\r\n", body)),
      HasSubstr("HTTP/1.1 401 "));
}

TEST_F(HttpServerTest, ABodyThatIsTooLargeIsToldSo) {
  Serve();
  EXPECT_THAT(Send("POST /api/purge",
                   absl::StrCat("Content-Length: 200000\r\n\r\n", std::string(200000, ' '))),
              HasSubstr("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, OfTwoHostsNoneIsBelieved) {
  Serve();
  EXPECT_THAT(Send("GET /api/info", "Host: evil.example\r\n"), HasSubstr("HTTP/1.1 421 "));
}

TEST_F(HttpServerTest, AStreamOfStatisticsGoesOn) {
  Serve();
  steering_.stats.set_unrouted(42);
  const int fd = Watch();
  const std::string first = ReadUntil(fd, "\n\n");
  EXPECT_THAT(first, HasSubstr("Content-Type: text/event-stream"));
  EXPECT_THAT(first, HasSubstr("data: {"));
  EXPECT_THAT(first, HasSubstr("\"unrouted\":\"42\""));
  EXPECT_THAT(ReadUntil(fd, "\n\n"), HasSubstr("data: {"));
  ::close(fd);
}

TEST_F(HttpServerTest, OnlySoManyWatch) {
  Serve();
  std::vector<int> watching;
  for (size_t i = 0; i < AdminHttp::kMaxWatchers; ++i) {
    watching.push_back(Watch());
    ReadUntil(watching.back(), "text/event-stream");
  }
  EXPECT_THAT(Send("GET /api/stream"), HasSubstr("HTTP/1.1 503 "));
  // A place is free when one has left.
  ::close(watching.back());
  watching.pop_back();
  std::string answer;
  while (answer.find("text/event-stream") == std::string::npos) {
    const int fd = Watch();
    answer = ReadUntil(fd, "\r\n\r\n");
    ::close(fd);
  }
  for (const int fd : watching) ::close(fd);
}

TEST_F(HttpServerTest, AStreamIsForOwnNamesOnly) {
  Serve();
  EXPECT_THAT(Send("GET /api/stream", "Origin: http://evil.example\r\n"),
              HasSubstr("HTTP/1.1 403 "));
}

TEST_F(HttpServerTest, ItEndsWhileSomebodyWatches) {
  Serve();
  const int fd = Watch();
  ReadUntil(fd, "text/event-stream");
  server_.reset();
  ::close(fd);
}

TEST_F(HttpServerTest, AUnixSocketIsForItsUserAlone) {
  char folder[] = "/tmp/http_server_test.XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string path = absl::StrCat(folder, "/s");
  Serve("unix:" + path);
  struct stat about = {};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600U);
  EXPECT_THAT(Send("GET /api/info"), HasSubstr("HTTP/1.1 200 "));
  server_.reset();
  EXPECT_NE(::stat(path.c_str(), &about), 0);
  ::rmdir(folder);
}

TEST_F(HttpServerTest, AnAddressThatIsTakenIsSaidByName) {
  Serve();
  const auto second = AdminHttp::Open({server_->address(), "f.yaml:3:9: admin.http", {}}, steering_,
                                      rights_, {nullptr, nullptr, nullptr});
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("f.yaml:3:9: admin.http: cannot listen on "));
}

}  // namespace
}  // namespace singleflight::admin
