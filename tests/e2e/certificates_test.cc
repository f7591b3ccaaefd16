// Certificates that change while calls run.

#include <atomic>
#include <csignal>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/certificates.h"
#include "tests/testing/http_get.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Ne;

constexpr char kRefused[] = "singleflight_config_reloads_total{result=\"refused\"}";

// A TLS listener whose certificate is exchanged in place.
class CertificatesTest : public ProxyTest {
 protected:
  CertificatesTest() { Install(before_); }

  // What the next handshake shows, once it has been read.
  void Install(const CertificateFiles& files) {
    certificate_ = folder_.Write("server.pem", ReadAll(files.certificate));
    key_ = folder_.Write("server.key", ReadAll(files.private_key));
  }
  void InstallMismatch() {
    folder_.Write("server.pem", ReadAll(after_.certificate));
    folder_.Write("server.key", ReadAll(before_.private_key));
  }

  Scenario Secured(const std::string& more = "") const {
    Scenario scenario;
    scenario.listeners =
        absl::StrCat("[{address: \"127.0.0.1:0\", tls: {certificate: ", certificate_,
                     ", private_key: ", key_, more, "}}]");
    scenario.top = "reload: {check_every: 10ms}";
    return scenario;
  }
  std::string RequireClients() const { return absl::StrCat(", client_ca: ", old_ca_.ca()); }

  int64_t Ends() { return Metric("singleflight_certificate_expires_at_seconds"); }
  void WaitForOther(int64_t ends) {
    proxy_->WaitForMetric("singleflight_certificate_expires_at_seconds", Ne(ends));
  }

  Client Trusting(const Authority& ca) const {
    return Client(proxy_->address(), PeerTls{ca.ca(), "", "", "proxy.example"});
  }

  Authority folder_{"folder"};
  Authority old_ca_{"old CA"}, new_ca_{"new CA"};
  const CertificateFiles before_ = old_ca_.Sign("proxy.example", -1, 10);
  const CertificateFiles after_ = new_ca_.Sign("proxy.example", -1, 20);
  std::string certificate_, key_;
};

TEST_F(CertificatesTest, ARenewedOneIsShownToNewConnectionsAndTouchesNoOther) {
  Serve(Secured());
  Client early = Trusting(old_ca_);
  StreamCall call = early.Open("/test.Chat/Echo");
  std::string reply;
  ASSERT_TRUE(call.Write("before") && call.Read(&reply));
  const int64_t ends = Ends();
  Install(after_);
  WaitForOther(ends);
  EXPECT_THAT(Trusting(new_ca_).Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_THAT(Trusting(old_ca_).Ask(kRead, "id-7"), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(call.Write("after") && call.Read(&reply));
  EXPECT_EQ(reply, "after");
  EXPECT_TRUE(call.WritesDone());
  EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kOk));
  EXPECT_THAT(early.Ask(kRead, "id-8"), IsOkWith("reply to id-8")) << "on its old connection";
}

