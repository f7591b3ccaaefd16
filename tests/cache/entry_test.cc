#include "server/cache/entry.h"

#include "tests/cache/replies.h"

namespace singleflight::cache {
namespace {

const Lifespan kLifespan = {base::Instant(std::chrono::seconds(100)),
                            base::Instant(std::chrono::seconds(105))};

Scope Group(const std::string& group) { return GroupScope("catalog", "shop", group); }

std::shared_ptr<Entry> EntryWith(const model::Reply& reply, const std::vector<Scope>& groups = {}) {
  return Entry::Make(KeyOf("id-7"), reply, kLifespan, {MethodScope(kGet), groups}, 3);
}

void ExpectSame(const model::Reply& a, const model::Reply& b) {
  EXPECT_EQ(a.initial.packed(), b.initial.packed());
  EXPECT_EQ(a.body, b.body);
  EXPECT_EQ(a.trailing.packed(), b.trailing.packed());
  EXPECT_EQ(a.trailers_only, b.trailers_only);
  EXPECT_EQ(a.status(), b.status());
}

TEST(EntryTest, ItsReplyIsByteForByteWhatWasPut) {
  const model::Reply reply =
      ReplyWith({{"x-a", "1"}, {"x-a", ""}, {"x-b", std::string("\0\xff", 2)}},
                {{"x-cost", "3"}, {"grpc-status-details-bin", "CAUSE"}},
                std::string("\0\0\0\0\x03"
                            "abc",
                            8));
  ExpectSame(Entry::ReplyOf(EntryWith(reply, {Group("a")})), reply);
}

TEST(EntryTest, TheSpanThatMadeItsReplyIsKeptAndCounted) {
  model::Reply reply = OkReply("blue kettle");
  const size_t without = EntryWith(reply, {Group("a")})->bytes;
  reply.made_by.trace.fill(1);
  reply.made_by.span.fill(2);
  const std::shared_ptr<Entry> entry = EntryWith(reply, {Group("a")});
  EXPECT_EQ(Entry::ReplyOf(entry).made_by, reply.made_by);
  EXPECT_EQ(entry->bytes, without + 24);
  EXPECT_EQ(entry->bytes, Entry::FootprintOf(KeyOf("id-7"), reply, 1));
  ExpectSame(Entry::ReplyOf(entry), reply);
}

TEST(EntryTest, AReplyOfOneBlockStaysOne) {
  const model::Reply reply = TrailersOnly({{":status", "200"}, {"grpc-status", "0"}});
  EXPECT_TRUE(Entry::ReplyOf(EntryWith(reply)).trailers_only);
  ExpectSame(Entry::ReplyOf(EntryWith(reply, {Group("a"), Group("b")})), reply);
}

TEST(EntryTest, AReplyOfTwoBlocksAndNoMessageStaysOne) {
  ExpectSame(Entry::ReplyOf(EntryWith(OkReply(""))), OkReply(""));
}

TEST(EntryTest, FieldsThatMustNotBeIndexedStaySo) {
  model::ReplyParts parts;
  parts.initial.Add(":status", "200");
  parts.initial.Add("x-token", "secret", true);
  parts.trailing.Add("grpc-status", "0");
  const model::Reply reply = Entry::ReplyOf(EntryWith(model::MakeReply(std::move(parts))));
  auto field = reply.initial.begin();
  EXPECT_FALSE((*field).never_index);
  ++field;
  EXPECT_TRUE((*field).never_index);
}

TEST(EntryTest, ItHasItsKeyItsLifespanAndTheNumberOfItsFill) {
  const auto entry = EntryWith(OkReply("blue kettle"));
  EXPECT_EQ(entry->key(), "id-7");
  EXPECT_EQ(entry->hash, KeyOf("id-7").hash);
  EXPECT_EQ(entry->number(), 3);
  EXPECT_EQ(entry->lifespan().born, kLifespan.born);
  EXPECT_EQ(entry->lifespan().expires, kLifespan.expires);
}

TEST(EntryTest, ItHoldsNothingOfTheReplyThatWasPut) {
  auto counter = std::make_shared<int>();
  model::ReplyParts parts;
  parts.body = "blue kettle";
  parts.attachment = counter;
  const auto entry = EntryWith(model::MakeReply(std::move(parts)));
  EXPECT_EQ(counter.use_count(), 1);
  EXPECT_EQ(Entry::ReplyOf(entry).body, "blue kettle");
}

TEST(EntryTest, ItsReplyKeepsItAlive) {
  std::shared_ptr<Entry> entry = EntryWith(OkReply("blue kettle"));
  const std::weak_ptr<Entry> seen = entry;
  model::Reply reply = Entry::ReplyOf(entry);
  entry.reset();
  EXPECT_EQ(reply.body, "blue kettle");
  reply = model::Reply();
  EXPECT_TRUE(seen.expired());
}

TEST(EntryTest, ItsFootprintIsItsOwnBytesAndLessThan130More) {
  const model::Reply reply = ReplyWith({{"x-a", "1"}}, {}, std::string(1000, 'x'));
  const size_t own = std::string("id-7").size() + reply.initial.packed().size() + 1000 +
                     reply.trailing.packed().size();
  const auto entry = EntryWith(reply);
  EXPECT_EQ(entry->bytes, Entry::FootprintOf(KeyOf("id-7"), reply, 0));
  EXPECT_GE(entry->bytes, own + sizeof(Entry));
  EXPECT_LE(entry->bytes, own + 130);
}

TEST(EntryTest, WhatFewEntriesHaveCountsWithTheseAlone) {
  const model::Reply reply = OkReply("blue kettle");
  const auto plain = EntryWith(reply);
  EXPECT_FALSE(plain->extended());
  EXPECT_EQ(plain->extension(), Extension());
  const Extension extension = {wire::StatusCode::kNotFound};
  const auto extended =
      Entry::Make(KeyOf("id-7"), reply, kLifespan, {MethodScope(kGet), {Group("a")}}, 3, extension);
  EXPECT_EQ(extended->bytes, Entry::FootprintOf(KeyOf("id-7"), reply, 1, true));
  EXPECT_EQ(extended->bytes, EntryWith(reply, {Group("a")})->bytes + sizeof(Extension));
  EXPECT_EQ(extended->extension(), extension);
  EXPECT_EQ(Entry::ReplyOf(extended).body, "blue kettle");
  EXPECT_EQ(extended->key(), "id-7");
}

TEST(EntryTest, EveryGroupCounts) {
  const model::Reply reply = OkReply("blue kettle");
  EXPECT_EQ(EntryWith(reply, {Group("a"), Group("b")})->bytes,
            EntryWith(reply)->bytes + 2 * (sizeof(GroupLink) + GroupIndex::kSlotBytes));
}

TEST(EntryTest, APurgeConcernsItByKeyMethodAnyGroupOrAsPartOfEverything) {
  const auto entry = EntryWith(OkReply("blue kettle"), {Group("a"), Group("b")});
  for (const Scope& scope :
       {KeyScope(KeyOf("id-7")), MethodScope(kGet), Group("a"), Group("b"), EverythingScope()}) {
    EXPECT_TRUE(entry->MatchesAny({scope})) << static_cast<int>(scope.kind);
    EXPECT_TRUE(entry->MatchesAny({Group("z"), scope}));
  }
}

TEST(EntryTest, APurgeOfSomethingElseDoesNot) {
  const auto entry = EntryWith(OkReply("blue kettle"), {Group("a")});
  EXPECT_FALSE(entry->MatchesAny({}));
  EXPECT_FALSE(entry->MatchesAny({KeyScope(KeyOf("id-8")), MethodScope("/shop.Catalog/List"),
                                  Group("b"), GroupScope("stock", "shop", "a")}));
  EXPECT_FALSE(EntryWith(OkReply("blue kettle"))->MatchesAny({Group("a")}));
}

TEST(EntryTest, TheSameNumberInAnotherKindOfScopeIsSomethingElse) {
  const auto entry = EntryWith(OkReply("blue kettle"), {Group("a")});
  EXPECT_FALSE(entry->MatchesAny({{Scope::Kind::kKey, Group("a").id}}));
  EXPECT_FALSE(entry->MatchesAny({{Scope::Kind::kMethod, entry->hash}}));
  EXPECT_FALSE(entry->MatchesAny({{Scope::Kind::kGroup, MethodScope(kGet).id}}));
}

}  // namespace
}  // namespace singleflight::cache
