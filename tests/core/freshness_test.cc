// For how long replies are kept, beyond what ttl says: jitter, errors, and what backends tell this
// cache alone.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

class FreshnessTest : public ReadPathTest {
 protected:
  FreshnessTest() { cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false}; }

  size_t Entries() { return store_.TakeCensus().entries; }
  void KeepNotFound() { cache_->negative.Set(wire::StatusCode::kNotFound, absl::Seconds(1)); }
  void AnswerNotFound(const Fields& more = {}) {
    upstream_.latest().TrailersOnly(wire::StatusCode::kNotFound, more);
    Settle();
  }
};

TEST_F(FreshnessTest, AnErrorThatMayBeKeptIsServedToLaterCallers) {
  KeepNotFound();
  Ask("id-7");
  AnswerNotFound({{"grpc-message", "no such id"}});
  const core::Answer& hit = AskOn(1, "id-7").answer();
  EXPECT_EQ(hit.source, core::Answer::Source::kHit);
  EXPECT_EQ(hit.status, wire::StatusCode::kNotFound);
  EXPECT_THAT(hit.reply, IsStatus(wire::StatusCode::kNotFound, "no such id"));
  Advance(999);
  EXPECT_TRUE(Look("id-7").reply);
  Advance(1);
  EXPECT_FALSE(Look("id-7").reply);
}

TEST_F(FreshnessTest, AnErrorBehindInitialMetadataIsKeptToo) {
  KeepNotFound();
  Ask("id-7");
  upstream_.latest().Begin({{"x-served-by", "a"}});
  upstream_.latest().End({{"grpc-message", "no such id"}}, wire::StatusCode::kNotFound);
  const core::Answer& hit = Ask("id-7").answer();
  EXPECT_EQ(hit.source, core::Answer::Source::kHit);
  EXPECT_EQ(hit.reply.status(), wire::StatusCode::kNotFound);
  EXPECT_TRUE(hit.reply.Has("x-served-by"));
  EXPECT_FALSE(hit.reply.trailers_only);
}

TEST_F(FreshnessTest, AnErrorOfAnotherStatusIsNotKept) {
  KeepNotFound();
  Ask("id-7");
  upstream_.latest().TrailersOnly(wire::StatusCode::kInternal);
  EXPECT_EQ(Entries(), 0);
  EXPECT_EQ(Refused(cache::Refusal::kStatus), 1);
}

TEST_F(FreshnessTest, AStatusThatTheProxyMakesIsNeverKept) {
  cache_->negative.Set(wire::StatusCode::kUnavailable, absl::Seconds(1));
  collapse_->flight_timeout = absl::Seconds(2);
  Ask("id-7");
  upstream_.latest().Fail(UpstreamFailure::Kind::kUnreachable);
  Ask("id-7");
  upstream_.latest().Fail(UpstreamFailure::Kind::kReset);
  Ask("id-7");
  Advance(2000);
  EXPECT_EQ(Entries(), 0);
  EXPECT_EQ(metrics().stores.value(), 0);
}

TEST_F(FreshnessTest, AnErrorOverridesWhatWasKeptWhenItsTimeIsOver) {
  KeepNotFound();
  Ask("id-7");
  Answer("blue kettle");
  Advance(5000);
  Ask("id-7");
  AnswerNotFound();
  EXPECT_EQ(Ask("id-7").answer().status, wire::StatusCode::kNotFound);
  Advance(1000);
  Ask("id-7");
  Answer("red kettle");
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("red kettle"));
}

// What upstream says of the encoding of one message is not for callers that encode theirs
// otherwise.
TEST_F(FreshnessTest, AnErrorThatMayBeAboutAnEncodingIsNotKept) {
  cache_->negative.Set(wire::StatusCode::kUnimplemented, absl::Seconds(1));
  Ask("id-7", {{"grpc-encoding", "gzip"}});
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnimplemented);
  EXPECT_EQ(Entries(), 0);
  Ask("id-7");
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnimplemented);
  EXPECT_EQ(Entries(), 1);
}

TEST_F(FreshnessTest, RepliesThatCameTogetherDoNotExpireTogether) {
  std::minstd_rand random(7);
  random_ = &random;
  cache_->jitter = 200'000;
  constexpr int kReplies = 100;
  for (int i = 0; i < kReplies; ++i) {
    Ask(absl::StrCat("id-", i));
    Answer("blue kettle");
  }
  Advance(3999);
  int kept = 0;
  for (int i = 0; i < kReplies; ++i) kept += Look(absl::StrCat("id-", i)).reply ? 1 : 0;
  EXPECT_EQ(kept, kReplies);
  Advance(501);
  kept = 0;
  for (int i = 0; i < kReplies; ++i) kept += Look(absl::StrCat("id-", i)).reply ? 1 : 0;
  EXPECT_GT(kept, kReplies / 4);
  EXPECT_LT(kept, kReplies * 3 / 4);
  Advance(500);
  for (int i = 0; i < kReplies; ++i) EXPECT_FALSE(Look(absl::StrCat("id-", i)).reply);
}

// RFC 9213 §2.2
TEST_F(FreshnessTest, WhatBackendsTellThisCacheHoldsAndGoesNoFurther) {
  const TestWaiter& leader = Ask("id-7");
  const TestWaiter& follower = AskOn(1, "id-7");
  Answer("blue kettle",
         {{"cache-control", "no-store"}, {"singleflight-cache-control", "max-age=2"}},
         {{"singleflight-cache-control", "max-age=2"}, {"x-cost", "3"}});
  const TestWaiter& hit = Ask("id-7");
  for (const TestWaiter* caller : {&leader, &follower, &hit}) {
    EXPECT_FALSE(caller->reply().Has("singleflight-cache-control"));
    EXPECT_EQ(caller->reply().initial.Find("cache-control"), absl::string_view("no-store"));
    EXPECT_TRUE(caller->reply().Has("x-cost"));
    EXPECT_THAT(caller->reply(), IsOkWith("blue kettle"));
  }
  EXPECT_EQ(leader.answer().source, core::Answer::Source::kStored);
  EXPECT_EQ(hit.answer().source, core::Answer::Source::kHit);
  Advance(2000);
  EXPECT_FALSE(Look("id-7").reply);
}

TEST_F(FreshnessTest, WhatIsPrivateByTheFieldForThisCacheGoesToTheLeaderAlone) {
  rules_.share_across_credentials = true;
  const TestWaiter& leader = Ask("id-7");
  const TestWaiter& follower = Ask("id-7");
  Answer("ann's", {{"singleflight-cache-control", "private"}});
  EXPECT_THAT(leader.reply(), IsOkWith("ann's"));
  EXPECT_FALSE(leader.reply().Has("singleflight-cache-control"));
  EXPECT_TRUE(follower.released());
  EXPECT_EQ(Entries(), 0);
}

}  // namespace
}  // namespace singleflight::core
