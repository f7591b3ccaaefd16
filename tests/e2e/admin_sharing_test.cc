// What operators see of `mode: shadow` and `verify`, and how a route comes to share again.

#include "tests/e2e/admin_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::HasSubstr;

class AdminSharingTest : public AdminTest {
 protected:
  void SetUp() override {
    backend_.AnswerWith([](const SeenCall& call) {
      std::string lang;
      for (const auto& [key, own] : call.metadata) lang += key == "x-lang" ? own : "";
      return Ok("kettle in " + lang);
    });
  }

  void ServeComparing(const std::string& option) {
    ServeAdmin({.cache = "{ttl: 1h}", .key = "{metadata: {ignore: [x-lang]}}", .route = option});
  }
  void AskAs(int n) {
    while (clients_.size() < 4) clients_.push_back(NewClient());
    clients_[static_cast<size_t>(n) % 4].Ask(kRead, "id-7",
                                             {.metadata = {{"x-lang", n % 2 == 0 ? "de" : "en"}}});
  }
  v1::Route Route() { return Get(&Admin::ListRoutes).routes(0); }

  grpc::Status ShareAgain(const std::string& route, v1::ShareAgainResponse* response,
                          const std::string& token = kToken) {
    v1::ShareAgainRequest request;
    request.set_route(route);
    return Call(&Admin::ShareAgain, request, response, token);
  }

  void TearDown() override {
    clients_.clear();
    AdminTest::TearDown();
  }

  std::vector<Client> clients_;
};

TEST_F(AdminSharingTest, ShadowTellsWhatItWouldSaveAndInWhatRepliesDiffer) {
  ServeComparing("mode: shadow");
  for (int n = 0; n < 10; ++n) AskAs(n);
  const v1::Route route = Route();
  EXPECT_TRUE(route.shadow());
  EXPECT_EQ(route.would_be_hits(), 9);
  EXPECT_EQ(route.compared(), 9);
  EXPECT_EQ(route.differed(), 5);
  EXPECT_THAT(route.difference(), HasSubstr("message"));
}

TEST_F(AdminSharingTest, ARouteThatVerifyHasStoppedSharesAgainWhenToldTo) {
  ServeComparing("verify: 0.1%");
  EXPECT_EQ(Route().sharing(), v1::Route::SHARING_ALL);
  for (int n = 0; n < 1000 && Route().sharing() != v1::Route::SHARING_STOPPED; ++n) AskAs(n);
  ASSERT_EQ(Route().sharing(), v1::Route::SHARING_STOPPED);
  EXPECT_THAT(Route().difference(), HasSubstr("the requests differ in x-lang"));
  EXPECT_EQ(Get(&Admin::ListEvents).events(0).kind(), "verify");

  v1::ShareAgainResponse response;
  EXPECT_THAT(ShareAgain("/test.Reads/*", &response, "wrong-token-of-enough"),
              HasStatus(grpc::StatusCode::UNAUTHENTICATED));
  EXPECT_TRUE(ShareAgain("/test.Reads/*", &response).ok());
  EXPECT_TRUE(response.was_stopped());
  EXPECT_EQ(Route().sharing(), v1::Route::SHARING_ALL);
}

TEST_F(AdminSharingTest, ShareAgainSaysWhyItCannot) {
  ServeComparing("verify: 0.1%");
  v1::ShareAgainResponse response;
  EXPECT_THAT(ShareAgain("/*", &response), HasStatus(grpc::StatusCode::FAILED_PRECONDITION));
  EXPECT_THAT(ShareAgain("/other", &response), HasStatus(grpc::StatusCode::NOT_FOUND));
}

}  // namespace
}  // namespace singleflight::testing
