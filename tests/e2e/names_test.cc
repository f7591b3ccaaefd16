// Names of upstreams, and name servers that say nothing, or the wrong thing.

#include <csignal>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::HasSubstr;

constexpr char kOther[] = "/test.Other/Get";

// Two upstreams, whose names are "backend.test" and "other.test".
class NamesTest : public ProxyTest {
 protected:
  void ServeWith(const std::string& names) {
    names_.Replace(names);
    config_.Replace(YamlWithOtherAt(PortOf(backend_.address())));
    proxy_ = std::make_unique<ProxyProcess>(
        config_.path(),
        std::vector<std::string>{"LD_PRELOAD=" FAKE_NAMES_LIBRARY, "FAKE_NAMES=" + names_.path(),
                                 "ASAN_OPTIONS=verify_asan_link_order=0"});
  }

  std::string YamlWithOtherAt(const std::string& port) const {
    return absl::StrCat(
        "listeners: [{address: \"127.0.0.1:0\"}]\nhealth: {address: \"127.0.0.1:0\"}\n",
        "upstreams:\n  - {name: other, target: \"other.test:", port,
        "\"}\n  - {name: backend, target: \"backend.test:", PortOf(backend_.address()),
        "\"}\nroutes:\n  - {match: {method: ", kOther,
        "}, upstream: other}\n  - {match: {method: /*}, upstream: backend}\n");
  }

  static std::string PortOf(const std::string& address) {
    return address.substr(address.rfind(':') + 1);
  }

  int64_t LookUps(const std::string& upstream, const std::string& result) {
    return Metric(absl::StrCat("singleflight_upstream_look_ups_total{upstream=\"", upstream,
                               "\",result=\"", result, "\"}"));
  }

  TemporaryFile names_{""};
  TemporaryFile config_{""};
};

// PITFALLS 51
TEST_F(NamesTest, ASilentNameServerHoldsUpNoOtherUpstream) {
  ServeWith("other.test silent\nbackend.test 127.0.0.1\n");
  PendingCall waits = Start(kOther, "id-7");
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_FALSE(waits.done());
  EXPECT_THAT(waits.Wait(), FailedWith(absl::StatusCode::kUnavailable,
                                       AllOf(HasSubstr("'other'"), HasSubstr("'other.test'"),
                                             HasSubstr("no answer within 5s"))));
  EXPECT_EQ(LookUps("other", "silent"), 1);
  EXPECT_EQ(LookUps("backend", "found"), 1);
}

// PITFALLS 51
TEST_F(NamesTest, TheEndAndReloadsWaitForNoNameServer) {
  ServeWith("other.test silent\nbackend.test silent\n");
  proxy_->Signal(SIGHUP);
  proxy_->WaitForMetric("singleflight_config_reloads_total{result=\"applied\"}", Eq(1));
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

TEST_F(NamesTest, AnAddressThatIsThisProxyItselfIsLeftOutAndSaid) {
  ServeWith("other.test 127.0.0.1\nbackend.test 127.0.0.1\n");
  EXPECT_THAT(Ask(kOther, "id-7"), IsOkWith("reply to id-7"));
  config_.Replace(YamlWithOtherAt(PortOf(proxy_->address())));
  proxy_->Signal(SIGHUP);
  proxy_->WaitForMetric("singleflight_upstream_own_endpoints{upstream=\"other\"}", Eq(1));
  EXPECT_THAT(Ask(kOther, "id-7"),
              FailedWith(absl::StatusCode::kUnavailable,
                         HasSubstr("this proxy itself listens on " + proxy_->address())));
  proxy_->WaitForLog(HasSubstr("'other': " + proxy_->address() + " is left out"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

}  // namespace
}  // namespace singleflight::testing
