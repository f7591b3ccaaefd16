// Which socket of those that were handed over a listener gets.

#include "server/net/handed_over.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace singleflight::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HandedOverTest : public ::testing::Test {
 protected:
  ~HandedOverTest() override { ::unlink(UnixPath().c_str()); }

  static std::string UnixPath() {
    return ::testing::TempDir() + "handed_over_test_" + std::to_string(::getpid());
  }

  // A socket that listens there, and its address as bound.
  std::string Give(const std::string& address, const std::string& name = "unknown",
                   int only_ipv6 = 0) {
    const Endpoint endpoint = *ParseAddress(address);
    const int fd = ::socket(endpoint.family(), SOCK_STREAM, 0);
    if (endpoint.family() == AF_INET6) {
      ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, sizeof(only_ipv6));
    }
    EXPECT_EQ(::bind(fd, endpoint.data(), endpoint.size()), 0) << address;
    EXPECT_EQ(::listen(fd, 8), 0);
    const std::string bound = AddressOf(fd);
    EXPECT_EQ(sockets_.Take(fd, name), absl::OkStatus());
    return bound;
  }
  static std::string AddressOf(int fd) {
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    return ToString(Endpoint(&address, size));
  }

  // Where the socket is bound that a listener gets; empty: it gets none.
  std::string For(const std::string& address) {
    const absl::StatusOr<Socket> socket = sockets_.For({address, false, {}});
    EXPECT_EQ(socket.status(), absl::OkStatus());
    return socket.ok() && socket->open() ? AddressOf(socket->fd()) : "";
  }
  std::string Refusal(int fd) { return std::string(sockets_.Take(fd, "odd").message()); }

  HandedOver sockets_;
};

TEST_F(HandedOverTest, AListenerGetsTheSocketThatIsBoundToItsAddress) {
  const std::string one = Give("127.0.0.1:0"), other = Give("127.0.0.1:0");
  const std::string path = Give("unix:" + UnixPath()), six = Give("[::1]:0");
  for (const std::string& address : {one, other, path, six}) EXPECT_EQ(For(address), address);
  EXPECT_EQ(For(absl::StrCat("localhost", one.substr(one.rfind(':')))), one);
  EXPECT_EQ(For("127.0.0.1:0"), "") << "a free port is nobody's yet";
  EXPECT_EQ(For("0.0.0.0" + one.substr(one.rfind(':'))), "");
}

TEST_F(HandedOverTest, EachListenerGetsADescriptorOfItsOwn) {
  const std::string address = Give("127.0.0.1:0");
  EXPECT_EQ(For(address), address);
  EXPECT_EQ(For(address), address) << "the first has been closed";
  sockets_.Close();
  EXPECT_EQ(For(address), "");
}

TEST_F(HandedOverTest, WhatIsHandedOverNeverWaitsAndIsNotPassedOn) {
  const absl::StatusOr<Socket> socket = sockets_.For({Give("127.0.0.1:0"), false, {}});
  EXPECT_NE(::fcntl(socket->fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(socket->fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(HandedOverTest, OtherThingsAreRefusedByName) {
  for (const int fd : {::socket(AF_INET, SOCK_DGRAM, 0), ::socket(AF_INET, SOCK_STREAM, 0),
                       ::open("/dev/null", O_RDONLY)}) {
    EXPECT_THAT(Refusal(fd), HasSubstr(absl::StrCat("LISTEN_FDS: the descriptor ", fd,
                                                    ", \"odd\", is no socket that listens")));
  }
}

TEST_F(HandedOverTest, ASocketWithoutAPathIsRefusedByName) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un unnamed = {AF_UNIX, ""};
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&unnamed), sizeof(sa_family_t)), 0);
  ASSERT_EQ(::listen(fd, 8), 0);
  EXPECT_THAT(Refusal(fd), HasSubstr("is bound to no IP address and no path"));
}

TEST_F(HandedOverTest, OneSocketTwiceIsRefused) {
  const std::string address = Give("127.0.0.1:0", "grpc");
  const absl::StatusOr<Socket> copy = sockets_.For({address, false, {}});
  EXPECT_THAT(Refusal(::dup(copy->fd())),
              HasSubstr(absl::StrCat("\"grpc\" (", address, ") is bound like \"odd\"")));
}

TEST_F(HandedOverTest, ASocketForBothFamiliesIsNoneForIpv6Alone) {
  const std::string both = Give("[::]:0", "both"), one = Give("[::]:0", "one", 1);
  EXPECT_TRUE(sockets_.For({both, false, {}}).ok());
  EXPECT_THAT(std::string(sockets_.For({both, true, {}}).status().message()),
              HasSubstr("BindIPv6Only=ipv6-only"));
  EXPECT_TRUE(sockets_.For({one, true, {}}).ok());
}

TEST_F(HandedOverTest, TheModeIsThatOfItsUnit) {
  const std::string address = Give("unix:" + UnixPath());
  EXPECT_THAT(std::string(sockets_.For({address, false, {.mode = 0660}}).status().message()),
              HasSubstr("use SocketMode= and SocketGroup= there"));
}

TEST_F(HandedOverTest, WhatNobodyListensOnIsNamed) {
  const std::string one = Give("127.0.0.1:0", "one"), two = Give("127.0.0.1:0", "two");
  EXPECT_THAT(sockets_.Besides({two}), ElementsAre(absl::StrCat("\"one\" (", one, ")")));
  EXPECT_THAT(sockets_.Besides({one, two}), IsEmpty());
  EXPECT_EQ(sockets_.WithPortOf("0.0.0.0" + one.substr(one.rfind(':'))),
            absl::StrCat("\"one\" (", one, ")"));
  EXPECT_EQ(sockets_.WithPortOf(one), "");
}

}  // namespace
}  // namespace singleflight::net
