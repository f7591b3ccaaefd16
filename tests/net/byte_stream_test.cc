#include "server/net/byte_stream.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>

namespace singleflight::net {
namespace {

// How long the system waits for a peer that takes nothing, once `socket` is a stream.
int GivesUpAfterMs(Worker& worker, absl::Duration patience) {
  using boost::asio::ip::tcp;
  tcp::acceptor acceptor(worker.io(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  tcp::socket peer(worker.io());
  peer.connect(acceptor.local_endpoint());
  Socket socket(acceptor.accept());
  const int fd = socket.native_handle();
  const auto stream = MakeSocketStream(worker, std::move(socket), patience);
  int ms = 0;
  socklen_t size = sizeof(ms);
  EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &size), 0);
  return ms;
}

TEST(ByteStreamTest, TheSystemIsAsPatientAsItIsAskedToBe) {
  Worker worker(0);
  EXPECT_EQ(GivesUpAfterMs(worker, absl::Seconds(20)), 20'000);
  EXPECT_EQ(GivesUpAfterMs(worker, absl::Minutes(10)), 600'000);
  EXPECT_EQ(GivesUpAfterMs(worker, absl::InfiniteDuration()), 0x7fffffff);
}

}  // namespace
}  // namespace singleflight::net
