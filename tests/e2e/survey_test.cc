// What the admin service tells of keys: why calls did not meet, with the cure, and which keys are
// asked for most.

#include <grpcpp/grpcpp.h>

#include "singleflight/admin/v1/admin.grpc.pb.h"
#include "tests/testing/proxy_fixture.h"
#include "tests/wire/fields.h"

namespace singleflight::testing {
namespace {

namespace v1 = admin::v1;

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kRoute[] = "/test.Reads/*";

class SurveyTest : public ProxyTest {
 protected:
  // A configuration that keeps replies, and its admin service on a socket of this test's.
  Scenario With(const std::string& key) const {
    return {
        .cache = "{ttl: 1h}", .key = key, .top = "admin: {grpc: \"unix:" + socket_.path() + "\"}"};
  }

  void AskFrom(const std::string& device, const std::string& message = "id-7") {
    EXPECT_THAT(Ask(kRead, message, {.metadata = {{"x-device-id", device}}}),
                IsOkWith("reply to " + message));
  }

  v1::ListSplitsResponse Splits() {
    return Told<v1::ListSplitsResponse>(&v1::Admin::Stub::ListSplits, v1::ListSplitsRequest());
  }
  v1::ListTopKeysResponse TopKeys(v1::ListTopKeysRequest::By by, uint32_t limit = 0) {
    v1::ListTopKeysRequest request;
    request.set_by(by);
    request.set_limit(limit);
    return Told<v1::ListTopKeysResponse>(&v1::Admin::Stub::ListTopKeys, request);
  }

 private:
  template <typename Response, typename Method, typename Request>
  Response Told(Method method, const Request& request) {
    const auto admin = v1::Admin::NewStub(
        grpc::CreateChannel("unix:" + socket_.path(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    Response response;
    const grpc::Status status = (*admin.*method)(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  const TemporaryPath socket_;
};

TEST_F(SurveyTest, WhoeverFindsTheHeaderAndTakesTheCureSharesReplies) {
  Serve(With("{}"));
  AskFrom("ann's");
  AskFrom("bob's");
  EXPECT_EQ(backend_.calls(), 2);
  const v1::ListSplitsResponse splits = Splits();
  ASSERT_THAT(splits.splits(), SizeIs(1));
  const v1::Split& split = splits.splits(0);
  EXPECT_EQ(split.route(), kRoute);
  EXPECT_EQ(split.kind(), v1::Split::KIND_METADATA);
  EXPECT_EQ(split.name(), "x-device-id");
  EXPECT_EQ(split.calls(), 1);
  EXPECT_EQ(split.cure(),
            "key: {metadata: {ignore: [x-device-id]}}  # if no reply depends on x-device-id");
  EXPECT_THAT(splits.DebugString(), Not(HasSubstr("'s")));

  Reload(With("{metadata: {ignore: [x-device-id]}}"));
  AskFrom("ann's");
  AskFrom("bob's");
  EXPECT_EQ(backend_.calls(), 3);
}

TEST_F(SurveyTest, WhoeverFindsTheFieldAndIgnoresItSharesReplies) {
  Serve(With("{}"));
  const auto ask_with_id = [this](const std::string& id) {
    return Ask(kRead, wire::Number(1, 7) + wire::Text(3, wire::Text(2, id) + wire::Number(9, 1)));
  };
  ask_with_id("ann's");
  ask_with_id("bob's");
  const v1::ListSplitsResponse splits = Splits();
  ASSERT_THAT(splits.splits(), SizeIs(1));
  EXPECT_EQ(splits.splits(0).kind(), v1::Split::KIND_FIELD);
  EXPECT_EQ(splits.splits(0).name(), "3.2");
  EXPECT_EQ(splits.splits(0).method(), kRead);
  EXPECT_THAT(splits.splits(0).cure(),
              StartsWith("# key: {message: {ignore: [\"3.2\"]}} would, if no reply depends on "));
  EXPECT_THAT(splits.DebugString(), Not(HasSubstr("'s\"")));
  EXPECT_EQ(Metric("singleflight_not_shared_total{kind=\"field\",name=\"\"}"), 1);

  Reload(With("{message: {ignore: [\"3.2\"]}}"));
  ask_with_id("ann's");
  ask_with_id("bob's");
  EXPECT_EQ(backend_.calls(), 3);
}

TEST_F(SurveyTest, CredentialsHaveAWarningInPlaceOfACure) {
  Serve(With("{}"));
  Ask(kRead, "id-7", {.metadata = {{"authorization", "ann's"}}});
  Ask(kRead, "id-7", {.metadata = {{"authorization", "bob's"}}});
  const v1::ListSplitsResponse splits = Splits();
  ASSERT_THAT(splits.splits(), SizeIs(1));
  EXPECT_EQ(splits.splits(0).kind(), v1::Split::KIND_CREDENTIAL);
  EXPECT_THAT(splits.splits(0).cure(), HasSubstr("who may see what"));
  EXPECT_THAT(splits.DebugString(), Not(HasSubstr("'s")));
}

TEST_F(SurveyTest, TopKeysComeInTheirOrder) {
  Serve(With("{}"));
  EXPECT_THAT(TopKeys(v1::ListTopKeysRequest::BY_UNSPECIFIED).keys(), IsEmpty());
  for (int i = 0; i < 9; ++i) AskFrom("1", "hot");
  for (int i = 0; i < 2; ++i) AskFrom("1", "warm and long and therefore dear");
  AskFrom("1", "cold");
  const v1::ListTopKeysResponse by_calls = TopKeys(v1::ListTopKeysRequest::BY_CALLS);
  ASSERT_THAT(by_calls.keys(), SizeIs(3));
  EXPECT_EQ(by_calls.keys(0).route(), kRoute);
  EXPECT_EQ(by_calls.keys(0).method(), kRead);
  EXPECT_EQ(by_calls.keys(0).count(), 9);
  EXPECT_EQ(by_calls.keys(0).error(), 0);
  EXPECT_THAT(by_calls.keys(0).key(), SizeIs(16));
  EXPECT_THAT(TopKeys(v1::ListTopKeysRequest::BY_CALLS, 1).keys(), SizeIs(1));

  const v1::ListTopKeysResponse by_bytes = TopKeys(v1::ListTopKeysRequest::BY_SAVED_BYTES);
  ASSERT_THAT(by_bytes.keys(), SizeIs(2));
  EXPECT_EQ(by_bytes.keys(0).key(), by_calls.keys(0).key());
  EXPECT_EQ(by_bytes.keys(0).count(), 8 * (5 + std::string("reply to hot").size()));
}

}  // namespace
}  // namespace singleflight::testing
