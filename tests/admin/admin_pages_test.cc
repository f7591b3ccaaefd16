// What the admin address answers over HTTP, and to whom.

#include "server/admin/admin_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "server/metrics/registry.h"
#include "tests/admin/fake_steering.h"

namespace singleflight::admin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr char kToken[] = "0123456789abcdef0123456789abcdef";

class AdminPagesTest : public ::testing::Test {
 protected:
  struct TokenFile {
    TokenFile() {
      ::close(::mkstemp(path));
      std::ofstream(path) << kToken << "\n";
    }
    ~TokenFile() { ::unlink(path); }
    char path[32] = "/tmp/admin_pages_test.XXXXXX";
  };

  static HttpRequest Request(const std::string& method, const std::string& path) {
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.host = "localhost:9901";
    return request;
  }
  static HttpRequest Order(const std::string& path, const std::string& body = "{}") {
    HttpRequest request = Request("POST", path);
    request.authorization = std::string("Bearer ") + kToken;
    request.body = body;
    return request;
  }

  HttpResponse Ask(const HttpRequest& request) { return pages_.Answer(request); }
  HttpResponse Get(const std::string& path) { return Ask(Request("GET", path)); }

  // Counted under that reason, and nothing was done.
  void ExpectRefused(const HttpRequest& request, unsigned status, const std::string& reason,
                     const std::string& says) {
    const HttpResponse response = Ask(request);
    EXPECT_EQ(response.status, status);
    EXPECT_THAT(response.body, HasSubstr(says));
    EXPECT_THAT(steering_.orders, IsEmpty());
    metrics::Registry registry;
    registry.Add([this](metrics::Visitor& visitor) { rights_.Show(visitor); });
    EXPECT_THAT(
        registry.Render(),
        HasSubstr("singleflight_admin_refused_total{door=\"http\",reason=\"" + reason + "\"} 1"));
  }

  const TokenFile token_;
  testing::FakeSteering steering_;
  Rights rights_{token_.path};
  AdminPages pages_{steering_,
                    rights_,
                    OwnHosts("127.0.0.1:9901", {}),
                    {[] { return std::string("serving\n"); }, [] { return std::string("a: b\n"); },
                     [] { return std::string("singleflight_waiters 0\n"); }}};
};

// --- what there is ---

TEST_F(AdminPagesTest, ThePageAndItsFilesAreThere) {
  EXPECT_THAT(Get("/").body, HasSubstr("<!doctype html>"));
  EXPECT_EQ(Get("/").content_type, "text/html; charset=utf-8");
  EXPECT_THAT(Get("/chart.min.js").body, HasSubstr("Chart.js v"));
  for (const char* file : {"/style.css", "/icon.svg", "/app.js", "/charts.js", "/figures.js",
                           "/panels.js", "/purge.js"}) {
    EXPECT_EQ(Get(file).status, 200U) << file;
  }
  for (const char* script : {"/app.js", "/purge.js", "/chart.min.js"}) {
    EXPECT_EQ(Get(script).content_type, "text/javascript; charset=utf-8") << script;
  }
}

TEST_F(AdminPagesTest, EveryAnswerForbidsWhatThePageDoesNotNeed) {
  for (const char* path : {"/", "/api/stats", "/nowhere", "/metrics"}) {
    const auto fields = Get(path).fields;
    EXPECT_THAT(fields,
                ::testing::Contains(Pair("Content-Security-Policy",
                                         HasSubstr("default-src 'none'; script-src 'self'"))));
    EXPECT_THAT(fields, ::testing::Contains(Pair("X-Content-Type-Options", "nosniff")));
    EXPECT_THAT(fields, Not(::testing::Contains(Pair(HasSubstr("Access-Control"), ::testing::_))));
    EXPECT_THAT(fields, Not(::testing::Contains(Pair("Set-Cookie", ::testing::_))));
  }
}

TEST_F(AdminPagesTest, QuestionsAreAnsweredInJson) {
  steering_.info.set_version("1.2.3");
  EXPECT_THAT(Get("/api/info").body, HasSubstr("\"version\":\"1.2.3\""));
  steering_.stats.add_routes()->set_hits(3);
  EXPECT_THAT(Get("/api/stats").body, HasSubstr("\"hits\":\"3\",\"followers\":\"0\""));
  EXPECT_EQ(Get("/api/why").content_type, "application/json");
}

TEST_F(AdminPagesTest, FieldsOfAQuestionStandInTheQuery) {
  HttpRequest request = Request("GET", "/api/top");
  request.query = "by=BY_SAVED_BYTES&limit=5&route=%2Fshop.Catalog%2FGet%2A";
  EXPECT_EQ(Ask(request).status, 200U);
  EXPECT_THAT(steering_.asked,
              ElementsAre("by: BY_SAVED_BYTES limit: 5 route: \"/shop.Catalog/Get*\""));
  request.query = "nonsense=1";
  EXPECT_EQ(Ask(request).status, 400U);
  request.query = "route=%zz";
  EXPECT_EQ(Ask(request).status, 400U);
}

