#include "server/model/encoding.h"

#include "tests/model/blocks.h"

namespace singleflight::model {
namespace {

TEST(EncodingTest, ABlockThatSaysNothingSaysIdentity) {
  EXPECT_EQ(EncodingOf(HeadersOf({})), "identity");
  EXPECT_EQ(EncodingOf(HeadersOf({{"grpc-encoding", "gzip"}})), "gzip");
  EXPECT_EQ(EncodingOf(HeadersOf({{"grpc-encoding", "gzip"}, {"grpc-encoding", "gzip"}})), "gzip");
}

TEST(EncodingTest, ABlockThatSaysTwoThingsNamesNoEncoding) {
  EXPECT_EQ(EncodingOf(HeadersOf({{"grpc-encoding", "gzip"}, {"grpc-encoding", "deflate"}})), "");
}

// PITFALLS 22
TEST(EncodingTest, WhoSaysNothingReadsIdentityAlone) {
  EXPECT_TRUE(Accepts(HeadersOf({}), "identity"));
  EXPECT_FALSE(Accepts(HeadersOf({}), "gzip"));
  EXPECT_FALSE(Accepts(HeadersOf({{"grpc-encoding", "gzip"}}), "gzip"));  // what it writes
}

TEST(EncodingTest, AListMayBeInSeveralFields) {
  const Headers request =
      HeadersOf({{"grpc-accept-encoding", "identity, deflate"}, {"grpc-accept-encoding", "gzip"}});
  EXPECT_TRUE(Accepts(request, "deflate"));
  EXPECT_TRUE(Accepts(request, "gzip"));
  EXPECT_FALSE(Accepts(request, "snappy"));
  EXPECT_FALSE(Accepts(request, ""));
}

}  // namespace
}  // namespace singleflight::model
