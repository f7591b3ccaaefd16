// Several listeners beside each other.

#include <csignal>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

class ListenersTest : public ProxyTest {
 protected:
  static constexpr char kIpv4[] = "0.0.0.0";
  static constexpr char kIpv6[] = "[::]";

  // On the port of the first listener.
  std::string On(const std::string& host) const {
    return host + proxy_->address().substr(proxy_->address().rfind(':'));
  }
  Scenario At(const std::vector<std::string>& hosts) const {
    std::string listeners;
    for (const std::string& host : hosts) {
      absl::StrAppend(&listeners, listeners.empty() ? "" : ", ", "{address: \"", On(host), "\"}");
    }
    return {.listeners = absl::StrCat("[", listeners, "]")};
  }
  // On a connection of its own.
  Answer AskAt(const std::string& host) {
    Client client(On(host));
    return client.Ask(kWrite, "id-7");
  }
};

TEST_F(ListenersTest, EachFamilyHasAListenerOfItsOwnOnOnePort) {
  Serve({.listeners = "[{address: \"0.0.0.0:0\"}]"});
  EXPECT_THAT(AskAt("[::1]"), HasCode(absl::StatusCode::kUnavailable));
  Reload(At({kIpv4, kIpv6}));
  EXPECT_THAT(AskAt("127.0.0.1"), IsOkWith("reply to id-7"));
  EXPECT_THAT(AskAt("[::1]"), IsOkWith("reply to id-7"));
  Reload(At({kIpv6, kIpv4}));
  EXPECT_THAT(AskAt("127.0.0.1"), IsOkWith("reply to id-7"));
  EXPECT_THAT(AskAt("[::1]"), IsOkWith("reply to id-7"));
}

TEST_F(ListenersTest, OneFamilyGoesAndComesBackWhileTheOtherServes) {
  Serve({.listeners = "[{address: \"0.0.0.0:0\"}]"});
  Reload(At({kIpv4, kIpv6}));
  Client stays(On("127.0.0.1"));
  EXPECT_THAT(stays.Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  Reload(At({kIpv4}));
  EXPECT_THAT(AskAt("[::1]"), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(stays.Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  Reload(At({kIpv4, kIpv6}));
  EXPECT_THAT(AskAt("[::1]"), IsOkWith("reply to id-7"));
  EXPECT_THAT(stays.Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(ListenersTest, TheyBeginTogetherAfterARestart) {
  Serve({.listeners = "[{address: \"0.0.0.0:0\"}]"});
  const Scenario both = At({kIpv4, kIpv6});
  const std::string yaml = Yaml(both);
  proxy_->Signal(SIGTERM);
  ASSERT_EQ(proxy_->WaitExit(), 0);
  proxy_ = std::make_unique<ProxyProcess>(yaml);
  EXPECT_EQ(proxy_->address(0), On(kIpv4));
  EXPECT_EQ(proxy_->address(1), On(kIpv6));
  EXPECT_THAT(AskAt("127.0.0.1"), IsOkWith("reply to id-7"));
  EXPECT_THAT(AskAt("[::1]"), IsOkWith("reply to id-7"));
}

}  // namespace
}  // namespace singleflight::testing
