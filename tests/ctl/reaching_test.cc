// What is told, and how it ends, when the proxy cannot be reached or says no.

#include <grpcpp/security/server_credentials.h>

#include "tests/ctl/ctl_fixture.h"
#include "tests/testing/certificates.h"
#include "tests/testing/proxy_process.h"

namespace singleflight::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TemporaryPath;

using ReachingTest = CtlTest;

TEST_F(ReachingTest, NothingThatListensEndsWith3AndNamesTheCure) {
  const TemporaryPath socket;
  for (const std::string& address : {"unix:" + socket.path(), std::string("127.0.0.1:1")}) {
    const Ran ran = Ctl({"info", "--address", address});
    EXPECT_EQ(ran.status, 3);
    EXPECT_THAT(ran.err, AllOf(HasSubstr("nothing listens at " + address),
                               HasSubstr("is `admin.grpc` in its configuration?")));
  }
}

TEST_F(ReachingTest, AProxyThatDoesNotAnswerEndsWith3) {
  admin_.hang = true;
  const Ran ran = Ctl({"info", "--timeout", "50ms"});
  EXPECT_EQ(ran.status, 3);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("within 50ms"), HasSubstr("--timeout")));
}

TEST_F(ReachingTest, AUnixSocketIsAnAddress) {
  const TemporaryPath socket;
  FakeAdmin admin("unix:" + socket.path(), nullptr);
  admin.answer = "version: '1.2.3'";
  EXPECT_THAT(Ctl({"info", "--address", "unix:" + socket.path()}).out, HasSubstr("1.2.3"));
}

TEST_F(ReachingTest, NoRightEndsWith4) {
  admin_.status = {grpc::StatusCode::UNAUTHENTICATED, "no token"};
  EXPECT_EQ(Ctl({"reload"}).status, 4);
  EXPECT_THAT(Ctl({"reload"}).err, AllOf(HasSubstr("no token"), HasSubstr("--token-file")));
  admin_.status = {grpc::StatusCode::PERMISSION_DENIED, "not from there"};
  EXPECT_EQ(Ctl({"reload"}).status, 4);
}

TEST_F(ReachingTest, ARefusalEndsWith1AndIsToldAsItCame) {
  admin_.status = {grpc::StatusCode::FAILED_PRECONDITION, "proxy.yaml:3:1: no such option"};
  const Ran ran = Ctl({"reload"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.err, "singleflightctl: proxy.yaml:3:1: no such option\n");
  EXPECT_EQ(ran.out, "");
}

TEST_F(ReachingTest, WhatKnowsNoAdminServiceIsToldFromAProxyThatRefuses) {
  admin_.status = {grpc::StatusCode::UNIMPLEMENTED, ""};
  const Ran ran = Ctl({"info"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("is it a listener for calls"));
}

// A proxy that wants a certificate of its CA.
class OverTlsTest : public CtlTest {
 protected:
  OverTlsTest() : files_(authority_.Sign("127.0.0.1")), admin_("127.0.0.1:0", Credentials()) {
    admin_.answer = "version: '1.2.3'";
  }

  std::shared_ptr<grpc::ServerCredentials> Credentials() const {
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = testing::ReadAll(authority_.ca());
    options.pem_key_cert_pairs.push_back(
        {testing::ReadAll(files_.private_key), testing::ReadAll(files_.certificate)});
    return grpc::SslServerCredentials(options);
  }

  testing::Authority authority_{"admin"};
  testing::CertificateFiles files_;
  FakeAdmin admin_;
};

TEST_F(OverTlsTest, ACertificateIsShown) {
  const Ran ran = Ctl({"info", "--address", admin_.address(), "--ca", authority_.ca(),
                       "--certificate", files_.certificate, "--private-key", files_.private_key});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("1.2.3"));
}

TEST_F(OverTlsTest, ACertificateOfAnotherAuthorityEndsWith3) {
  const testing::Authority other("other");
  const Ran ran = Ctl({"info", "--address", admin_.address(), "--ca", other.ca()});
  EXPECT_EQ(ran.status, 3);
  EXPECT_THAT(ran.err, HasSubstr("no TLS with " + admin_.address()));
}

TEST_F(OverTlsTest, SpokenToInTheClearItIsToldHow) {
  const Ran ran = Ctl({"info", "--address", admin_.address()});
  EXPECT_EQ(ran.status, 3);
  EXPECT_THAT(ran.err, HasSubstr("if it wants TLS there, give --ca"));
}

}  // namespace
}  // namespace singleflight::ctl
