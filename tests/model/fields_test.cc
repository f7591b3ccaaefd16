// The closed list of what may change on the way (docs/semantics.md §6).

#include "tests/model/blocks.h"

namespace singleflight::model {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

Onward To(absl::string_view authority = "catalog:50051") { return {authority, absl::nullopt, ""}; }

bool NeverIndexed(const Headers& fields, absl::string_view name) {
  for (const Field field : fields) {
    if (field.name == name) return field.never_index;
  }
  ADD_FAILURE() << "no " << name;
  return false;
}

TEST(UpstreamFieldsTest, MetadataGoesOnInItsOrderWithItsDuplicates) {
  const Headers sent = UpstreamFields(RequestOf({{"x-b", "1"},
                                                 {"x-a", "2"},
                                                 {"x-b", "1"},
                                                 {"x-b", ""},
                                                 {"user-agent", "shop/1"},
                                                 {"t-bin", "AA,Ag"}}),
                                      To());
  EXPECT_THAT(FieldsOf(sent),
              ElementsAre(Pair(":method", "POST"), Pair(":scheme", "http"),
                          Pair(":path", "/shop.Catalog/Get"), Pair(":authority", "catalog:50051"),
                          Pair("te", "trailers"), Pair("content-type", "application/grpc"),
                          Pair("x-b", "1"), Pair("x-a", "2"), Pair("x-b", "1"), Pair("x-b", ""),
                          Pair("user-agent", "shop/1"), Pair("t-bin", "AA"), Pair("t-bin", "Ag")));
}

TEST(UpstreamFieldsTest, WhatBelongsToTheHopIsMadeAnew) {
  const Headers sent = UpstreamFields(RequestOf({{":scheme", "https"},
                                                 {"te", "trailers, gzip"},
                                                 {"content-length", "9"},
                                                 {"host", "shop.example:8080"}}),
                                      To());
  EXPECT_EQ(sent.Find(":scheme"), "http");
  EXPECT_EQ(sent.Find("te"), "trailers");
  EXPECT_EQ(sent.Count("te"), 1);
  EXPECT_EQ(sent.Count("content-length"), 0);
  EXPECT_EQ(sent.Count("host"), 0);
}

TEST(UpstreamFieldsTest, TheSchemeIsThatOfTheConnection) {
  Onward onward = To();
  onward.scheme = "https";
  EXPECT_EQ(UpstreamFields(RequestOf(), onward).Find(":scheme"), "https");
}

TEST(UpstreamFieldsTest, PreviousAttemptsOfCallerAndProxyAddUp) {
  const auto sent = [](const Fields& fields, int attempts) {
    Onward onward = To();
    onward.previous_attempts = attempts;
    return UpstreamFields(RequestOf(fields), onward);
  };
  constexpr absl::string_view kName = "grpc-previous-rpc-attempts";
  const std::string name(kName);
  EXPECT_EQ(sent({}, 0).Count(kName), 0);
  EXPECT_EQ(sent({}, 1).Find(kName), "1");
  EXPECT_EQ(sent({{name, "2"}}, 0).Find(kName), "2") << "it is the caller's own";
  EXPECT_EQ(sent({{name, "2"}}, 3).Find(kName), "5");
  EXPECT_EQ(sent({{name, "2"}}, 3).Count(kName), 1);
  EXPECT_EQ(sent({{name, "many"}}, 1).Find(kName), "1");
}

// PITFALLS 9
TEST(UpstreamFieldsTest, TheTimeoutIsTheOneThatIsLeftAndNotTheCallers) {
  const Request request = RequestOf({{"grpc-timeout", "20m"}});
  EXPECT_EQ(UpstreamFields(request, {"a", absl::Seconds(2), ""}).Find("grpc-timeout"), "2000000u");
  EXPECT_EQ(UpstreamFields(request, {"a", absl::Seconds(2), ""}).Count("grpc-timeout"), 1);
  EXPECT_EQ(UpstreamFields(request, To()).Count("grpc-timeout"), 0);
}

TEST(UpstreamFieldsTest, CredentialsAreNeverIndexed) {
  const Headers sent = UpstreamFields(
      RequestOf({{"authorization", "ann"}, {"x-session-token", "7"}, {"x-page", "2"}}), To());
  EXPECT_TRUE(NeverIndexed(sent, "authorization"));
  EXPECT_TRUE(NeverIndexed(sent, "x-session-token"));
  EXPECT_FALSE(NeverIndexed(sent, "x-page"));
}

TEST(UpstreamFieldsTest, WhatCameNeverIndexedStaysSo) {
  Headers block = RequestBlock();
  block.Add("x-page", "2", true);
  EXPECT_TRUE(
      NeverIndexed(UpstreamFields(absl::get<Request>(ParseRequest(block)), To()), "x-page"));
}

TEST(UpstreamFieldsTest, ACollapsedCallCarriesTheMarkOfThisHop) {
  EXPECT_EQ(UpstreamFields(RequestOf(), {"a", absl::nullopt, "hop-1"}).Find(kChainMarker), "hop-1");
}

TEST(UpstreamFieldsTest, TheMarkOfThisHopFollowsThoseBefore) {
  const Request request = RequestOf({{std::string(kChainMarker), "hop-1, hop-2"},
                                     {"x-a", "1"},
                                     {std::string(kChainMarker), "hop-3"}});
  const Headers sent = UpstreamFields(request, {"a", absl::nullopt, "hop-4"});
  EXPECT_EQ(sent.Find(kChainMarker), "hop-1, hop-2, hop-3, hop-4");
  EXPECT_EQ(sent.Count(kChainMarker), 1);
}

TEST(UpstreamFieldsTest, ARelayedCallKeepsItsMarksAsTheyCame) {
  const Request request =
      RequestOf({{std::string(kChainMarker), "hop-1"}, {std::string(kChainMarker), "hop-2"}});
  EXPECT_EQ(UpstreamFields(request, To()).Count(kChainMarker), 2);
}

TEST(DownstreamFieldsTest, AReplysFieldsGoOnInTheirOrderWithTheirDuplicates) {
  const Fields fields = {{":status", "200"}, {"x-b", "1"}, {"x-a", "2"},
                         {"x-b", "1"},       {"age", "3"}, {"d-bin", ""}};
  EXPECT_EQ(FieldsOf(DownstreamFields(HeadersOf(fields))), fields);
}

TEST(DownstreamFieldsTest, ContentLengthEndsAtThisHop) {
  EXPECT_EQ(FieldsOf(DownstreamFields(HeadersOf({{":status", "200"}, {"content-length", "9"}}))),
            (Fields{{":status", "200"}}));
}

TEST(DownstreamFieldsTest, TheFieldThatIsMadeAnewStaysBehind) {
  const Headers block = HeadersOf({{":status", "200"}, {"age", "9"}, {"x-a", "1"}, {"age", "7"}});
  EXPECT_EQ(FieldsOf(DownstreamFields(block, {"age"})), (Fields{{":status", "200"}, {"x-a", "1"}}));
}

TEST(DownstreamFieldsTest, CookiesAreNeverIndexedAndWhatCameSoStaysSo) {
  Headers fields = HeadersOf({{"set-cookie", "session=ann"}, {"x-a", "1"}});
  fields.Add("x-b", "2", true);
  const Headers sent = DownstreamFields(fields);
  EXPECT_TRUE(NeverIndexed(sent, "set-cookie"));
  EXPECT_FALSE(NeverIndexed(sent, "x-a"));
  EXPECT_TRUE(NeverIndexed(sent, "x-b"));
}

}  // namespace
}  // namespace singleflight::model
