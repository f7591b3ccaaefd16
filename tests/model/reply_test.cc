#include "server/model/reply.h"

#include "tests/model/blocks.h"

namespace singleflight::model {
namespace {

using wire::StatusCode;

Reply ReplyWith(const Fields& initial, const Fields& trailing) {
  return MakeReply({HeadersOf(initial), "blue kettle", HeadersOf(trailing), false, nullptr});
}

// PITFALLS 25
TEST(ReplyTest, TheStatusIsTheTrailersAndNotTheHttpStatus) {
  EXPECT_EQ(ReplyWith({{":status", "200"}}, {{"grpc-status", "5"}}).status(),
            StatusCode::kNotFound);
  EXPECT_EQ(ReplyWith({{":status", "200"}, {"grpc-status", "0"}}, {{"grpc-status", "5"}}).status(),
            StatusCode::kNotFound);
}

// PITFALLS 25
TEST(ReplyTest, ATrailersOnlyReplyHasItsStatusInItsOneBlock) {
  Reply reply = ReplyWith({{":status", "200"}, {"grpc-status", "5"}}, {});
  EXPECT_EQ(reply.status(), absl::nullopt);
  reply.trailers_only = true;
  EXPECT_EQ(reply.status(), StatusCode::kNotFound);
}

TEST(ReplyTest, AReplyMayHaveNoStatusOrNoneThatIsACode) {
  EXPECT_EQ(ReplyWith({{":status", "502"}}, {}).status(), absl::nullopt);
  EXPECT_EQ(ReplyWith({{":status", "200"}}, {{"grpc-status", "many"}}).status(), absl::nullopt);
}

TEST(ReplyTest, HasLooksInBothBlocks) {
  const auto reply = ReplyWith({{"x-a", "1"}}, {{"x-b", "2"}});
  EXPECT_TRUE(reply.Has("x-a"));
  EXPECT_TRUE(reply.Has("x-b"));
  EXPECT_FALSE(reply.Has("x-c"));
}

// PITFALLS 28
TEST(StatusReplyTest, AStatusOfTheProxysOwnLooksLikeGrpc) {
  const auto reply = MakeStatusReply(StatusCode::kUnavailable, "upstream 'catalog': 100% gone\n");
  EXPECT_TRUE(reply.trailers_only);
  EXPECT_EQ(FieldsOf(reply.initial),
            (Fields{{":status", "200"},
                    {"content-type", "application/grpc"},
                    {"grpc-status", "14"},
                    {"grpc-message", "upstream 'catalog': 100%25 gone%0A"}}));
}

TEST(FollowerCopyTest, FollowersShareTheReplyItselfWhereNothingIsForOneCallerAlone) {
  const Reply reply = ReplyWith({{":status", "200"}}, {{"grpc-status", "0"}});
  EXPECT_EQ(FollowerCopy(reply).owner, reply.owner);
}

// PITFALLS 15
TEST(FollowerCopyTest, PushbackIsDroppedFromBothBlocksAndNothingElse) {
  const auto reply =
      ReplyWith({{":status", "200"}, {"grpc-retry-pushback-ms", "5"}, {"x-a", "1"}, {"x-a", "1"}},
                {{"grpc-status", "14"}, {"grpc-retry-pushback-ms", "5"}, {"x-b", "2"}});
  const auto copy = FollowerCopy(reply);
  EXPECT_EQ(FieldsOf(copy.initial), (Fields{{":status", "200"}, {"x-a", "1"}, {"x-a", "1"}}));
  EXPECT_EQ(FieldsOf(copy.trailing), (Fields{{"grpc-status", "14"}, {"x-b", "2"}}));
}

// PITFALLS 12
TEST(FollowerCopyTest, TheBodyIsSharedAndTheOriginalIsLeftAlone) {
  const auto reply = ReplyWith({{":status", "200"}}, {{"grpc-retry-pushback-ms", "5"}});
  const auto copy = FollowerCopy(reply);
  EXPECT_EQ(copy.body.data(), reply.body.data());
  EXPECT_TRUE(reply.Has("grpc-retry-pushback-ms"));
}

TEST(FollowerCopyTest, TheCopyKeepsWhatCountsItsBytes) {
  const auto counter = std::make_shared<int>();
  Reply copy;
  {
    const Reply reply =
        MakeReply({{}, "", HeadersOf({{"grpc-retry-pushback-ms", "5"}}), false, counter});
    copy = FollowerCopy(reply);
  }
  EXPECT_EQ(counter.use_count(), 2);
  copy = Reply();
  EXPECT_EQ(counter.use_count(), 1);
}

}  // namespace
}  // namespace singleflight::model
