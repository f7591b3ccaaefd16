// Calls that are refused, what they are told, and what counts against their connection.

#include "tests/proxy/call_fixture.h"

namespace singleflight::proxy::testing {
namespace {

using ::testing::Pair;

TEST_F(CallTest, WhatIsNoGrpcCallIsRefusedInItsOwnTerms) {
  struct Row {
    Fields fields;
    const char* status;
  };
  const Fields good = http2::testing::RequestFields(kGet);
  const auto with = [&](const std::string& name, const std::string& value) {
    Fields fields;
    for (const auto& field : good) {
      fields.emplace_back(field.first, field.first == name ? value : field.second);
    }
    return fields;
  };
  const Row rows[] = {{with("content-type", "application/json"), "415"},
                      {with("content-type", "application/grpcx"), "415"},
                      {with(":method", "GET"), "405"},
                      {with(":method", "PUT"), "405"}};
  for (const Row& row : rows) {
    auto caller = std::make_shared<Ear>();
    caller->stream = &client_->Open(http2::testing::Block(row.fields), caller);
    Settle();
    ASSERT_TRUE(caller->ended);
    EXPECT_THAT(caller->headers.front(), Pair(":status", row.status));
  }
  EXPECT_EQ(refused(model::Refused::kContentType), 2u);
  EXPECT_EQ(refused(model::Refused::kMethod), 2u);
  EXPECT_EQ(upstream_.calls(), 0u);
}

TEST_F(CallTest, PathsThatNameNoMethodAreUnimplemented) {
  for (const char* path : {"/shop.Catalog/Get?x", "/shop.Catalog", "/a/../b", "/shop.Catalog/%47et",
                           "/nobody.Knows/This"}) {
    auto caller = Open(path);
    ASSERT_TRUE(caller->ended) << path;
    EXPECT_EQ(StatusOf(*caller), "12") << path;
  }
  EXPECT_EQ(metrics_.downstream->requests_unrouted.value(), 1u);
}

TEST_F(CallTest, ObsTextInTheAuthorityResetsTheStream) {
  Fields fields = http2::testing::RequestFields(kGet);
  fields[3].second = "sh\xc3\xb6p:1";
  auto caller = std::make_shared<Ear>();
  caller->stream = &client_->Open(http2::testing::Block(fields), caller);
  Settle();
  ASSERT_TRUE(caller->EndedAs(Closed::Why::kReset));
  EXPECT_EQ(caller->closed->error, 1u);
  EXPECT_EQ(refused(model::Refused::kAuthority), 1u);
}

TEST_F(CallTest, EveryRefusalIsCountedByItsReason) {
  Open(kGet, {{"host", "elsewhere:1"}});
  Open(kGet, {{"grpc-timeout", "123456789m"}});
  Open("/shop.Catalog");
  EXPECT_EQ(refused(model::Refused::kHost), 1u);
  EXPECT_EQ(refused(model::Refused::kTimeout), 1u);
  EXPECT_EQ(refused(model::Refused::kPath), 1u);
}

TEST_F(CallTest, AMalformedTimeoutIsAnError) {
  auto caller = Open(kGet, {{"grpc-timeout", "123456789m"}});
  EXPECT_EQ(StatusOf(*caller), "13");
}

// PITFALLS 35
TEST_F(CallTest, OnlyResetsThatCostAnUpstreamCallCount) {
  options_.reset_allowance = 3;
  HangUp();
  Connect();
  for (int i = 0; i < 100; ++i) Reset(*Open(kGet));
  EXPECT_THAT(host_.bounds, ::testing::IsEmpty());
  for (int i = 0; i < 3; ++i) Reset(*Ask(kWatch, "hello"));
  EXPECT_THAT(host_.bounds, ::testing::IsEmpty());
  Reset(*Ask(kWatch, "hello"), ErrorCode::kNoError);
  EXPECT_THAT(host_.bounds, ::testing::ElementsAre(http2::Bound::kResetAllowance));
}

// PITFALLS 27
TEST_F(CallTest, DeadlinesThatWasteAnUpstreamCallCountLikeResets) {
  options_.reset_allowance = 3;
  HangUp();
  Connect();
  for (int i = 0; i < 3; ++i) {
    auto caller = Ask(kWatch, "hello", {{"grpc-timeout", "1m"}});
    Advance(1);
    EXPECT_EQ(StatusOf(*caller), "4");
  }
  EXPECT_THAT(host_.bounds, ::testing::IsEmpty());
  Ask(kWatch, "hello", {{"grpc-timeout", "1m"}});
  Advance(1);
  EXPECT_THAT(host_.bounds, ::testing::ElementsAre(http2::Bound::kResetAllowance));
}

TEST_F(CallTest, APathIsShownShort) {
  auto caller = Ask("/none/" + std::string(5000, 'x'), "hello");
  EXPECT_EQ(StatusOf(*caller), "12");
  for (const auto& [name, value] : caller->headers) EXPECT_LT(value.size(), 400u) << name;
}

}  // namespace
}  // namespace singleflight::proxy::testing
