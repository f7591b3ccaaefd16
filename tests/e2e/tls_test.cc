// TLS on both sides of the real binary, with gRPC's own clients and backends.

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

class TlsTest : public ProxyTest {
 protected:
  // Listener 0: TLS. 1: TLS with a client certificate. 2: plaintext.
  Scenario ThreeDoors() const {
    Scenario scenario;
    const std::string own =
        absl::StrCat("certificate: ", own_.certificate, ", private_key: ", own_.private_key);
    scenario.listeners = absl::StrCat(
        "[{address: \"127.0.0.1:0\", tls: {", own, "}}, ", "{address: \"127.0.0.1:0\", tls: {", own,
        ", client_ca: ", authority_.ca(), "}}, {address: \"127.0.0.1:0\"}]");
    return scenario;
  }
  Client Anyone(size_t door) { return Client(proxy_->address(door), Trusting()); }
  Client WithCertificate(size_t door) {
    PeerTls tls = Trusting();
    tls.certificate = caller_.certificate;
    tls.private_key = caller_.private_key;
    return Client(proxy_->address(door), tls);
  }
  PeerTls Trusting() const { return {authority_.ca(), "", "", "proxy.example"}; }
  int64_t Handshakes(const std::string& result) {
    return Metric("singleflight_tls_handshakes_total{result=\"" + result + "\"}");
  }
  void WaitForHandshakes(const std::string& result, int n) {
    proxy_->WaitForMetric("singleflight_tls_handshakes_total{result=\"" + result + "\"}", Ge(n));
  }

  Authority authority_{"test CA"};
  const CertificateFiles own_ = authority_.Sign("proxy.example");
  const CertificateFiles caller_ = authority_.Sign("client.example");
};

TEST_F(TlsTest, CallersWithAndWithoutTlsAreServedSideBySide) {
  Serve(ThreeDoors());
  EXPECT_THAT(Anyone(0).Ask(kWrite, "a"), IsOkWith("reply to a"));
  EXPECT_THAT(WithCertificate(1).Ask(kWrite, "b"), IsOkWith("reply to b"));
  EXPECT_THAT(Client(proxy_->address(2)).Ask(kWrite, "c"), IsOkWith("reply to c"));
  EXPECT_GE(Handshakes("full"), 2);
}

TEST_F(TlsTest, ALargeMessageCrossesBothWays) {
  Serve(ThreeDoors());
  const std::string large(3 << 20, 'x');
  backend_.AnswerWith([](const SeenCall& call) { return Ok(call.messages[0]); });
  EXPECT_THAT(Anyone(0).Ask(kWrite, large), IsOkWith(large));
  EXPECT_THAT(Anyone(0).Ask(kRead, large), IsOkWith(large));
}

TEST_F(TlsTest, TwoTlsClientsShareOneCall) {
  backend_.Hold();
  Serve(ThreeDoors());
  Client one = Anyone(0), two = Anyone(0);
  PendingCall first = one.Start(kRead, "id-7"), second = two.Start(kRead, "id-7");
  WaitForWaiters(2);
  backend_.Release();
  EXPECT_THAT(first.Wait(), IsOkWith("reply to id-7"));
  EXPECT_THAT(second.Wait(), IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.calls(), 1);
}

// PITFALLS 17
TEST_F(TlsTest, CallersThatAreTrustedDifferentlyShareNothing) {
  backend_.Hold();
  Scenario scenario = ThreeDoors();
  scenario.cache = "{ttl: 1h}";
  Serve(scenario);
  Client known = WithCertificate(1), anyone = Anyone(0), plain(proxy_->address(2));
  PendingCall calls[] = {known.Start(kRead, "id-7"), anyone.Start(kRead, "id-7"),
                         plain.Start(kRead, "id-7")};
  backend_.WaitForHeld(3);
  backend_.Release();
  for (PendingCall& call : calls) EXPECT_THAT(call.Wait(), IsOkWith("reply to id-7"));
  EXPECT_THAT(WithCertificate(1).Ask(kRead, "id-7"), IsOkWith("reply to id-7"));  // kept for these
  EXPECT_EQ(backend_.calls(), 3);
}

TEST_F(TlsTest, AClientWithoutACertificateIsKeptOutWhereOneIsWanted) {
  Serve(ThreeDoors());
  EXPECT_THAT(Anyone(1).Ask(kWrite, "a"), HasCode(absl::StatusCode::kUnavailable));
  WaitForHandshakes("failed", 1);
  EXPECT_EQ(backend_.calls(), 0);
}

