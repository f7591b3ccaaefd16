// Keys that know the names of fields, before real servers with reflection and with descriptor sets
// that protoc has made.

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "singleflight/admin/v1/admin.grpc.pb.h"
#include "tests/e2e/shop.h"
#include "tests/testing/client.h"
#include "tests/testing/http_get.h"
#include "tests/testing/proxy_process.h"
#include "tests/testing/raw_peer.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;

std::string ShopSet() {
  std::ifstream file(std::string(SINGLEFLIGHT_TEST_SETS) + "/shop.binpb", std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The shop's set, in which request_id of GetRequest has another number.
std::string ShopSetWithNumber(int number) {
  google::protobuf::FileDescriptorSet set;
  set.ParseFromString(ShopSet());
  for (auto& file : *set.mutable_file()) {
    for (auto& message : *file.mutable_message_type()) {
      if (message.name() != "GetRequest") continue;
      message.mutable_field(0)->set_number(number);
    }
  }
  return set.SerializeAsString();
}

class SchemaTest : public ::testing::Test {
 protected:
  // A route of all methods with these options, before the shop.
  void Serve(const std::string& route, const std::string& schema = "{reflection: true}",
             const std::string& method = "/shop.v1.Catalog/*") {
    proxy_ = std::make_unique<ProxyProcess>(Yaml(route, schema, method));
    client_ = std::make_unique<Client>(proxy_->address());
  }
  std::string Yaml(const std::string& route, const std::string& schema,
                   const std::string& method = "/shop.v1.Catalog/*") {
    return absl::StrCat("listeners: [{address: \"127.0.0.1:0\"}]\nupstreams:\n  - name: shop\n",
                        "    target: \"", target_.empty() ? shop_.address() : target_,
                        "\"\n    schema: ", schema, "\nroutes:\n  - match: {method: ", method,
                        "}\n    upstream: shop\n    ", route,
                        "\nhealth: {address: \"127.0.0.1:0\"}\nadmin: {grpc: \"127.0.0.1:0\"}\n",
                        "reload: {check_every: 50ms}\n");
  }
  void AwaitRules(const std::string& state, int64_t count = 1) {
    proxy_->WaitForMetric("singleflight_message_rules{state=\"" + state + "\"}", Eq(count));
  }
  void AwaitSchema() { proxy_->WaitForMetric("singleflight_schema_methods", Ge(4)); }

  template <typename Request>
  void Ask(const Request& request, const char* method) {
    const Answer answer = client_->Ask(method, request.SerializeAsString());
    EXPECT_THAT(answer, HasCode(absl::StatusCode::kOk));
  }
  void Get(const std::string& id, const std::string& item = "kettle", const char* method = kGet) {
    shop::v1::GetRequest request;
    request.set_request_id(id);
    request.set_item(item);
    Ask(request, method);
  }
  void Put(const std::string& id) {
    shop::v1::PutRequest request;
    request.set_request_id(id);
    request.set_item("kettle");
    Ask(request, kPut);
  }
  int64_t Metric(const std::string& selector) { return proxy_->Metric(selector); }
  std::unique_ptr<admin::v1::Admin::Stub> Admin() {
    return admin::v1::Admin::NewStub(
        grpc::CreateChannel(proxy_->admin(), grpc::InsecureChannelCredentials()));
  }

  void TearDown() override {
    client_.reset();
    if (proxy_ == nullptr) return;
    proxy_->Signal(SIGTERM);
    EXPECT_EQ(proxy_->WaitExit(), 0) << proxy_->err();
  }

  static constexpr char kById[] = "cache: {ttl: 1h}\n    key: {message: {ignore: [request_id]}}";

  Shop shop_;
  std::string target_;
  std::unique_ptr<ProxyProcess> proxy_;
  std::unique_ptr<Client> client_;
};

TEST_F(SchemaTest, AFieldIsIgnoredByItsNameOnceTheBackendHasSaidItsNumber) {
  Serve(kById);
  AwaitRules("in_force");
  Get("a");
  Get("b");
  EXPECT_EQ(shop_.calls(), 1);
  Get("c", "teapot");
  EXPECT_EQ(shop_.calls(), 2);
}

TEST_F(SchemaTest, EachMethodHasItsOwnNumberForAName) {
  Serve(kById);
  AwaitRules("in_force");
  Put("a");
  Put("b");
  EXPECT_EQ(shop_.calls(), 1);
}

TEST_F(SchemaTest, ADescriptorSetIsInForceFromTheFirstCallOn) {
  const TemporaryFile set(ShopSet());
  Serve(kById, "{descriptor_set: " + set.path() + "}");
  Get("a");
  Get("b");
  EXPECT_EQ(shop_.calls(), 1);
}

TEST_F(SchemaTest, UntilThereIsASchemaNothingIsIgnoredAndABackendThatIsDownIsNoFailure) {
  shop_.Close();
  Serve(kById);
  AwaitRules("waiting");
  proxy_->WaitForLog(AllOf(HasSubstr("its schema cannot be had by reflection (unreachable"),
                           HasSubstr("what needs it waits")));
  EXPECT_THAT(HttpGet(proxy_->health(), "/status").body,
              AllOf(HasSubstr("schema of shop (reflection): not there yet"),
                    HasSubstr("key.message: 'request_id' is waiting")));
  shop_.Open();
  AwaitRules("in_force");
  Get("a");
  Get("b");
  EXPECT_EQ(shop_.calls(), 1);
}

// PITFALLS 33
TEST_F(SchemaTest, AnotherNumberSuspendsTheRuleUntilTheConfigurationIsLoaded) {
  TemporaryFile set(ShopSet());
  Serve(kById, "{descriptor_set: " + set.path() + "}");
  Get("a");
  set.Replace(ShopSetWithNumber(7));
  AwaitRules("suspended");
  proxy_->WaitForLog(AllOf(HasSubstr("'request_id' is suspended"),
                           HasSubstr("it was 1 (string) and is 7 (string)")));
  Get("a");
  Get("b");
  EXPECT_EQ(shop_.calls(), 3);
  set.Replace(ShopSet());
  AwaitRules("in_force");
  Get("c");
  EXPECT_EQ(shop_.calls(), 3);  // what was kept under these rules is there still
  set.Replace(ShopSetWithNumber(7));
  AwaitRules("suspended");
  proxy_->Signal(SIGHUP);
  AwaitRules("in_force");
}

// A field has one number in the read and another in the write.
TEST_F(SchemaTest, RoutesTagsAndWritesNameFields) {
  TemporaryFile set(ShopSet());
  const std::string rest = "upstream: shop\n    ";
  Serve(absl::StrCat("cache: {ttl: 1h, tags: [\"item:{item}\"]}\n  - match: {method: ", kPut,
                     "}\n    ", rest,
                     "invalidates: [\"item:{item}\"]\n  - match: {method: /*}\n    ", rest),
        "{descriptor_set: " + set.path() + "}",
        "/shop.v1.Catalog/*, field: {item: kettle, request_id: a}");
  AwaitRules("in_force", 4);
  Get("a");
  Get("a");
  EXPECT_EQ(shop_.calls(), 1);
  Get("b");
  Get("a", "teapot");
  Get("a", "teapot");
  EXPECT_EQ(shop_.calls(), 4) << "other routes";
  Put("x");
  Get("a");
  EXPECT_EQ(shop_.calls(), 6);

  set.Replace(ShopSetWithNumber(7));  // request_id of Get
  AwaitRules("suspended");
  proxy_->WaitForLog(HasSubstr(
      "match.field: 'request_id' is suspended, so no call takes the route by it: in /shop.v1."));
  Get("a");
  EXPECT_EQ(shop_.calls(), 7);
}

TEST_F(SchemaTest, IdempotentSharesWhatTheSchemaMarksAndRelaysTheRest) {
  Serve("collapse: idempotent\n    cache: {ttl: 1h}");
  AwaitSchema();
  proxy_->WaitForLog(HasSubstr("1 of its 4 methods are marked NO_SIDE_EFFECTS"));
  Get("a");
  Get("a");
  EXPECT_EQ(shop_.calls(), 1);
  Put("a");
  Put("a");
  Get("a", "kettle", kCount);
  Get("a", "kettle", kCount);
  EXPECT_EQ(shop_.calls(), 5);
  EXPECT_EQ(Metric("singleflight_calls_by_role_total{role=\"relay\"}"), 4);
}

TEST_F(SchemaTest, IdempotentSharesNothingWithoutASchema) {
  shop_.Close();
  Serve("collapse: idempotent\n    cache: {ttl: 1h}");
  proxy_->WaitForLog(HasSubstr("shares nothing until the schema of upstream 'shop' is there"));
  client_->Ask(kGet, "");
  EXPECT_EQ(Metric("singleflight_calls_by_role_total{role=\"relay\"}"), 1);
}

TEST_F(SchemaTest, StreamsAreKnownAndRelayedFromTheFirstByte) {
  Serve("collapse: true");
  AwaitSchema();
  shop::v1::GetRequest request;
  request.set_item("kettle");
  StreamCall call = client_->Open(kWatch);
  ASSERT_TRUE(call.Write(request.SerializeAsString()));
  std::string item;
  EXPECT_TRUE(call.Read(&item));  // before the caller's side has ended
  EXPECT_TRUE(call.Read(&item));
  EXPECT_TRUE(call.WritesDone());
  EXPECT_FALSE(call.Read(&item));
  EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kOk));
  EXPECT_EQ(Metric("singleflight_calls_by_role_total{role=\"relay\"}"), 1);
}