TEST_F(CertificatesTest, AWrongOneIsRefusedAndTheOldOneStaysUntilItIsMended) {
  Serve(Secured());
  const int64_t ends = Ends();
  InstallMismatch();
  proxy_->WaitForMetric(kRefused, Ge(1));
  EXPECT_THAT(HttpGet(proxy_->health(), "/status").body,
              AllOf(HasSubstr("listeners[0].tls"), HasSubstr("server.key")));
  EXPECT_THAT(Trusting(old_ca_).Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(Ends(), ends);
  Install(after_);
  WaitForOther(ends);
  EXPECT_THAT(Trusting(new_ca_).Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  proxy_->WaitForMetric("singleflight_config_refused", Eq(0));
}

TEST_F(CertificatesTest, OneThatHasEndedDoesNotTakeThePlaceOfOneThatHasNot) {
  Serve(Secured());
  Install(old_ca_.Sign("proxy.example", -10, -5));
  const int64_t before = Metric(kRefused);  // of the new one with the key of the old, perhaps
  proxy_->Signal(SIGHUP);
  proxy_->WaitForMetric(kRefused, Ge(before + 1));
  EXPECT_THAT(HttpGet(proxy_->health(), "/status").body,
              HasSubstr("tls.certificate has expired, and the one in use has not"));
  EXPECT_THAT(Trusting(old_ca_).Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  Install(after_);
  proxy_->WaitForMetric("singleflight_config_refused", Eq(0));
}

TEST_F(CertificatesTest, ABackendIsNotShownOneThatHasEndedInsteadOfOneThatHasNot) {
  Serve({.upstream = absl::StrCat("tls: {ca: ", old_ca_.ca(), ", certificate: ", certificate_,
                                  ", private_key: ", key_, "}")});
  Install(old_ca_.Sign("proxy.example", -10, -5));
  proxy_->Signal(SIGHUP);
  proxy_->WaitForMetric(kRefused, Ge(1));
  EXPECT_THAT(HttpGet(proxy_->health(), "/status").body,
              HasSubstr("upstream 'backend': tls.certificate has expired"));
}

TEST_F(CertificatesTest, OneThatHasEndedIsWellWhereThereIsNoOther) {
  Install(old_ca_.Sign("proxy.example", -10, -5));
  Serve(Secured());
  const int64_t ends = Ends();
  Install(old_ca_.Sign("proxy.example", -10, -4));
  WaitForOther(ends);
}

// PITFALLS 17: a client that came in under less trust does not stay.
TEST_F(CertificatesTest, WhereClientsMustShowOneNowThoseWhoAreInHaveToComeAgain) {
  Serve(Secured());
  Client anyone = Trusting(old_ca_);
  backend_.Hold();
  PendingCall call = anyone.Start(kRead, "id-7");
  backend_.WaitForHeld(1);
  Reload(Secured(RequireClients()));
  backend_.Release();
  EXPECT_THAT(call.Wait(), IsOkWith("reply to id-7"));
  proxy_->WaitForMetric("singleflight_connections", Eq(0));
  EXPECT_THAT(anyone.Ask(kRead, "id-7"), HasCode(absl::StatusCode::kUnavailable));
  const CertificateFiles own = old_ca_.Sign("client.example");
  Client known(proxy_->address(),
               PeerTls{old_ca_.ca(), own.certificate, own.private_key, "proxy.example"});
  EXPECT_THAT(known.Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(CertificatesTest, AListenerTurnsFromPlaintextToTlsOnItsPort) {
  Serve({.top = "reload: {check_every: 10ms}"});
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  Reload(Secured());
  proxy_->WaitForMetric("singleflight_connections", Eq(0));
  EXPECT_THAT(Trusting(old_ca_).Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_THAT(Ask(kRead, "id-7"), HasCode(absl::StatusCode::kUnavailable));
}

TEST_F(CertificatesTest, ABackendIsTrustedByTheNewCaFromTheNextConnectionOn) {
  const std::string trusted = folder_.Write("backends.pem", ReadAll(old_ca_.ca()));
  Backend secured("127.0.0.1:0", PeerTls{"", after_.certificate, after_.private_key});
  Serve({.upstream = absl::StrCat("tls: {ca: ", trusted, ", server_name: proxy.example}"),
         .target = absl::StrCat("target: \"", secured.address(), "\""),
         .top = "reload: {check_every: 10ms}"});
  EXPECT_THAT(Ask(kWrite, "id-7"), HasCode(absl::StatusCode::kUnavailable));
  folder_.Write("backends.pem", ReadAll(new_ca_.ca()));
  proxy_->WaitForMetric("singleflight_config_reloads_total{result=\"applied\"}", Eq(1));
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(CertificatesTest, TheSystemsCasChangeWithoutARestartAndWhatIsKeptStays) {
  const SystemAuthorities system(folder_.Write("system.pem", ReadAll(new_ca_.ca())));
  Backend secured("127.0.0.1:0", PeerTls{"", after_.certificate, after_.private_key});
  Serve({.cache = "{ttl: 1h}",
         .upstream = "tls: {server_name: proxy.example}",
         .target = absl::StrCat("target: \"", secured.address(), "\""),
         .top = "reload: {check_every: 10ms}"});
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  folder_.Write("system.pem", ReadAll(old_ca_.ca()));
  proxy_->WaitForMetric("singleflight_config_reloads_total{result=\"applied\"}", Eq(1));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(Calls("hit"), 1);
  EXPECT_THAT(Ask(kWrite, "id-7"), HasCode(absl::StatusCode::kUnavailable));
}

TEST_F(CertificatesTest, NoCallAndNoHandshakeFailsWhileCertificatesChange) {
  Serve(Secured());
  const CertificateFiles other = old_ca_.Sign("proxy.example", -1, 20);
  std::atomic<bool> over = false;
  std::atomic<int> failed = 0, served = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&, i] {
      while (!over) {
        Client caller = Trusting(old_ca_);  // shakes hands again
        for (int call = 0; call < 5; ++call) {
          const Answer answer = caller.Ask(i == 0 ? kRead : kWrite, absl::StrCat("id-", i));
          (answer.code == absl::StatusCode::kOk ? served : failed).fetch_add(1);
        }
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    const int64_t ends = Ends();
    Install(i % 2 == 0 ? other : before_);
    WaitForOther(ends);
    const int before = served;
    while (served < before + 20 && failed == 0) std::this_thread::yield();
  }
  over = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace singleflight::testing
