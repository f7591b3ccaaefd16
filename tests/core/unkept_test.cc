// Replies that are not kept although their route keeps replies.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

class UnkeptTest : public ReadPathTest {
 protected:
  UnkeptTest() { cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false}; }

  size_t Entries() { return store_.TakeCensus().entries; }

  // A reply of upstream that is not to be kept.
  void ExpectNotKept(cache::Refusal why) {
    Settle();
    EXPECT_EQ(Refused(why), 1);
    EXPECT_EQ(metrics().stores.value(), 0);
    EXPECT_EQ(Entries(), 0);
  }
};

// PITFALLS 24
TEST_F(UnkeptTest, AReplyMarkedPrivateIsNotKept) {
  Ask("id-7");
  Answer("ann's", {{"cache-control", "private, max-age=60"}});
  ExpectNotKept(cache::Refusal::kPrivate);
}

// PITFALLS 24
TEST_F(UnkeptTest, AReplyWithACookieIsNotKept) {
  Ask("id-7");
  Answer("ann's", {}, {{"set-cookie", "session=ann"}});
  ExpectNotKept(cache::Refusal::kPrivate);
}

// PITFALLS 24
TEST_F(UnkeptTest, AReplyThatForbidsItIsNotKept) {
  Ask("id-7");
  Answer("blue kettle", {{"cache-control", "no-store"}});
  ExpectNotKept(cache::Refusal::kNoStore);
}

TEST_F(UnkeptTest, AReplyThatCameStaleIsNotKept) {
  Ask("id-7");
  Answer("blue kettle", {{"cache-control", "max-age=10"}, {"age", "10"}});
  ExpectNotKept(cache::Refusal::kStale);
}

TEST_F(UnkeptTest, AReplyThatVariesBeyondItsKeyIsNotKept) {
  for (const char* vary : {"*", "x-device, User-Agent", "traceparent"}) {
    Ask(vary);
    Answer("blue kettle", {{"vary", vary}});
  }
  EXPECT_EQ(Refused(cache::Refusal::kVary), 3);
  Ask("id-7");
  Answer("blue kettle", {{"vary", "x-device, accept-language"}});
  EXPECT_EQ(metrics().stores.value(), 1);
}

TEST_F(UnkeptTest, VaryIsReadInTheTrailerToo) {
  for (const char* vary : {"*", "x-device, User-Agent"}) {
    Ask(vary);
    Answer("blue kettle", {}, {{"vary", vary}});
  }
  EXPECT_EQ(Refused(cache::Refusal::kVary), 2);
  Ask("id-7");
  Answer("blue kettle", {{"vary", "x-device"}}, {{"vary", " ,accept-language , grpc-encoding"}});
  EXPECT_EQ(metrics().stores.value(), 1);
}

TEST_F(UnkeptTest, AReplyWhoseVaryCannotBeReadIsNotKept) {
  for (const char* vary : {"\"x-device\"", "x device", "x-device;q=1", ":path", "\xff"}) {
    Ask(absl::StrCat("first", vary));
    Answer("blue kettle", {{"vary", vary}});
    Ask(absl::StrCat("last", vary));
    Answer("blue kettle", {}, {{"vary", vary}});
  }
  EXPECT_EQ(Refused(cache::Refusal::kVary), 10);
}

TEST_F(UnkeptTest, AReplyWhoseAgeCannotBeReadIsNotKept) {
  for (const char* age : {"young", "-1", "1.5", "", ", 5"}) {
    Ask(absl::StrCat("first", age));
    Answer("blue kettle", {{"age", age}});
    Ask(absl::StrCat("last", age));
    Answer("blue kettle", {}, {{"age", age}});
  }
  EXPECT_EQ(Refused(cache::Refusal::kStale), 10);
}

TEST_F(UnkeptTest, AReplyThatSaysInItsTrailerThatItIsStaleIsNotKept) {
  Ask("id-7");
  Answer("blue kettle", {{"age", "1"}}, {{"age", "5"}});
  ExpectNotKept(cache::Refusal::kStale);
}