TEST_F(SchemaTest, AMethodThatIsListedAndNotMarkedIsWarnedOfOnce) {
  const TemporaryFile set(ShopSet());
  Serve("collapse: true", "{descriptor_set: " + set.path() + "}", kPut);
  proxy_->WaitForLog(
      HasSubstr("collapses /shop.v1.Catalog/Put, which the schema of upstream 'shop' "
                "does not mark NO_SIDE_EFFECTS"));
}

// PITFALLS 21
TEST_F(SchemaTest, SerializationsOfOneMessageMeet) {
  Serve("cache: {ttl: 1h}\n    key: {message: {canonicalize: true}}");
  AwaitRules("in_force");
  // item and request_id, in both orders; and a default that is written.
  for (const std::string& bytes : {std::string("\x0a\x01"
                                               "a\x12\x01"
                                               "k"),
                                   std::string("\x12\x01"
                                               "k\x0a\x01"
                                               "a"),
                                   std::string("\x12\x01"
                                               "k\x0a\x01"
                                               "a\x2a\x00",
                                               8)}) {
    EXPECT_THAT(client_->Ask(kGet, bytes), HasCode(absl::StatusCode::kOk));
  }
  EXPECT_EQ(shop_.calls(), 2);  // an entry of a map is no default
  EXPECT_THAT(client_->Ask(kPut, "\x0a\x01k"), HasCode(absl::StatusCode::kOk));
  EXPECT_THAT(client_->Ask(kPut, std::string("\x0a\x01k\x12\x00", 5)),
              HasCode(absl::StatusCode::kOk));
  EXPECT_EQ(shop_.calls(), 3);
}