TEST_F(AdminPagesTest, OrdersAreDoneForWhoKnowsTheToken) {
  const HttpResponse response = Ask(Order("/api/purge", R"({"method": "/shop.Catalog/Get"})"));
  EXPECT_EQ(response.status, 200U);
  EXPECT_THAT(response.body, HasSubstr("\"dropped\":\"7\""));
  Ask(Order("/api/log-level", R"({"level": "debug"})"));
  Ask(Order("/api/drain", R"({"process": true})"));
  Ask(Order("/api/share-again", R"({"route": "/shop.Catalog/Get*"})"));
  EXPECT_THAT(steering_.orders,
              ElementsAre("purge method: \"/shop.Catalog/Get\"", "level debug",
                          "drain process: true", "share again /shop.Catalog/Get*"));
}

TEST_F(AdminPagesTest, ErrorsSayWhatAndWhy) {
  const HttpResponse refused = Ask(Order("/api/reload"));
  EXPECT_EQ(refused.status, 409U);
  EXPECT_THAT(refused.body, HasSubstr("\"code\":\"FAILED_PRECONDITION\""));
  EXPECT_THAT(refused.body, HasSubstr("f.yaml:3:1: is wrong"));
  EXPECT_EQ(Get("/api/flights").status, 503U);
  EXPECT_EQ(Get("/nowhere").status, 404U);
  EXPECT_EQ(Ask(Order("/api/purge", "{")).status, 400U);
  EXPECT_EQ(Ask(Order("/api/stats")).status, 405U);
}

TEST_F(AdminPagesTest, TextsAreThere) {
  EXPECT_EQ(Get("/status").body, "serving\n");
  EXPECT_EQ(Get("/config").body, "a: b\n");
  EXPECT_EQ(Get("/metrics").body, "singleflight_waiters 0\n");
}

// --- who may ---

TEST_F(AdminPagesTest, AnOrderWithoutATokenIsRefused) {
  HttpRequest request = Order("/api/purge", R"({"all": true})");
  request.authorization = "";
  ExpectRefused(request, 401, "no_token", "admin.token_file");
}

TEST_F(AdminPagesTest, AnOrderWithAnotherTokenIsRefused) {
  HttpRequest request = Order("/api/purge", R"({"all": true})");
  request.authorization = "Bearer fedcba9876543210fedcba9876543210";
  ExpectRefused(request, 401, "wrong_token", "not the one in admin.token_file");
}

TEST_F(AdminPagesTest, APageFromElsewhereIsRefusedEvenWithTheToken) {
  HttpRequest request = Order("/api/purge", R"({"all": true})");
  request.origin = "http://evil.example";
  ExpectRefused(request, 403, "origin", "http://evil.example");
}

TEST_F(AdminPagesTest, ItsOwnPageMayOrder) {
  HttpRequest request = Order("/api/purge", R"({"all": true})");
  request.origin = "http://localhost:9901";
  EXPECT_EQ(Ask(request).status, 200U);
}

// DNS rebinding: the name of a page from elsewhere points here.
TEST_F(AdminPagesTest, AReboundHostIsRefusedForOrders) {
  HttpRequest request = Order("/api/purge", R"({"all": true})");
  request.host = "evil.example:9901";
  request.origin = "http://evil.example:9901";
  ExpectRefused(request, 421, "host", "admin.allowed_hosts");
}

TEST_F(AdminPagesTest, AReboundHostIsRefusedForQuestionsToo) {
  HttpRequest request = Request("GET", "/api/stats");
  request.host = "evil.example";
  ExpectRefused(request, 421, "host", "evil.example");
}

TEST_F(AdminPagesTest, AGetChangesNothing) {
  HttpRequest request = Order("/api/purge");
  request.method = "GET";
  ExpectRefused(request, 405, "method", "wants the method POST");
}

TEST_F(AdminPagesTest, ABodyThatIsTooLargeIsRefused) {
  HttpRequest request = Order("/api/purge");
  request.too_large = true;
  ExpectRefused(request, 413, "too_large", "16 KiB");
}

TEST_F(AdminPagesTest, WithoutATokenFileNobodyMayOrder) {
  Rights nobody("");
  AdminPages pages(steering_, nobody, OwnHosts("127.0.0.1:9901", {}), {});
  EXPECT_EQ(pages.Answer(Order("/api/purge")).status, 401U);
  EXPECT_THAT(steering_.orders, IsEmpty());
}

}  // namespace
}  // namespace singleflight::admin