// gRPC, "Compression": nobody can read it.
TEST_F(UnkeptTest, ACompressedMessageWhoseEncodingHasNoNameIsNotKept) {
  const std::vector<Fields> nameless = {
      {}, {{"grpc-encoding", "identity"}}, {{"grpc-encoding", "gzip"}, {"grpc-encoding", "zstd"}}};
  for (const Fields& initial : nameless) {
    Ask("id-7");
    upstream_.latest().Begin(initial);
    upstream_.latest().Data(Framed("blue kettle", true));
    upstream_.latest().End();
  }
  EXPECT_EQ(Refused(cache::Refusal::kNotWhole), 3);
  EXPECT_EQ(Entries(), 0);
}

TEST_F(UnkeptTest, AReplyThatIsNotOneMessageIsNotKept) {
  Ask("id-7");
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("blue kettle").substr(0, 9));
  upstream_.latest().End();
  ExpectNotKept(cache::Refusal::kNotWhole);
}

TEST_F(UnkeptTest, AReplyWithoutAMessageIsNotKept) {
  Ask("id-7");
  upstream_.latest().TrailersOnly(wire::StatusCode::kOk);
  ExpectNotKept(cache::Refusal::kNotWhole);
}

TEST_F(UnkeptTest, AReplyWhoseGroupsCannotBeReadIsNotKept) {
  Ask("id-7");
  Answer("blue kettle", {{"cache-groups", "kettles, \""}});
  ExpectNotKept(cache::Refusal::kGroups);
}

TEST_F(UnkeptTest, AReplyLargerThanMaxEntryBytesIsSharedAndNotKept) {
  Ask("id-7");
  const TestWaiter& follower = Ask("id-7");
  Answer(std::string(store_options_.max_entry_bytes, 'x'));
  EXPECT_EQ(follower.answer().source, core::Answer::Source::kCollapsed);
  ExpectNotKept(cache::Refusal::kTooLarge);
}

// PITFALLS 25
TEST_F(UnkeptTest, AnErrorIsNotKept) {
  Ask("id-7");
  upstream_.latest().TrailersOnly(wire::StatusCode::kNotFound, {{"cache-control", "max-age=60"}});
  ExpectNotKept(cache::Refusal::kStatus);
}

// PITFALLS 25
TEST_F(UnkeptTest, AnHttpErrorIsNotKept) {
  Ask("id-7");
  upstream_.latest().TrailersOnly(wire::StatusCode::kOk, {}, "502");
  ExpectNotKept(cache::Refusal::kStatus);
}

TEST_F(UnkeptTest, WhatThisProgramSaysItselfIsNotKept) {
  Ask("id-7");
  upstream_.latest().Fail(UpstreamFailure::Kind::kUnreachable);
  Settle();
  EXPECT_EQ(Entries(), 0);
  Ask("id-7");
  EXPECT_EQ(upstream_.calls(), 2);
  Answer("blue kettle");
}

TEST_F(UnkeptTest, AStreamIsNotKept) {
  Ask("id-7");
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("one") + Framed("two"));
  upstream_.latest().End();
  EXPECT_TRUE(waiters_.back().took_over());
  EXPECT_EQ(Entries(), 0);
}

// PITFALLS 11
TEST_F(UnkeptTest, RepliesThatAreNotKeptAreSharedAllTheSame) {
  for (int wave = 1; wave <= 3; ++wave) {
    for (int i = 0; i < 9; ++i) AskOn(i % 3, "id-7");
    ASSERT_EQ(flights_.waiting(), 9);
    Answer("blue kettle", {{"cache-control", "no-store"}});
    EXPECT_EQ(upstream_.calls(), wave);
    EXPECT_THAT(waiters_.back().reply(), IsOkWith("blue kettle"));
  }
}

// PITFALLS 24
TEST_F(UnkeptTest, AcrossCredentialsAPrivateReplyIsNeitherSharedNorKept) {
  rules_.share_across_credentials = true;
  const TestWaiter& ann = Ask("id-7", {{"authorization", "ann"}});
  const TestWaiter& bob = Ask("id-7", {{"authorization", "bob"}});
  Answer("ann's", {{"cache-control", "private"}});
  EXPECT_THAT(ann.reply(), IsOkWith("ann's"));
  EXPECT_TRUE(bob.released());
  ExpectNotKept(cache::Refusal::kPrivate);
}

}  // namespace
}  // namespace singleflight::core
