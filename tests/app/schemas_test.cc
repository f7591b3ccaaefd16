// When upstreams are asked for their schemas, and what becomes of the answers.

#include "server/app/schemas.h"

#include <gmock/gmock.h>

#include <atomic>
#include <fstream>

#include "server/metrics/registry.h"
#include "tests/schema/sets.h"
#include "tests/stub/fake_reflection.h"
#include "tests/testing/metrics_text.h"

namespace singleflight::app {
namespace {

using stub::testing::FakeReflection;
using stub::testing::kV1;
using stub::testing::Request;
using stub::testing::Response;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Everything in one file set.
Response ShopTo(const Request& request) {
  Response response;
  if (request.has_list_services()) {
    response.mutable_list_services_response()->add_service()->set_name("shop.v1.Catalog");
    return response;
  }
  const google::protobuf::FileDescriptorSet set = schema::testing::SetOf("shop");
  for (const auto& file : set.file()) {
    response.mutable_file_descriptor_response()->add_file_descriptor_proto(
        file.SerializeAsString());
  }
  return response;
}

class SchemasTest : public ::testing::Test {
 protected:
  SchemasTest() {
    upstream::UpstreamOptions upstream;
    upstream.name = "catalog";
    config_.upstreams = {upstream};
    config_.schemas = {schema::Options()};
  }
  ~SchemasTest() override { schemas_.Stop(); }

  schema::Options& options() { return *config_.schemas[0]; }
  void From(const FakeReflection& server) {
    options().reflection = true;
    config_.upstreams[0].target = server.address();
  }

  void Adopt() {
    auto list = schemas_.Prepare(config_);
    ASSERT_TRUE(list.ok()) << list.status();
    schemas_.Adopt(*std::move(list));
  }
  template <typename Done>
  void Until(const Done& done) {
    while (!done()) control_.run_one();
  }
  int64_t Metric(const std::string& selector) {
    metrics::Registry registry;
    registry.Add([this](metrics::Visitor& visitor) { schemas_.Show(visitor); });
    return singleflight::testing::SumOf(registry.Render(), selector);
  }
  bool Has() { return schemas_.Of("catalog") != nullptr; }

  config::Config config_;
  boost::asio::io_context control_;
  Events events_{absl::UnixEpoch};
  std::atomic<bool> serves_{true};
  std::atomic<bool> room_{true};
  int changes_ = 0;
  Schemas schemas_{control_,
                   absl::UnixEpoch,
                   events_,
                   {[this](const std::string&) { return serves_.load(); },
                    [this] { return room_.load(); }, [this] { ++changes_; }},
                   {std::chrono::milliseconds(1), absl::Seconds(20), 30}};
};

TEST_F(SchemasTest, ADescriptorSetIsThereAtOnce) {
  options().descriptor_set = schema::testing::PathOf("shop");
  Adopt();
  ASSERT_TRUE(Has());
  EXPECT_EQ(changes_, 0);
  EXPECT_THAT(schemas_.Status(), HasSubstr("4 methods of 3 files"));
}

TEST_F(SchemasTest, AFileThatIsNoneIsRefusedWithTheUpstreamsName) {
  options().descriptor_set = "/nowhere/shop.binpb";
  const auto list = schemas_.Prepare(config_);
  EXPECT_THAT(std::string(list.status().message()),
              AllOf(HasSubstr("upstream 'catalog': schema.descriptor_set: "),
                    HasSubstr("/nowhere/shop.binpb")));
}

TEST_F(SchemasTest, AnUpstreamIsAskedAndItsAnswerIsInForce) {
  FakeReflection server(kV1, ShopTo);
  From(server);
  Adopt();
  EXPECT_FALSE(Has());
  Until([this] { return Has(); });
  EXPECT_EQ(changes_, 1);
  EXPECT_EQ(Metric("singleflight_schema_methods{upstream=\"catalog\"}"), 4);
  EXPECT_EQ(Metric("singleflight_schema_refreshes_total{upstream=\"catalog\"}"), 1);
}

TEST_F(SchemasTest, ItIsAskedAgainAndWhatIsTheSameIsNoChange) {
  FakeReflection server(kV1, ShopTo);
  From(server);
  options().refresh = absl::Milliseconds(1);
  Adopt();
  Until([this] {
    return Has() && Metric("singleflight_schema_refreshes_total{upstream=\"catalog\"}") > 2;
  });
  EXPECT_EQ(changes_, 1);
}

TEST_F(SchemasTest, AFailureIsCountedAndTriedAgain) {
  std::atomic<int> questions{0};
  FakeReflection server(kV1, [&questions](const Request& request) {
    if (++questions > 2) return ShopTo(request);
    Response refused;
    refused.mutable_error_response()->set_error_message("not now");
    return refused;
  });
  From(server);
  Adopt();
  Until([this] { return Has(); });
  EXPECT_EQ(Metric("singleflight_schema_failures_total{reason=\"refused\",upstream=\"catalog\"}"),
            2);
  EXPECT_THAT(schemas_.Status(), Not(HasSubstr("not now")));
}

TEST_F(SchemasTest, WhatWasThereStaysWhenTheUpstreamFails) {
  std::atomic<bool> well{true};
  FakeReflection server(kV1, [&well](const Request& request) {
    if (well) return ShopTo(request);
    Response refused;
    refused.mutable_error_response()->set_error_message("not now");
    return refused;
  });
  From(server);
  options().refresh = absl::Milliseconds(1);
  Adopt();
  Until([this] { return Has(); });
  well = false;
  Until([this] {
    return Metric("singleflight_schema_failures_total{reason=\"refused\",upstream=\"catalog\"}") >
           0;
  });
  EXPECT_TRUE(Has());
  EXPECT_THAT(schemas_.Status(), HasSubstr("refused: not now"));
}

TEST_F(SchemasTest, AnUpstreamThatServesAgainIsAskedImmediately) {
  FakeReflection server(kV1, ShopTo);
  From(server);
  options().refresh = absl::Hours(24);
  Adopt();
  const auto refreshes = [this] {
    return Metric("singleflight_schema_refreshes_total{upstream=\"catalog\"}");
  };
  Until([&] { return refreshes() == 1; });
  serves_ = false;
  for (int i = 0; i < 3; ++i) control_.run_one();
  serves_ = true;
  Until([&] { return refreshes() == 2; });
}

TEST_F(SchemasTest, AReloadKeepsWhatIsThereForTheSameUpstream) {
  FakeReflection server(kV1, ShopTo);
  From(server);
  Adopt();
  Until([this] { return Has(); });
  Adopt();
  EXPECT_TRUE(Has());
  config_.upstreams[0].connect_timeout = absl::Seconds(1);
  Adopt();
  EXPECT_FALSE(Has());
}

TEST_F(SchemasTest, WhereKeysHaveNoRoomForAnotherSchemaItIsNotTaken) {
  FakeReflection server(kV1, ShopTo);
  From(server);
  room_ = false;
  Adopt();
  Until([this] {
    return Metric(
               "singleflight_schema_failures_total{reason=\"too_many_changes\","
               "upstream=\"catalog\"}") > 0;
  });
  EXPECT_FALSE(Has());
}

}  // namespace
}  // namespace singleflight::app
