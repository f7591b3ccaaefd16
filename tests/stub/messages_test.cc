// Messages taken out of the bytes of a request.

#include "server/stub/messages.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/testing/raw_peer.h"

namespace singleflight::stub {
namespace {

using singleflight::testing::Framed;

std::string TextOf(const Message& message) {
  std::string text;
  for (const base::Slice& part : message.parts) {
    text.append(part.view().data(), part.view().size());
  }
  EXPECT_EQ(text.size(), message.bytes);
  return text;
}

// Takes what is whole, in order; each compressed one begins with "z:".
std::vector<std::string> TakeAll(Messages& messages) {
  std::vector<std::string> taken;
  for (; !messages.whole().empty(); messages.whole().pop_front()) {
    const Message& message = messages.whole().front();
    taken.push_back((message.compressed ? "z:" : "") + TextOf(message));
  }
  return taken;
}

using Texts = std::vector<std::string>;

TEST(MessagesTest, ARunOfBytesMayHoldSeveralMessages) {
  Messages messages;
  EXPECT_TRUE(messages.Feed(base::Slice(Framed("one") + Framed("") + Framed("three", 1))));
  EXPECT_EQ(messages.whole_bytes(), 3 * 5 + 3 + 0 + 5u);
  EXPECT_EQ(messages.unfinished(), 0u);
  EXPECT_EQ(TakeAll(messages), (Texts{"one", "", "z:three"}));
}

TEST(MessagesTest, AMessageMayComeAByteAtATime) {
  Messages messages;
  const std::string bytes = Framed("kettle") + Framed("pot");
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_EQ(messages.whole().size(), i < 11 ? 0u : 1u);
    EXPECT_TRUE(messages.Feed(base::Slice(std::string(1, bytes[i]))));
  }
  EXPECT_EQ(TakeAll(messages), (Texts{"kettle", "pot"}));
}

TEST(MessagesTest, WhatIsNotWholeCountsWithItsPrefix) {
  Messages messages;
  const std::string bytes = Framed("kettle");
  EXPECT_TRUE(messages.Feed(base::Slice(bytes.substr(0, 3))));
  EXPECT_EQ(messages.unfinished(), 3u);
  EXPECT_TRUE(messages.Feed(base::Slice(bytes.substr(3, 4))));
  EXPECT_EQ(messages.unfinished(), 7u);
  EXPECT_EQ(messages.whole_bytes(), 0u);
}

TEST(MessagesTest, PiecesOfOneOwnerBecomeOnePart) {
  Messages messages;
  const base::Slice whole(Framed("kettle"));
  for (size_t at = 0; at < whole.size(); at += 4) {
    EXPECT_TRUE(messages.Feed(base::Slice(whole.owner(), whole.view().substr(at, 4))));
  }
  ASSERT_EQ(messages.whole().size(), 1u);
  EXPECT_EQ(messages.whole().front().parts.size(), 1u);
}

TEST(MessagesTest, AFlagThatIsNeitherOfTheTwoIsNoMessage) {
  Messages messages;
  EXPECT_TRUE(messages.Feed(base::Slice(Framed("one"))));
  EXPECT_FALSE(messages.Feed(base::Slice(Framed("two", 2))));
}

TEST(MessagesTest, ALengthIsReadAsItStands) {
  Messages messages;
  const std::string large(70000, 'x');
  EXPECT_TRUE(messages.Feed(base::Slice(Framed(large))));
  EXPECT_EQ(TakeAll(messages), Texts{large});
}

TEST(MessagesTest, APrefixThatClaimsFourGigabytesTakesNoMemory) {
  Messages messages;
  EXPECT_TRUE(messages.Feed(base::Slice(std::string("\0\xff\xff\xff\xff", 5))));
  EXPECT_TRUE(messages.Feed(base::Slice("abc")));
  EXPECT_EQ(messages.unfinished(), 8u);
}

}  // namespace
}  // namespace singleflight::stub
