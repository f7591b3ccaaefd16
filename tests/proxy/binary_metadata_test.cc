// Binary metadata that is no base64 ends its call alone; joined values go on one by one.

#include "tests/proxy/proxy_fixture.h"

namespace singleflight::proxy::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

class BinaryMetadataTest : public ProxyTest {
 protected:
  std::shared_ptr<Ear> AskWithTrailers(const char* path, const Fields& trailers) {
    auto caller = Open(path);
    Send(*caller, Framed("id-7"));
    caller->stream->Finish(http2::testing::Trailing(trailers));
    Settle();
    return caller;
  }

  static void ExpectRefused(const Ear& caller) {
    EXPECT_EQ(StatusOf(caller), "13");
    const Fields& block = caller.trailing.empty() ? caller.headers : caller.trailing;
    EXPECT_THAT(block, Contains(Pair("grpc-message", HasSubstr("x-a-bin"))));
  }
};

TEST_F(BinaryMetadataTest, ARequestWhoseValueIsNoBase64IsRefused) {
  for (const char* path : {kGet, kWatch}) ExpectRefused(*Ask(path, "id-7", {{"x-a-bin", "!!"}}));
  EXPECT_EQ(upstream_.calls(), 0u);
  EXPECT_EQ(refused(model::Refused::kBinary), 2u);
}

TEST_F(BinaryMetadataTest, ARequestWhoseTrailersHaveSuchAValueIsRefused) {
  ExpectRefused(*AskWithTrailers(kGet, {{"x-a-bin", "YQ,!!"}}));
  EXPECT_EQ(upstream_.calls(), 0u);
  ExpectRefused(*AskWithTrailers(kWatch, {{"x-a-bin", "!!"}}));
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_FALSE(upstream_.latest().finished());
  EXPECT_EQ(refused(model::Refused::kBinary), 2u);
}

TEST_F(BinaryMetadataTest, SuchTrailersBehindTheBeginningOfAReplyEndIt) {
  auto caller = Open(kWatch);
  Upstream([](FakeCall& call) { call.Begin(); });
  caller->stream->Finish(http2::testing::Trailing({{"x-a-bin", "!!"}}));
  Settle();
  ExpectRefused(*caller);
  EXPECT_FALSE(caller->trailing.empty());
}

TEST_F(BinaryMetadataTest, SuchTrailersAfterTheReplyChangeNothing) {
  auto caller = Open(kWatch);
  caller->stream->Finish(http2::testing::Trailing({{"x-a-bin", "!!"}}));
  upstream_.latest().Answer("enough");
  Settle();
  EXPECT_EQ(StatusOf(*caller), "0");
  EXPECT_EQ(refused(model::Refused::kBinary), 0u);
}

// PITFALLS 28
TEST_F(BinaryMetadataTest, WhoJoinsValuesAsksTheSameAsWhoDoesNot) {
  auto joins = Ask(kGet, "id-7", {{"x-a-bin", "YQ==,Yg"}});
  auto does_not = Ask(kGet, "id-7", {{"x-a-bin", "YQ=="}, {"x-a-bin", "Yg"}});
  ASSERT_EQ(upstream_.calls(), 1u);
  EXPECT_EQ(upstream_.latest().head().request->fields().Count("x-a-bin"), 2u);
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  for (const auto& caller : {joins, does_not}) EXPECT_THAT(caller, IsOkWith(Framed("kettle")));
}

// docs/semantics.md §5
TEST_F(BinaryMetadataTest, AWriteWhoseReplyIsNotTakenDropsItsGroups) {
  auto caller = Ask(kWatch, "green");
  const uint64_t before = store_.sequence();
  Upstream([](FakeCall& call) {
    call.Refuse({{"x-a-bin", "!!"}, {"cache-group-invalidation", "\"kettles\""}});
  });
  EXPECT_EQ(StatusOf(*caller), "13");
  EXPECT_EQ(metrics_.routes[1]->invalidations.value(), 1u);
  EXPECT_GT(store_.sequence(), before);
}

TEST_F(BinaryMetadataTest, AllAboardAFlightHearThatItsReplyIsNotTaken) {
  auto first = Ask(kGet, "id-7");
  auto second = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) { call.Refuse({{"x-a-bin", "!!"}}); });
  for (const auto& caller : {first, second}) EXPECT_EQ(StatusOf(*caller), "13");
  EXPECT_EQ(upstream_.calls(), 1u) << "nothing is sent again";
}

}  // namespace
}  // namespace singleflight::proxy::testing
