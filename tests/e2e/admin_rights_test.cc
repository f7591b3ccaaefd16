// Who may ask and who may order: by the token, and by where the address is.

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "tests/e2e/admin_fixture.h"
#include "tests/testing/certificates.h"
#include "tests/testing/http_get.h"
#include "tests/testing/https_get.h"

namespace singleflight::testing {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;

constexpr auto kUnauthenticated = grpc::StatusCode::UNAUTHENTICATED;

class AdminRightsTest : public AdminTest {
 protected:
  struct Order {
    std::string name;
    std::function<grpc::Status(const std::string& token)> give;
  };

  // Each would do something.
  std::vector<Order> Orders() {
    v1::PurgeRequest purge;
    purge.set_all(true);
    v1::DrainRequest drain;
    drain.set_process(true);
    v1::ShareAgainRequest share;
    share.set_route("/test.Reads/*");
    v1::SetLogLevelRequest level;
    level.set_level("debug");
    return {{"Purge", Giving<v1::PurgeResponse>(&Admin::Purge, purge)},
            {"Reload", Giving<v1::ReloadResponse>(&Admin::Reload, v1::ReloadRequest())},
            {"Drain", Giving<v1::DrainResponse>(&Admin::Drain, drain)},
            {"ShareAgain", Giving<v1::ShareAgainResponse>(&Admin::ShareAgain, share)},
            {"SetLogLevel", Giving<v1::SetLogLevelResponse>(&Admin::SetLogLevel, level)}};
  }

  template <typename Reply, typename Method, typename Request>
  std::function<grpc::Status(const std::string&)> Giving(Method method, const Request& request) {
    return [this, method, request](const std::string& token) {
      Reply reply;
      return Call(method, request, &reply, token);
    };
  }

  // Every order is refused by its name, counted under `reason`, and has done nothing.
  void ExpectRefused(const std::string& token, const std::string& reason) {
    Ask(kRead, "kept");
    int64_t count = Refused(reason);
    for (const Order& order : Orders()) {
      const grpc::Status status = order.give(token);
      EXPECT_THAT(status, HasStatus(kUnauthenticated)) << order.name;
      EXPECT_THAT(status.error_message(), HasSubstr(order.name));
      EXPECT_EQ(Refused(reason), ++count) << order.name;
    }
    EXPECT_EQ(Get(&Admin::GetStats).cache().entries(), 1);
    EXPECT_EQ(Metric("singleflight_config_reloads_total"), 0);
    EXPECT_FALSE(Info().draining());
    EXPECT_EQ(Info().log_level(), "info");
  }

  static constexpr char kWithoutToken[] = "grpc: \"127.0.0.1:0\"";
  const Scenario kept_{.cache = "{ttl: 1h}"};
};

TEST_F(AdminRightsTest, WithoutATokenNothingChanges) {
  ServeAdmin(kept_);
  ExpectRefused("", "no_token");
}

TEST_F(AdminRightsTest, WithAnotherTokenNothingChanges) {
  ServeAdmin(kept_);
  ExpectRefused("a-token-of-this-tesu", "wrong_token");
  ExpectRefused("a-token-of-this-test-and-more", "wrong_token");
}

TEST_F(AdminRightsTest, WithoutATokenFileNobodyChangesAnything) {
  ServeAdmin(kept_, kWithoutToken);
  ExpectRefused(kToken, "no_token_file");
}

TEST_F(AdminRightsTest, ATokenFileThatIsNoneAnyMoreLetsNobodyIn) {
  ServeAdmin({.cache = "{ttl: 1h}", .top = "reload: {check_every: 0s}"});
  token_file_.Replace("short");
  ExpectRefused("short", "token_unreadable");
  proxy_->WaitForLog(HasSubstr("holds no token"));
}

TEST_F(AdminRightsTest, ANewTokenHoldsFromItsFirstSecond) {
  ServeAdmin();
  token_file_.Replace("another-token-of-this-test");
  v1::PurgeRequest request;
  request.set_all(true);
  v1::PurgeResponse response;
  EXPECT_THAT(Call(&Admin::Purge, request, &response, kToken), HasStatus(kUnauthenticated));
  EXPECT_TRUE(Call(&Admin::Purge, request, &response, "another-token-of-this-test").ok());
}

TEST_F(AdminRightsTest, NoTokenIsInTheLog) {
  ServeAdmin();
  v1::ReloadResponse response;
  Call(&Admin::Reload, {}, &response, "an-attempt-of-a-stranger");
  proxy_->WaitForLog(
      HasSubstr("Reload came with a token that is not the one in admin.token_file "
                "(127.0.0.1:"));
  EXPECT_THAT(proxy_->err(), ::testing::Not(HasSubstr("an-attempt-of-a-stranger")));
  EXPECT_THAT(proxy_->err(), ::testing::Not(HasSubstr(kToken)));
}

TEST_F(AdminRightsTest, ATokenFileThatOthersMayReadIsWarnedOf) {
  ASSERT_EQ(::chmod(token_file_.path().c_str(), 0644), 0);
  ServeAdmin();
  proxy_->WaitForLog(HasSubstr("can be read or written by others (mode 0644)"));
}

TEST_F(AdminRightsTest, AUnixSocketIsServed) {
  const TemporaryPath path;
  ServeAdmin({}, absl::StrCat("grpc: \"unix:", path.path(), "\""));
  EXPECT_EQ(Info().pid(), proxy_->pid());
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 0);
  struct stat about = {};
  EXPECT_NE(::lstat(path.path().c_str(), &about), 0);
}

