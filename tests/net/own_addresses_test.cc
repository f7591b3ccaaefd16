// Which addresses lead back to a listener.

#include "server/net/own_addresses.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace singleflight::net {
namespace {

// On a machine whose only other address is 10.0.0.7.
bool Leads(const std::string& to, const std::string& listener, bool ipv6_only = false) {
  return Reaches(*ParseAddress(to), {*ParseAddress(listener), ipv6_only},
                 {boost::asio::ip::make_address("10.0.0.7")});
}

TEST(OwnAddressesTest, AnAddressLeadsToItself) {
  EXPECT_TRUE(Leads("127.0.0.1:1", "127.0.0.1:1"));
  EXPECT_TRUE(Leads("localhost:1", "127.0.0.1:1"));
  EXPECT_TRUE(Leads("[::ffff:127.0.0.1]:1", "127.0.0.1:1"));
  EXPECT_TRUE(Leads("[::1]:1", "[0:0::1]:1"));
  EXPECT_TRUE(Leads("10.0.0.7:1", "10.0.0.7:1"));
}

TEST(OwnAddressesTest, AnotherPortOrAddressDoesNot) {
  EXPECT_FALSE(Leads("127.0.0.1:1", "127.0.0.1:2"));
  EXPECT_FALSE(Leads("127.0.0.2:1", "127.0.0.1:1"));
  EXPECT_FALSE(Leads("10.0.0.7:1", "127.0.0.1:1"));
  EXPECT_FALSE(Leads("[::1]:1", "127.0.0.1:1"));
}

TEST(OwnAddressesTest, AListenerOnEveryAddressIsReachedByEachOfTheMachine) {
  for (const char* listener : {"0.0.0.0:1", "[::]:1"}) {
    EXPECT_TRUE(Leads("127.0.0.1:1", listener));
    EXPECT_TRUE(Leads("127.8.9.1:1", listener));
    EXPECT_TRUE(Leads("10.0.0.7:1", listener));
    EXPECT_TRUE(Leads("0.0.0.0:1", listener));
    EXPECT_FALSE(Leads("10.0.0.8:1", listener));
  }
  EXPECT_TRUE(Leads("[::1]:1", "[::]:1"));
  EXPECT_FALSE(Leads("[::1]:1", "0.0.0.0:1"));
}

TEST(OwnAddressesTest, AListenerForIpv6OnlyIsReachedByNoIpv4Address) {
  EXPECT_FALSE(Leads("10.0.0.7:1", "[::]:1", true));
  EXPECT_FALSE(Leads("[::ffff:10.0.0.7]:1", "[::]:1", true));
  EXPECT_FALSE(Leads("0.0.0.0:1", "[::]:1", true));
  EXPECT_TRUE(Leads("[::1]:1", "[::]:1", true));
}

TEST(OwnAddressesTest, NoAddressMeansThisMachine) {
  EXPECT_TRUE(Leads("0.0.0.0:1", "127.0.0.1:1"));
  EXPECT_TRUE(Leads("[::]:1", "[::1]:1"));
}

TEST(OwnAddressesTest, APathIsOneHoweverItIsReached) {
  const std::string path = ::testing::TempDir() + "own_addresses_" + std::to_string(::getpid());
  const std::string other = path + ".other";
  EXPECT_TRUE(Leads("unix:" + path, "unix:" + path)) << "be it there or not";
  EXPECT_FALSE(Leads("unix:" + other, "unix:" + path));
  EXPECT_FALSE(Leads("unix:" + path, "127.0.0.1:1"));
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const Endpoint endpoint = *ParseAddress("unix:" + path);
  ASSERT_EQ(::bind(listener, endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
  ASSERT_EQ(::symlink(path.c_str(), other.c_str()), 0);
  EXPECT_TRUE(Leads("unix:" + other, "unix:" + path));
  ::unlink(other.c_str());
  ::unlink(path.c_str());
  ::close(listener);
}

TEST(OwnAddressesTest, TheMachinesAddressesAreKnown) {
  const IpAddresses local = LocalAddresses();
  EXPECT_TRUE(Reaches(*ParseAddress("127.0.0.1:1"), {*ParseAddress("0.0.0.0:1")}, local));
}

}  // namespace
}  // namespace singleflight::net
