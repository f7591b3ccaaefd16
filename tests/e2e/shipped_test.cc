// The configurations that come with the product.

#include <fstream>
#include <sstream>

#include "absl/strings/str_replace.h"
#include "tests/testing/certificates.h"
#include "tests/testing/proxy_fixture.h"
#include "tests/wire/fields.h"

namespace singleflight::testing {
namespace {

class ShippedTest : public ProxyTest {
 protected:
  static std::string Text(const std::string& name) {
    std::ifstream file(std::string(SINGLEFLIGHT_CONFIG) + "/" + name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
};

TEST_F(ShippedTest, QuickstartCollapsesTheDemo) {
  proxy_ = std::make_unique<ProxyProcess>(
      std::string(SINGLEFLIGHT_CONFIG) + "/quickstart.yaml",
      std::vector<std::string>{"LISTEN=127.0.0.1:0", "HEALTH=127.0.0.1:0",
                               "DEMO_BACKEND=" + backend_.address()});
  backend_.Hold();
  PendingCall one = Start("/demo.v1.Catalog/GetItem", "id-7");
  PendingCall two = Start("/demo.v1.Catalog/GetItem", "id-7");
  WaitForWaiters(2);
  backend_.Release();
  EXPECT_THAT(one.Wait(), IsOkWith("reply to id-7"));
  EXPECT_THAT(two.Wait(), IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(ShippedTest, MinimalServes) {
  proxy_ = std::make_unique<ProxyProcess>(
      absl::StrReplaceAll(Text("minimal.yaml"),
                          {{"127.0.0.1:8080", "\"127.0.0.1:0\""},
                           {"127.0.0.1:50051", "\"" + backend_.address() + "\""}}) +
      "\nhealth: {address: \"127.0.0.1:0\"}\n");
  EXPECT_THAT(Ask("/shop.v1.Catalog/GetItem", "id-7"), IsOkWith("reply to id-7"));
  EXPECT_THAT(Ask("/shop.v1.Cart/Put", "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(Calls("leader"), 1);
  EXPECT_EQ(Calls("relay"), 1);
}

TEST_F(ShippedTest, ReferenceServes) {
  const TemporaryPath socket;
  const TemporaryPath admin;
  const TemporaryFile token("0123456789abcdef");
  Authority authority("test CA");
  const CertificateFiles own = authority.Sign("proxy.example");
  proxy_ = std::make_unique<ProxyProcess>(absl::StrReplaceAll(
      Text("reference.yaml"), {{"127.0.0.1:8080", "127.0.0.1:0"},
                               {"/run/singleflight/proxy.sock", socket.path()},
                               {"0.0.0.0:8443", "127.0.0.1:0"},
                               {"tls/server.pem", own.certificate},
                               {"tls/server.key", own.private_key},
                               {"tls/client.pem", own.certificate},
                               {"tls/client.key", own.private_key},
                               {"tls/clients.pem", authority.ca()},
                               {"tls/backends.pem", authority.ca()},
                               {"/etc/singleflight/token", token.path()},
                               {"tls/admin.pem", own.certificate},
                               {"tls/admin.key", own.private_key},
                               {"tls/operators.pem", authority.ca()},
                               {"tls/collectors.pem", authority.ca()},
                               {"/run/singleflight/admin.sock", admin.path()},
                               {"127.0.0.1:9901", "127.0.0.1:0"},
                               {"127.0.0.1:4317", "127.0.0.1:1"},
                               {"dns:///catalog.example:50051", backend_.address()},
                               {"shop.binpb", SINGLEFLIGHT_TEST_SETS "/shop.binpb"},
                               {"0.0.0.0:9900", "127.0.0.1:0"}}));
  Client shopper("unix:" + socket.path(), "eu.shop.example");
  const std::string asked = wire::Number(7, 1) + wire::Text(3, wire::Text(2, "blue"));
  EXPECT_THAT(shopper.Ask("/shop.v1.Catalog/GetItem", asked), IsOkWith("reply to " + asked));
  EXPECT_EQ(Calls("leader"), 1);
}

}  // namespace
}  // namespace singleflight::testing