TEST_F(TlsTest, APlaintextClientOnATlsPortIsClosedAndCounted) {
  Scenario scenario = ThreeDoors();
  scenario.top = "log: {level: debug}";
  Serve(scenario);
  SendRaw(proxy_->address(0), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  WaitForHandshakes("failed", 1);
  proxy_->WaitForMetric("singleflight_connections", Eq(0));
  proxy_->WaitForLog(HasSubstr("TLS: the peer does not speak it"));
}

TEST_F(TlsTest, UpstreamIsSpokenToWithTls) {
  Backend secure("localhost:0", PeerTls{"", own_.certificate, own_.private_key});
  Scenario scenario;
  scenario.target = absl::StrCat("target: \"", secure.address(), "\"");
  scenario.upstream = absl::StrCat("tls: {ca: ", authority_.ca(), ", server_name: proxy.example}");
  Serve(scenario);
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(Metric("singleflight_upstream_tls_handshakes_total{result=\"full\"}"), 1);
}

TEST_F(TlsTest, ABackendThatWantsACertificateGetsTheProxys) {
  Backend secure("127.0.0.1:0", PeerTls{authority_.ca(), own_.certificate, own_.private_key});
  Scenario scenario;
  scenario.target = absl::StrCat("target: \"", secure.address(), "\"");
  scenario.upstream = absl::StrCat("tls: {ca: ", authority_.ca(), ", server_name: proxy.example, ",
                                   "certificate: ", caller_.certificate,
                                   ", private_key: ", caller_.private_key, "}");
  Serve(scenario);
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

// The name is the target's host where the options say none.
TEST_F(TlsTest, ABackendOfAnotherNameIsRefusedAndTheCallerIsToldWhy) {
  Backend secure("127.0.0.1:0", PeerTls{"", own_.certificate, own_.private_key});
  Scenario scenario;
  scenario.target = absl::StrCat("target: \"", secure.address(), "\"");
  scenario.upstream = absl::StrCat("tls: {ca: ", authority_.ca(), "}");
  Serve(scenario);
  EXPECT_THAT(Ask(kRead, "id-7"),
              FailedWith(absl::StatusCode::kUnavailable,
                         AllOf(HasSubstr("upstream 'backend'"),
                               HasSubstr("TLS: the peer's certificate is for another name"))));
}

TEST_F(TlsTest, AnUpstreamWithoutTlsIsToldApart) {
  const SystemAuthorities system(authority_.ca());
  Scenario scenario;
  scenario.upstream = "tls: true";
  Serve(scenario);
  EXPECT_THAT(Ask(kRead, "id-7"),
              FailedWith(absl::StatusCode::kUnavailable, HasSubstr("does not speak it")));
}

TEST_F(TlsTest, ItIsShownWhenACertificateEnds) {
  Serve(ThreeDoors());
  EXPECT_GT(
      Metric("singleflight_certificate_expires_at_seconds{file=\"" + own_.certificate + "\"}"),
      1'700'000'000);
}

TEST_F(TlsTest, ForeignClientsAreServed) {
  Serve(ThreeDoors());
  const std::string at = proxy_->address(0);
  ChildProcess curl({"/usr/bin/env", "curl", "-sS", "--http2", "--cacert", authority_.ca(),
                     "--connect-to", "::" + at, "-o", "/dev/null", "-w",
                     "%{http_version} %{http_code}", "-X", "GET", "https://proxy.example/a/b"});
  EXPECT_EQ(curl.WaitExit(), 0) << curl.err();
  EXPECT_EQ(curl.out(), "2 405");  // gRPC is POST
  ChildProcess old({"/usr/bin/env", "curl", "-sS", "--http1.1", "--cacert", authority_.ca(),
                    "--connect-to", "::" + at, "https://proxy.example/a/b"});
  EXPECT_NE(old.WaitExit(), 0);  // no_application_protocol
}

TEST_F(TlsTest, ASessionIsTakenUpAgain) {
  Serve(ThreeDoors());
  const std::string ticket = authority_.folder() + "/ticket";
  // In TLS 1.2 the ticket comes with the handshake, so that nothing is to be waited for.
  const auto connect = [&](const std::string& how) {
    ChildProcess peer({"/bin/sh", "-c",
                       absl::StrCat("openssl s_client -tls1_2 -alpn h2 -connect ",
                                    proxy_->address(0), " ", how, " ", ticket, " </dev/null")});
    EXPECT_EQ(peer.WaitExit(), 0) << peer.err();
  };
  connect("-sess_out");
  WaitForHandshakes("full", 1);
  connect("-sess_in");
  WaitForHandshakes("resumed", 1);
}

}  // namespace
}  // namespace singleflight::testing
