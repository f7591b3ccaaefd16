#include "server/admin/own_hosts.h"

#include <gtest/gtest.h>

namespace singleflight::admin {
namespace {

TEST(OwnHostsTest, TheLoopbackIsKnownByItsNamesAtAnyPort) {
  const OwnHosts hosts("127.0.0.1:9901", {});
  for (const char* host :
       {"localhost", "LOCALHOST:9901", "127.0.0.1:9901", "127.0.0.1:1234", "[::1]", "[::1]:9901"}) {
    EXPECT_TRUE(hosts.Have(host)) << host;
  }
}

TEST(OwnHostsTest, OtherNamesAreNotKnownWhereverTheyPoint) {
  const OwnHosts hosts("127.0.0.1:9901", {});
  for (const char* host :
       {"", "evil.example", "evil.example:9901", "localhost.evil.example",
        "127.0.0.1.evil.example:9901", "127.0.0.2", "[::1].evil.example", "localhost:80:80", ","}) {
    EXPECT_FALSE(hosts.Have(host)) << host;
  }
}

TEST(OwnHostsTest, NamesThatAreAllowedAreKnown) {
  const OwnHosts hosts("unix:/run/admin.sock", {"Proxy.example", "pod.example:443"});
  EXPECT_TRUE(hosts.Have("proxy.example"));
  EXPECT_TRUE(hosts.Have("proxy.EXAMPLE:8443"));
  EXPECT_TRUE(hosts.Have("pod.example:443"));
  EXPECT_FALSE(hosts.Have("pod.example"));
  EXPECT_FALSE(hosts.Have("pod.example:80"));
  EXPECT_FALSE(hosts.Have("other.example"));
}

TEST(OwnHostsTest, TheAddressThatItListensOnIsKnown) {
  EXPECT_TRUE(OwnHosts("127.0.0.7:9901", {}).Have("127.0.0.7:9901"));
}

TEST(OwnHostsTest, AnOriginIsOwnIfItIsTheHost) {
  EXPECT_TRUE(OwnHosts::IsOrigin("http://localhost:9901", "localhost:9901"));
  EXPECT_TRUE(OwnHosts::IsOrigin("https://proxy.example", "Proxy.example"));
  for (const char* origin : {"null", "http://localhost:1", "http://localhost", "localhost:9901",
                             "http://localhost:9901.evil.example", "http://evil.example", ","}) {
    EXPECT_FALSE(OwnHosts::IsOrigin(origin, "localhost:9901")) << origin;
  }
}

}  // namespace
}  // namespace singleflight::admin
