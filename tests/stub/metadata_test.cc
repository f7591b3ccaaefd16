// What the metadata of a call is on the other side.

#include "tests/stub/stub_fixture.h"

namespace singleflight::stub::testing {
namespace {

using wire::StatusCode;
using Kind = core::UpstreamFailure::Kind;

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

class MetadataTest : public StubTest {
 protected:
  MetadataTest() { Serve(backend_.address()); }

  // The values that the backend saw under this name, in order.
  std::vector<std::string> Seen(const std::string& name) const {
    std::vector<std::string> values;
    for (const auto& [key, value] : backend_.call(0).metadata) {
      if (key == name) values.push_back(value);
    }
    return values;
  }

  Caller& AskWith(const Fields& more) {
    Fields head = HeadFields();
    head.insert(head.end(), more.begin(), more.end());
    Caller& caller = Begin(head, Framed("id-7"));
    Await(caller);
    return caller;
  }

  Backend backend_;
};

TEST_F(MetadataTest, FieldsOfOneNameKeepTheirOrder) {
  AskWith({{"x-b", "1"}, {"x-a", "2"}, {"x-b", "3"}, {"x-b", ""}});
  EXPECT_THAT(Seen("x-b"), ElementsAre("1", "3", ""));
  EXPECT_THAT(Seen("x-a"), ElementsAre("2"));
}

TEST_F(MetadataTest, BinaryValuesArriveAsBytes) {
  AskWith({{"x-bin", "AAEC/w"}, {"x-bin", "AAEC/w=="}, {"x-bin", ""}});
  const std::string bytes("\0\1\2\xff", 4);
  EXPECT_THAT(Seen("x-bin"), ElementsAre(bytes, bytes, ""));
}

TEST_F(MetadataTest, TheAuthorityIsThatOfTheRule) {
  AskWith({});
  EXPECT_EQ(backend_.call(0).authority, "catalog:1");
}

TEST_F(MetadataTest, TheAuthorityOfTheCallerIsPreservedWhereTheRuleSaysSo) {
  options_.authority_rule = upstream::AuthorityRule::kPreserve;
  Serve(backend_.address());
  AskWith({});
  EXPECT_EQ(backend_.call(0).authority, "callers.example");
}

TEST_F(MetadataTest, TheChainMarkerIsAppended) {
  chain_hop_ = "sf-2";
  AskWith({{"singleflight-chain", "sf-1"}});
  EXPECT_THAT(Seen("singleflight-chain"), ElementsAre("sf-1, sf-2"));
}

TEST_F(MetadataTest, TheUserAgentIsGrpcs) {
  AskWith({});
  EXPECT_THAT(Seen("user-agent"),
              ElementsAre(AllOf(HasSubstr("grpc-c++/"), Not(HasSubstr("test/1")))));
}

TEST_F(MetadataTest, WhatDecidesHowGrpcCompressesIsNotTheCallers) {
  EXPECT_EQ(AskWith({{"grpc-internal-encoding-request", "gzip"}}).Value("grpc-status"), "0");
}

// gRPC can read it and not write it, and would end the process.
TEST_F(MetadataTest, WhatGrpcCannotWriteIsNotGivenToIt) {
  EXPECT_EQ(AskWith({{"grpclb_client_stats", "x"}}).Value("grpc-status"), "0");
  EXPECT_THAT(Seen("grpclb_client_stats"), ElementsAre());
}

TEST_F(MetadataTest, ANameThatGrpcCannotSendEndsTheCallWithASentence) {
  const Caller& caller = AskWith({{"x~y", "1"}});
  ASSERT_TRUE(caller.failure.has_value());
  EXPECT_EQ(caller.failure->kind, Kind::kCallersOwn);
  EXPECT_EQ(caller.failure->status, StatusCode::kInternal);
  EXPECT_THAT(caller.failure->message, AllOf(HasSubstr("upstream 'catalog'"), HasSubstr("x~y")));
  EXPECT_EQ(backend_.calls(), 0);
}

TEST_F(MetadataTest, AValueThatGrpcCannotSendEndsTheCallWithASentence) {
  const Caller& caller = AskWith({{"x-latin", "caf\xe9"}});
  ASSERT_TRUE(caller.failure.has_value());
  EXPECT_THAT(caller.failure->message, HasSubstr("x-latin"));
  EXPECT_EQ(Unanswered(core::Unanswered::kBound), 1u);
}

TEST_F(MetadataTest, RepliesBringTheirMetadataInBothBlocks) {
  Answer answer = singleflight::testing::Ok("kettle");
  answer.initial = {{"x-first", "1"}, {"x-bin", std::string("\0\xff", 2)}};
  answer.trailing = {{"x-last", "a"}, {"x-last", "b"}};
  backend_.AnswerWith(answer);
  const Caller& caller = AskWith({});
  EXPECT_EQ(caller.initial, (Fields{{":status", "200"},
                                    {"content-type", "application/grpc"},
                                    {"x-bin", "AP8"},
                                    {"x-first", "1"}}));
  EXPECT_EQ(caller.trailing, (Fields{{"grpc-status", "0"}, {"x-last", "a"}, {"x-last", "b"}}));
  EXPECT_EQ(caller.body, Framed("kettle"));
}

TEST_F(MetadataTest, AnErrorBringsItsMessageAndDetails) {
  Answer answer =
      singleflight::testing::Failed(absl::StatusCode::kNotFound, "no \"ke\xc3\xa4ttle\" %");
  answer.details = std::string("\0details\xff", 9);
  backend_.AnswerWith(answer);
  const Caller& caller = AskWith({});
  EXPECT_EQ(caller.Value("grpc-status"), "5");
  EXPECT_EQ(caller.Value("grpc-message"), "no \"ke%C3%A4ttle\" %25");
  EXPECT_EQ(caller.Value("grpc-status-details-bin"), "AGRldGFpbHP/");
  EXPECT_EQ(Answered(StatusCode::kNotFound), 1u);
}

TEST_F(MetadataTest, AReplyOfOneBlockIsOneBlock) {
  RawServer server([](const RawSeen&) {
    return RawMessage{{{":status", "200"},
                       {"content-type", "application/grpc"},
                       {"grpc-status", "5"},
                       {"grpc-message", "no %41"},
                       {"x-a", "b"}}};
  });
  Serve(server.address());
  const Caller& caller = Ask();
  EXPECT_TRUE(caller.trailers_only);
  EXPECT_EQ(caller.initial, (Fields{{":status", "200"},
                                    {"content-type", "application/grpc"},
                                    {"grpc-status", "5"},
                                    {"grpc-message", "no A"},
                                    {"x-a", "b"}}));
}

}  // namespace
}  // namespace singleflight::stub::testing
