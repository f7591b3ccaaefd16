// W3C Trace Context, §3.2.

#include "server/model/trace_context.h"

#include "tests/model/blocks.h"

namespace singleflight::model {
namespace {

constexpr char kValue[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContextTest, AValueIsReadAndWrittenAlike) {
  const absl::optional<TraceParent> parent = ParseTraceparent(kValue);
  ASSERT_TRUE(parent.has_value());
  EXPECT_TRUE(parent->sampled);
  EXPECT_EQ(parent->span.trace[0], 0x4b);
  EXPECT_EQ(parent->span.span[7], 0xb7);
  EXPECT_EQ(FormatTraceparent(parent->span), kValue);
}

TEST(TraceContextTest, TheLowestFlagAloneSaysThatItIsSampled) {
  const std::string ids = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-";
  for (const char* flags : {"01", "03", "ff"}) {
    EXPECT_TRUE(ParseTraceparent(ids + flags)->sampled) << flags;
  }
  for (const char* flags : {"00", "02", "fe"}) {
    EXPECT_FALSE(ParseTraceparent(ids + flags)->sampled) << flags;
  }
}

TEST(TraceContextTest, ALaterVersionIsReadAsFarAsItIsKnown) {
  const std::string later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_TRUE(ParseTraceparent(later).has_value());
  EXPECT_TRUE(ParseTraceparent(later + "-what comes").has_value());
  EXPECT_FALSE(ParseTraceparent(later + ".what comes").has_value());
}

TEST(TraceContextTest, WhatIsMalformedIsNone) {
  for (const char* value : {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
                            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
                            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01"}) {
    EXPECT_FALSE(ParseTraceparent(value).has_value()) << value;
  }
}

TEST(TraceContextTest, ABlockWithSeveralValuesHasNone) {
  EXPECT_TRUE(TraceParentOf(HeadersOf({{"traceparent", kValue}})).has_value());
  EXPECT_FALSE(
      TraceParentOf(HeadersOf({{"traceparent", kValue}, {"traceparent", kValue}})).has_value());
  EXPECT_FALSE(TraceParentOf(HeadersOf({})).has_value());
}

TEST(TraceContextTest, UpstreamGetsAnotherTraceparentOnlyWhereThereIsOne) {
  const Request request = RequestOf({{"traceparent", "theirs"}, {"tracestate", "vendor=1"}});
  const Headers as_it_came = UpstreamFields(request, {"shop", absl::nullopt, ""});
  EXPECT_EQ(as_it_came.Find("traceparent"), "theirs");
  const Headers ours = UpstreamFields(request, {"shop", absl::nullopt, "", "http", kValue});
  EXPECT_EQ(ours.Find("traceparent"), kValue);
  EXPECT_EQ(ours.Count("traceparent"), 1);
  EXPECT_EQ(ours.Find("tracestate"), "vendor=1");
}

}  // namespace
}  // namespace singleflight::model
