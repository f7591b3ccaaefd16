#include "server/otlp/to_otlp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"

namespace singleflight::otlp {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

namespace proto = opentelemetry::proto::trace::v1;

template <typename Pairs>
std::map<std::string, std::string> TextOf(const Pairs& attributes) {
  std::map<std::string, std::string> text;
  for (const auto& pair : attributes) {
    text[pair.key()] = pair.value().has_int_value() ? absl::StrCat(pair.value().int_value())
                                                    : pair.value().string_value();
  }
  return text;
}

// A span of a call that began at second 5 and took 2 ms.
trace::Span ACall(trace::Span::Kind kind = trace::Span::Kind::kServer) {
  trace::Span span;
  span.kind = kind;
  span.self.trace.fill(1);
  span.self.span.fill(2);
  span.began = absl::FromUnixSeconds(5);
  span.took = absl::Milliseconds(2);
  span.path = "/shop.v1.Catalog/Get";
  span.status = wire::StatusCode::kOk;
  return span;
}

proto::Span Sent(trace::Span span) {
  std::vector<std::unique_ptr<trace::Span>> spans;
  spans.push_back(std::make_unique<trace::Span>(std::move(span)));
  return ToOtlp({"shop proxy", "1.2", "sf-7"}, spans).resource_spans(0).scope_spans(0).spans(0);
}

std::map<std::string, std::string> AttributesOf(trace::Span span) {
  return TextOf(Sent(std::move(span)).attributes());
}

TEST(OtlpTest, ASpanHasItsIdsItsNameAndItsTimes) {
  trace::Span span = ACall();
  span.state = "a=1";
  span.parent.fill(3);
  const proto::Span sent = Sent(span);
  EXPECT_EQ(sent.trace_id(), std::string(16, '\1'));
  EXPECT_EQ(sent.span_id(), std::string(8, '\2'));
  EXPECT_EQ(sent.parent_span_id(), std::string(8, '\3'));
  EXPECT_EQ(sent.trace_state(), "a=1");
  EXPECT_EQ(sent.name(), "shop.v1.Catalog/Get");
  EXPECT_EQ(sent.kind(), proto::Span::SPAN_KIND_SERVER);
  EXPECT_EQ(sent.start_time_unix_nano(), 5000000000);
  EXPECT_EQ(sent.end_time_unix_nano(), 5002000000);
  EXPECT_FALSE(sent.has_status());
  EXPECT_EQ(sent.links_size(), 0);
}

TEST(OtlpTest, TheFirstSpanOfATraceHasNoParent) { EXPECT_EQ(Sent(ACall()).parent_span_id(), ""); }

TEST(OtlpTest, AttributesHaveTheNamesOfTheConventions) {
  trace::Span span = ACall();
  span.authority = "shop.example:8080";
  span.peer = "[fd00::1]:4711";
  span.role = "follower";
  span.route = "/shop.v1.Catalog/*";
  EXPECT_THAT(
      AttributesOf(span),
      AllOf(Contains(Pair("rpc.system", "grpc")), Contains(Pair("rpc.method", "Get")),
            Contains(Pair("rpc.service", "shop.v1.Catalog")),
            Contains(Pair("rpc.grpc.status_code", "0")),
            Contains(Pair("server.address", "shop.example")), Contains(Pair("server.port", "8080")),
            Contains(Pair("network.peer.address", "fd00::1")),
            Contains(Pair("network.peer.port", "4711")),
            Contains(Pair("singleflight.role", "follower")),
            Contains(Pair("singleflight.route", "/shop.v1.Catalog/*")),
            Not(Contains(Key("error.type")))));
}

TEST(OtlpTest, WhatStandsBeforeTheServiceIsNoPartOfTheName) {
  trace::Span span = ACall();
  span.path = "/api/v2/shop.v1.Catalog/Get";
  EXPECT_EQ(Sent(span).name(), "shop.v1.Catalog/Get");
}

TEST(OtlpTest, AddressesWithoutAPortHaveNone) {
  trace::Span span = ACall();
  span.authority = "shop.example";
  span.peer = "unix:/run/shop:1.sock";
  EXPECT_THAT(AttributesOf(span),
              AllOf(Contains(Pair("server.address", "shop.example")),
                    Contains(Pair("network.peer.address", "/run/shop:1.sock")),
                    Not(Contains(Key("server.port"))), Not(Contains(Key("network.peer.port")))));
}

TEST(OtlpTest, ACallersMistakeIsAnErrorOfTheCallToUpstreamAlone) {
  trace::Span server = ACall(), client = ACall(trace::Span::Kind::kClient);
  server.status = client.status = wire::StatusCode::kNotFound;
  EXPECT_FALSE(Sent(server).has_status());
  EXPECT_EQ(Sent(client).status().code(), proto::Status::STATUS_CODE_ERROR);
  EXPECT_EQ(Sent(client).kind(), proto::Span::SPAN_KIND_CLIENT);
  EXPECT_THAT(AttributesOf(client), Contains(Pair("error.type", "NOT_FOUND")));
  server.status = wire::StatusCode::kUnavailable;
  EXPECT_EQ(Sent(server).status().code(), proto::Status::STATUS_CODE_ERROR);
}

TEST(OtlpTest, ACallWithoutAStatusIsAnErrorThatSaysWhy) {
  trace::Span span = ACall(trace::Span::Kind::kClient);
  span.status = absl::nullopt;
  span.error = "connection_lost";
  EXPECT_EQ(Sent(span).status().code(), proto::Status::STATUS_CODE_ERROR);
  EXPECT_THAT(AttributesOf(span), AllOf(Contains(Pair("error.type", "connection_lost")),
                                        Not(Contains(Key("rpc.grpc.status_code")))));
}

TEST(OtlpTest, ALinkNamesTheSpanThatMadeTheReply) {
  trace::Span span = ACall();
  span.made_by.trace.fill(8);
  span.made_by.span.fill(9);
  const proto::Span sent = Sent(span);
  ASSERT_EQ(sent.links_size(), 1);
  EXPECT_EQ(sent.links(0).trace_id(), std::string(16, '\10'));
  EXPECT_EQ(sent.links(0).span_id(), std::string(8, '\11'));
}

TEST(OtlpTest, TheResourceSaysWhoSendsThem) {
  const auto request = ToOtlp({"shop proxy", "1.2", "sf-7"}, {});
  EXPECT_THAT(
      TextOf(request.resource_spans(0).resource().attributes()),
      AllOf(Contains(Pair("service.name", "shop proxy")), Contains(Pair("service.version", "1.2")),
            Contains(Pair("service.instance.id", "sf-7"))));
}

}  // namespace
}  // namespace singleflight::otlp