TEST_F(SchemaTest, AdminShowsWhichSchemaAnUpstreamHas) {
  Serve(kById);
  AwaitSchema();
  grpc::ClientContext context;
  admin::v1::ListUpstreamsResponse upstreams;
  ASSERT_TRUE(Admin()->ListUpstreams(&context, {}, &upstreams).ok());
  EXPECT_EQ(upstreams.upstreams(0).schema().source(), "reflection");
  EXPECT_GE(upstreams.upstreams(0).schema().methods(), 4u);
  EXPECT_EQ(upstreams.upstreams(0).schema().failure(), "");
}

TEST_F(SchemaTest, FieldsThatKeptCallsApartHaveTheirNames) {
  Serve("collapse: true");
  AwaitSchema();
  Get("a");
  Get("b");
  grpc::ClientContext context;
  admin::v1::ListSplitsResponse splits;
  ASSERT_TRUE(Admin()->ListSplits(&context, {}, &splits).ok());
  ASSERT_EQ(splits.splits_size(), 1);
  EXPECT_EQ(splits.splits(0).name(), "1");
  EXPECT_EQ(splits.splits(0).field_names(), "request_id");
}

// It takes connections and says nothing. TearDown waits for the end.
TEST_F(SchemaTest, TheProxyEndsInTimeWhileASilentBackendIsAsked) {
  RawServer silent([](const RawSeen&) { return std::nullopt; });
  target_ = silent.address();
  Serve(kById);
  silent.WaitFor(1, [](const RawSeen& request) {
    return request.Value(":path").find("ServerReflection") != std::string::npos;
  });
}

}  // namespace
}  // namespace singleflight::testing
