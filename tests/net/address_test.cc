#include "server/net/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace singleflight::net {
namespace {

using ::testing::HasSubstr;

TEST(AddressTest, AnAddressIsWrittenAsItIsRead) {
  for (const char* text : {"127.0.0.1:8080", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80",
                           "[2001:db8::7]:443", "unix:/run/shop.sock", "unix:relative.sock"}) {
    const absl::StatusOr<Endpoint> endpoint = ParseAddress(text);
    ASSERT_TRUE(endpoint.ok()) << text << ": " << endpoint.status();
    EXPECT_EQ(ToString(*endpoint), text);
  }
}

TEST(AddressTest, WhatIsNoAddressOfASocketIsWrittenToo) {
  sockaddr_storage strange = {};
  strange.ss_family = AF_VSOCK;
  EXPECT_EQ(ToString(Endpoint(&strange, sizeof(strange))), "an address of family 40");
}

TEST(AddressTest, LocalhostIsTheIpv4Loopback) {
  EXPECT_EQ(ToString(ParseAddress("localhost:80").value()), "127.0.0.1:80");
}

struct Mistake {
  std::string text;
  std::string said;
};

TEST(AddressTest, AMistakeIsNamed) {
  const Mistake table[] = {{"", "no port"},
                           {"127.0.0.1", "no port"},
                           {"127.0.0.1:", "no port"},
                           {"127.0.0.1:http", "'http' is not a port"},
                           {"127.0.0.1:65536", "'65536' is not a port"},
                           {"127.0.0.1:-1", "'-1' is not a port"},
                           {"shop.example:80", "'shop.example' is not an IP address"},
                           {"256.0.0.1:80", "is not an IP address"},
                           {":80", "is not an IP address"},
                           {"[::1:80", "no closing bracket"},
                           {"::1:80", "an IPv6 address stands in brackets"},
                           {"unix:", "1 to 107 bytes"},
                           {"unix:" + std::string(108, 'x'), "1 to 107 bytes"}};
  for (const Mistake& row : table) {
    const absl::StatusOr<Endpoint> endpoint = ParseAddress(row.text);
    ASSERT_FALSE(endpoint.ok()) << row.text;
    EXPECT_THAT(std::string(endpoint.status().message()), HasSubstr(row.said));
  }
}

TEST(AddressTest, TheLongestPathOfASocketIsKeptWhole) {
  const std::string text = "unix:" + std::string(107, 'x');
  EXPECT_EQ(ToString(ParseAddress(text).value()), text);
}

TEST(HostPortTest, AHostIsPartedFromItsPort) {
  EXPECT_EQ(SplitHostPort("shop.example:80")->host, "shop.example");
  EXPECT_EQ(SplitHostPort("shop.example:80")->port, "80");
  EXPECT_EQ(SplitHostPort("[::1]:http")->host, "::1");
  EXPECT_EQ(SplitHostPort("[::1]:http")->port, "http");
}

TEST(HostPortTest, AnAddressWithoutAPortIsRefused) {
  for (const char* text : {"", "shop.example", "shop.example:", "[::1]"}) {
    EXPECT_FALSE(SplitHostPort(text).ok()) << text;
  }
}

TEST(HostPortTest, AnIpv6AddressNeedsItsBrackets) { EXPECT_FALSE(SplitHostPort("::1:80").ok()); }

}  // namespace
}  // namespace singleflight::net
