// A backend's descriptors by the server reflection of gRPC itself.

#include <gmock/gmock.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "server/schema/schema.h"
#include "shop/v1/shop.grpc.pb.h"
#include "tests/stub/reflection_fixture.h"

namespace singleflight::stub {
namespace {

using testing::ReflectionTest;

// The server of the distribution's gRPC, with its own reflection.
class RealServer {
 public:
  RealServer() {
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&catalog_);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  const std::string& address() const { return address_; }

 private:
  shop::v1::Catalog::Service catalog_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(ReflectionTest, ARealServerSaysWhatItsMessagesAre) {
  const RealServer server;
  options_.target = server.address();
  const Reflection::Answer answer = Ask();
  EXPECT_EQ(answer.failure, absl::nullopt) << answer.why;
  const auto schema = schema::Schema::Read(answer.descriptor_set);
  ASSERT_TRUE(schema.ok()) << schema.status();
  const schema::Method* const get = (*schema)->Find("/shop.v1.Catalog/Get");
  ASSERT_NE(get, nullptr);
  EXPECT_TRUE(get->safe);
  EXPECT_EQ((*schema)->NameOf(get->path, {3, 2}), "context.tenant");
}

}  // namespace
}  // namespace singleflight::stub
