// Peers that send without end what costs them little, against the whole proxy. Each loses its
// connection, is counted, and disturbs nobody.

#include <sys/socket.h>
#include <unistd.h>

#include "tests/testing/http_get.h"
#include "tests/testing/proxy_fixture.h"
#include "tests/testing/raw_calls.h"

namespace singleflight::testing {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;

constexpr char kData = 0, kHeaders = 1, kSettings = 4, kPing = 6, kContinuation = 9;

std::string Frame(char type, int stream, const std::string& payload) {
  std::string frame = {0, 0, static_cast<char>(payload.size()), type, 0, 0,
                       0, 0, static_cast<char>(stream)};
  return frame + payload;
}

std::string Field(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}

// The first frame of a call that stays open.
std::string OpenCall() {
  std::string frame =
      Frame(kHeaders, 1,
            "\x83\x86" + Field(":path", kWrite) + Field(":authority", "a") +
                Field("te", "trailers") + Field("content-type", "application/grpc"));
  frame[4] = 4;  // END_HEADERS
  return frame;
}

class FloodTest : public ProxyTest {
 protected:
  // Sends `first`, then `frame` until the proxy hangs up, and reads nothing.
  void Flood(const std::string& first, const std::string& frame) {
    const int fd = ConnectTo(proxy_->address());
    const std::string hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, "") + first;
    EXPECT_GT(::send(fd, hello.data(), hello.size(), MSG_NOSIGNAL), 0);
    std::string many;
    while (many.size() < 16384) many += frame;
    int64_t sent = 0;
    ssize_t n;
    while ((n = ::send(fd, many.data(), many.size(), MSG_NOSIGNAL)) > 0 && sent < 1 << 30)
      sent += n;
    EXPECT_LE(n, 0) << "still open after " << sent << " bytes";
    ::close(fd);
  }

  void ExpectEndedAs(const std::string& reason) {
    proxy_->WaitForMetric("singleflight_connections_ended_total{reason=\"" + reason + "\"}", Eq(1));
    EXPECT_EQ(Metric("singleflight_connections_ended_total"), 1);
    EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  }
};

// PITFALLS 27, 40
TEST_F(FloodTest, PingsWhoseAnswersNobodyReads) {
  Serve();
  Flood("", Frame(kPing, 0, "flooding"));
  ExpectEndedAs("max_queued_frames");
  proxy_->WaitForLog(HasSubstr("a client connection was ended: max_queued_frames (127.0.0.1:"));
}

// PITFALLS 27
TEST_F(FloodTest, SettingsWhoseAnswersNobodyReads) {
  Serve();
  Flood("", Frame(kSettings, 0, std::string("\0\4\0\0\xff\xff", 6)));
  ExpectEndedAs("max_queued_frames");
}

// PITFALLS 27 (CVE-2024-27316)
TEST_F(FloodTest, ContinuationsWithoutEnd) {
  Serve();
  Flood(Frame(kHeaders, 1, "\x83"), Frame(kContinuation, 1, "\x83"));
  ExpectEndedAs("continuations");
}

// PITFALLS 27
TEST_F(FloodTest, EmptyContinuationsWithoutEnd) {
  Serve();
  Flood(Frame(kHeaders, 1, ""), Frame(kContinuation, 1, ""));
  ExpectEndedAs("continuations");
}

// PITFALLS 27 (CVE-2019-9518)
TEST_F(FloodTest, DataFramesWithoutAByte) {
  Serve();
  Flood(OpenCall(), Frame(kData, 1, ""));
  ExpectEndedAs("empty_frames");
}

// PITFALLS 27, 35 (CVE-2023-44487)
TEST_F(FloodTest, CallsThatAreCancelledAtOnce) {
  Serve({.top = "limits: {reset_allowance: 100}"});
  RawConnection hasty(ConnectTo(proxy_->address()), false);
  const Deadline deadline;
  while (!deadline.passed()) {
    const int32_t call = hasty.Open(RawCall(kWrite, "id-7"));
    if (!hasty.Pump(0)) break;  // what has not been sent cannot be reset
    hasty.Reset(call, 0x8);
  }
  ExpectEndedAs("reset_allowance");
}

// PITFALLS 37
TEST_F(FloodTest, MoreStreamsThanAreAllowed) {
  Serve({.top = "limits: {max_concurrent_streams: 10}"});
  backend_.Hold();
  const int fd = ConnectTo(proxy_->address());
  std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, "");
  std::string acknowledged = Frame(kSettings, 0, "");
  acknowledged[4] = 1;  // ACK
  bytes += acknowledged;
  // :method POST, :scheme http, :path /, as they stand in the static table; no gRPC call.
  for (int i = 0; i < 11; ++i) {
    std::string request = Frame(kHeaders, 2 * i + 1, "\x83\x86\x84");
    request[4] = 4;  // END_HEADERS, and the stream stays open
    bytes += request;
  }
  EXPECT_GT(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
  backend_.HoldNoMore();
  ExpectEndedAs("protocol_error");
  ::close(fd);
}

}  // namespace
}  // namespace singleflight::testing
