#include "server/trace/outbox.h"

#include <gtest/gtest.h>

namespace singleflight::trace {
namespace {

std::unique_ptr<Span> SpanOf(std::string path) {
  auto span = std::make_unique<Span>();
  span->path = std::move(path);
  return span;
}

TEST(OutboxTest, WhatIsPutIsTakenOnceInOrder) {
  Outbox outbox;
  outbox.Put(SpanOf("/a"));
  outbox.Put(SpanOf("/b"));
  const Outbox::Spans spans = outbox.TakeAll();
  ASSERT_EQ(spans.size(), 2);
  EXPECT_EQ(spans[0]->path, "/a");
  EXPECT_EQ(spans[1]->path, "/b");
  EXPECT_TRUE(outbox.TakeAll().empty());
}

TEST(OutboxTest, SpansBeyondTheirNumberAreDroppedAndCounted) {
  Outbox outbox({.spans = 2});
  for (int i = 0; i < 5; ++i) outbox.Put(SpanOf("/a"));
  EXPECT_EQ(outbox.dropped(), 3);
  EXPECT_EQ(outbox.TakeAll().size(), 2);
  outbox.Put(SpanOf("/a"));
  EXPECT_EQ(outbox.dropped(), 3);
}

TEST(OutboxTest, SpansBeyondTheirBytesAreDroppedAndCounted) {
  const std::string path(1000, 'a');
  Outbox outbox({.bytes = 2 * SpanOf(path)->Bytes()});
  for (int i = 0; i < 3; ++i) outbox.Put(SpanOf(path));
  EXPECT_EQ(outbox.dropped(), 1);
  EXPECT_EQ(outbox.TakeAll().size(), 2);
  outbox.Put(SpanOf(path));
  EXPECT_EQ(outbox.dropped(), 1);
}

TEST(OutboxTest, ABatchIsToldOfOnceForAsLongAsNobodyTakesIt) {
  int told = 0;
  Outbox outbox({.batch = 2});
  outbox.OnBatch([&told] { ++told; });
  for (int i = 0; i < 5; ++i) outbox.Put(SpanOf("/a"));
  EXPECT_EQ(told, 1);
  outbox.TakeAll();
  for (int i = 0; i < 2; ++i) outbox.Put(SpanOf("/a"));
  EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace singleflight::trace