TEST_F(AdminRightsTest, WhatListensThereKeepsItsPort) {
  ServeAdmin();
  try {
    ProxyProcess second(absl::StrCat(Yaml({}), "admin: {grpc: \"", proxy_->admin(), "\"}\n"));
    ADD_FAILURE() << "both have " << proxy_->admin();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("admin.grpc: cannot bind"));
  }
}

class AdminTlsTest : public AdminTest {
 protected:
  // Of one authority for all.
  void ServeTls() {
    const CertificateFiles own = authority_.Sign("127.0.0.1");
    ServeAdmin({}, absl::StrCat("grpc: \"0.0.0.0:0\", tls: {certificate: ", own.certificate,
                                ", private_key: ", own.private_key,
                                ", client_ca: ", authority_.ca(), "}"));
  }

  grpc::StatusCode AskWith(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    const std::string port = proxy_->admin().substr(proxy_->admin().rfind(':'));
    admin_ = v1::Admin::NewStub(grpc::CreateChannel("127.0.0.1" + port, credentials));
    v1::Info info;
    return Call(&Admin::GetInfo, {}, &info).error_code();
  }

  Authority authority_{"operators"};
};

TEST_F(AdminTlsTest, FromElsewhereOnlyThoseWithACertificateComeIn) {
  ServeTls();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = ReadAll(authority_.ca());
  EXPECT_EQ(AskWith(grpc::SslCredentials(options)), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(AskWith(grpc::InsecureChannelCredentials()), grpc::StatusCode::UNAVAILABLE);
  Authority strangers("strangers");
  const CertificateFiles stranger = strangers.Sign("someone");
  options.pem_cert_chain = ReadAll(stranger.certificate);
  options.pem_private_key = ReadAll(stranger.private_key);
  EXPECT_EQ(AskWith(grpc::SslCredentials(options)), grpc::StatusCode::UNAVAILABLE);
  const CertificateFiles operators = authority_.Sign("someone");
  options.pem_cert_chain = ReadAll(operators.certificate);
  options.pem_private_key = ReadAll(operators.private_key);
  EXPECT_EQ(AskWith(grpc::SslCredentials(options)), grpc::StatusCode::OK);
}

class DashboardTlsTest : public AdminTest {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    const CertificateFiles own = authority_.Sign("127.0.0.1");
    ServeAdmin(
        {.top = "log: {level: debug}"},
        absl::StrCat("grpc: \"127.0.0.1:0\", http: \"0.0.0.0:0\", token_file: ", token_file_.path(),
                     ", tls: {certificate: ", own.certificate, ", private_key: ", own.private_key,
                     ", client_ca: ", authority_.ca(), "}"));
    const std::string& bound = proxy_->dashboard();
    address_ = "127.0.0.1" + bound.substr(bound.rfind(':'));
  }

  static std::string Request(const std::string& line, const std::string& fields = "") {
    return absl::StrCat(line, " HTTP/1.1\r\nHost: localhost\r\n", fields, "\r\n");
  }
  std::string Send(const CertificateFiles& own, const std::string& request) {
    return SendRawByTls(address_, request, own);
  }
  int64_t RefusedHandshakes() {
    return Metric("singleflight_admin_refused_total{door=\"http\",reason=\"tls\"}");
  }
  void ExpectPage(const std::string& reply) {
    EXPECT_THAT(reply, HasSubstr("HTTP/1.1 200 OK"));
    EXPECT_THAT(reply, HasSubstr("</html>"));
  }

  Authority authority_{"operators"};
  std::string address_;
};

TEST_F(DashboardTlsTest, FromElsewhereOnlyThoseWithACertificateSeeIt) {
  EXPECT_EQ(Send({}, Request("GET /")), "") << "without a certificate";
  Authority strangers("strangers");
  EXPECT_EQ(Send(strangers.Sign("someone"), Request("GET /")), "") << "with another CA's";
  EXPECT_THAT(SendRaw(address_, Request("GET /")), ::testing::Not(HasSubstr("HTTP/1.1 200")));
  proxy_->WaitForMetric("singleflight_admin_refused_total{door=\"http\",reason=\"tls\"}", Eq(3));
  proxy_->WaitForLog(HasSubstr("the admin address was refused: tls: "));
  EXPECT_THAT(proxy_->err(), HasSubstr(" (127.0.0.1:"));
  ExpectPage(Send(authority_.Sign("someone"), Request("GET /")));
  EXPECT_EQ(RefusedHandshakes(), 3);
}

TEST_F(DashboardTlsTest, ACertificateIsNoTokenAndNoName) {
  const CertificateFiles own = authority_.Sign("someone");
  const std::string all = "Content-Length: 13\r\n";
  const auto purge = [&](const std::string& fields) {
    return Send(own, Request("POST /api/purge", all + fields) + "{\"all\": true}");
  };
  EXPECT_THAT(purge(""), HasSubstr("HTTP/1.1 401 "));
  EXPECT_THAT(purge("Origin: https://evil.example\r\n"), HasSubstr("HTTP/1.1 403 "));
  EXPECT_THAT(purge(absl::StrCat("Authorization: Bearer ", kToken, "\r\n")),
              HasSubstr("HTTP/1.1 200 "));
  EXPECT_THAT(Send(own, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
              HasSubstr("HTTP/1.1 421 "));
}

TEST_F(DashboardTlsTest, ConnectionsThatSayNothingKeepNobodyOut) {
  std::vector<int> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(ConnectTo(address_));
  ExpectPage(Send(authority_.Sign("someone"), Request("GET /")));
  EXPECT_GE(Metric("singleflight_admin_refused_total{door=\"http\",reason=\"connections\"}"), 36);
  for (const int fd : silent) ::close(fd);
}

}  // namespace
}  // namespace singleflight::testing
