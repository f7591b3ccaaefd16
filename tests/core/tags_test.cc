// Groups that the YAML makes of requests: replies to reads are in them, writes drop them.

#include <deque>
#include <string>
#include <vector>

#include "server/core/changed_groups.h"
#include "tests/core/read_path_fixture.h"
#include "tests/wire/deflated.h"
#include "tests/wire/fields.h"

namespace singleflight::core {
namespace {

constexpr char kUpdate[] = "/shop.Catalog/Update";

std::vector<model::FieldTemplate> Templates(const std::vector<std::string>& texts) {
  std::vector<model::FieldTemplate> templates;
  for (const std::string& text : texts) {
    templates.push_back(*model::ParseFieldTemplate(text).parsed);
  }
  return templates;
}

std::string Item(uint64_t id) { return wire::Number(1, id); }
std::string Change(uint64_t id) { return wire::Text(2, Item(id)) + wire::Text(3, "green"); }

class TagsTest : public ReadPathTest {
 protected:
  TagsTest() {
    cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
    tags_ = Templates({"item:{1}", "list"});
  }

  // A write as its route sees it, from an authority.
  ChangedGroups Written(const std::vector<std::string>& invalidates,
                        const std::string& authority = "shop.example",
                        const Fields& metadata = {}) {
    RouteOptions options;
    options.upstream = "catalog";
    options.invalidates = Templates(invalidates);
    Route& writes = writes_.emplace_back(1, options, 0, shared(),
                                         model::KeyPolicy({}, "catalog", 7, fingerprints_));
    return {paths(1).around(), writes, RequestFrom(authority, kUpdate, metadata)};
  }

  void Write(const std::string& message, const std::vector<std::string>& invalidates) {
    ChangedGroups groups = Written(invalidates);
    groups.Read(Framed(message));
    groups.Drop();
  }

  void Keep(uint64_t id, absl::string_view value) {
    Ask(Item(id));
    Answer(value);
    EXPECT_THAT(Ask(Item(id)).reply(), IsOkWith(value));
  }
  bool IsKept(uint64_t id) { return static_cast<bool>(Look(Item(id)).reply); }

  uint64_t Wide(WideInvalidation why) {
    return paths(1).around().metrics[1]->wide_invalidations.of(why);
  }
  uint64_t Dropped() { return paths(1).around().metrics[1]->invalidations.value(); }

  model::Fingerprints fingerprints_;
  std::deque<Route> writes_;
};

TEST_F(TagsTest, AWriteDropsTheItemThatItsMessageNames) {
  Keep(7, "blue");
  Keep(8, "red");
  Write(Change(7), {"item:{2.1}"});
  EXPECT_FALSE(IsKept(7));
  EXPECT_TRUE(IsKept(8));
  EXPECT_EQ(Dropped(), 1);
  TestWaiter& after = Ask(Item(7));
  Answer("green");
  EXPECT_THAT(after.reply(), IsOkWith("green"));
}

TEST_F(TagsTest, ATagWithoutFieldsIsOneForAll) {
  Keep(7, "blue");
  Keep(8, "red");
  Write(Change(9), {"item:{2.1}", "list"});
  EXPECT_FALSE(IsKept(7));
  EXPECT_FALSE(IsKept(8));
  EXPECT_EQ(Dropped(), 2);
}

TEST_F(TagsTest, AValueThatIsAbsentMeetsOneThatIsZero) {
  Keep(0, "blue");
  Write("", {"item:{2.1}"});
  EXPECT_FALSE(IsKept(0));
}

TEST_F(TagsTest, TagsAndTheRepliesOwnGroupsAreOfOneKind) {
  Ask(Item(7));
  Answer("blue", {{"cache-groups", "\"shelf:3\""}});
  Write(wire::Number(5, 3), {"shelf:{5}"});
  EXPECT_FALSE(IsKept(7));
  Keep(7, "green");
  EXPECT_EQ(store_.Purge(cache::GroupScope("catalog", "catalog:50051", "item:7")), 1);
}

// PITFALLS 23
TEST_F(TagsTest, AReplyThatWasOnItsWayIsNotKept) {
  Ask(Item(7));
  Write(Change(7), {"item:{2.1}"});
  Answer("blue");
  EXPECT_EQ(Refused(cache::Refusal::kPurged), 1);
  EXPECT_FALSE(IsKept(7));
}

TEST_F(TagsTest, OneOfAnotherItemThatWasOnItsWayIsKept) {
  Ask(Item(8));
  Write(Change(7), {"item:{2.1}"});
  Answer("red");
  EXPECT_TRUE(IsKept(8));
}

// PITFALLS 32
TEST_F(TagsTest, ANewcomerAfterTheWriteJoinsNoFlightFromBefore) {
  TestWaiter& before = Ask(Item(7));
  Write(Change(7), {"item:{2.1}"});
  TestWaiter& after = AskOn(2, Item(7));
  EXPECT_EQ(after.role(), Role::kLeader);
  AnswerCall(0, "blue");
  AnswerCall(1, "green");
  EXPECT_THAT(before.reply(), IsOkWith("blue"));
  EXPECT_THAT(after.reply(), IsOkWith("green"));
  EXPECT_THAT(Ask(Item(7)).reply(), IsOkWith("green"));
}

TEST_F(TagsTest, ThatHoldsWithoutCacheToo) {
  cache_.reset();
  tags_.clear();
  Ask(Item(7));
  Write(Change(7), {"item:{2.1}"});
  EXPECT_EQ(AskOn(2, Item(7)).role(), Role::kLeader);
  AnswerCall(0, "blue");
  AnswerCall(1, "green");
}

TEST_F(TagsTest, AReplyToWhatCannotBeReadIsNotKept) {
  for (const std::string& message : {std::string("\xff", 1), wire::Text(1, "x") + "\x07"}) {
    Ask(message);
    Answer("blue");
    EXPECT_FALSE(Look(message).reply);
  }
  EXPECT_EQ(Refused(cache::Refusal::kTags), 2);
}

TEST_F(TagsTest, AReplyWithMoreTagsThanMayBeIsNotKept) {
  std::string many;
  for (uint64_t id = 1; id <= model::kMostTags; ++id) many += Item(id);
  Ask(many);
  Answer("blue");
  EXPECT_EQ(Refused(cache::Refusal::kTags), 1);
  EXPECT_FALSE(Look(many).reply);
}

TEST_F(TagsTest, ACallThatIsNotProtobufIsNotKept) {
  Fields json = {{":method", "POST"}, {":scheme", "http"},
                 {":path", kGet},     {":authority", "shop.example"},
                 {"te", "trailers"},  {"content-type", "application/grpc+json"}};
  TestWaiter& waiter = waiters_.emplace_back(paths(0));
  Serve(route(), waiter, Item(7),
        std::make_shared<const model::Request>(
            absl::get<model::Request>(model::ParseRequest(HeadersOf(json)))));
  Answer("blue");
  EXPECT_EQ(Refused(cache::Refusal::kTags), 1);
}

TEST_F(TagsTest, AWriteWhoseMessageCannotBeReadDropsEveryGroupOfItsUpstreamAndAuthority) {
  Keep(7, "blue");
  Keep(8, "red");
  Write("\xff", {"item:{2.1}"});
  EXPECT_FALSE(IsKept(7));
  EXPECT_FALSE(IsKept(8));
  EXPECT_EQ(Wide(WideInvalidation::kUnreadable), 1);
  EXPECT_EQ(Dropped(), 0);
}

// The schema that has its number is not there.
TEST_F(TagsTest, SoDoesOneThatNamesAFieldWithoutANumber) {
  Keep(7, "blue");
  Write(Change(7), {"item:{item.id}"});
  EXPECT_FALSE(IsKept(7));
  EXPECT_EQ(Wide(WideInvalidation::kUnknownField), 1);
}

TEST_F(TagsTest, NorIsAReplyWhoseTagNamesOneKept) {
  tags_ = Templates({"item:{id}"});
  Ask(Item(7));
  Answer("blue");
  EXPECT_FALSE(IsKept(7));
  EXPECT_EQ(Refused(cache::Refusal::kTags), 1);
}

TEST_F(TagsTest, SoDoesOneThatNamesTooMany) {
  Keep(7, "blue");
  std::string many;
  for (uint64_t id = 100; id <= 100 + model::kMostTags; ++id) many += wire::Text(2, Item(id));
  Write(many, {"item:{2.1}"});
  EXPECT_FALSE(IsKept(7));
  EXPECT_EQ(Wide(WideInvalidation::kManyTags), 1);
}

TEST_F(TagsTest, ThatConcernsRepliesWithGroupsOfTheirOwnAndNoneWithoutGroups) {
  tags_.clear();
  Ask(Item(7));
  Answer("blue", {{"cache-groups", "\"item:7\""}});
  Keep(8, "red");
  Write("\xff", {"item:{2.1}"});
  EXPECT_FALSE(IsKept(7));
  EXPECT_TRUE(IsKept(8)) << "it is in no group, so no write can name it";
}

TEST_F(TagsTest, AFlightFromBeforeSuchAWriteIsNeitherKeptNorJoined) {
  Ask(Item(7));
  Write("\xff", {"item:{2.1}"});
  TestWaiter& after = Ask(Item(7));
  EXPECT_EQ(after.role(), Role::kLeader);
  AnswerCall(0, "blue");
  EXPECT_EQ(Refused(cache::Refusal::kPurged), 1);
  AnswerCall(1, "green");
  EXPECT_THAT(after.reply(), IsOkWith("green"));
}

// Two tenants.
TEST_F(TagsTest, AWriteOfOneAuthorityDropsNothingOfAnother) {
  upstream_.PreserveAuthorities();
  const auto ask = [&](const std::string& authority) -> TestWaiter& {
    TestWaiter& waiter = waiters_.emplace_back(paths(0));
    Serve(route(), waiter, Item(7), RequestFrom(authority, kGet, {}));
    return waiter;
  };
  ask("a.example");
  Answer("blue");
  ask("b.example");
  Answer("red");
  for (const std::string& message : {Change(7), std::string("\xff", 1)}) {
    ChangedGroups groups = Written({"item:{2.1}"}, "B.example");
    groups.Read(Framed(message));
    groups.Drop();
    EXPECT_THAT(ask("a.example").reply(), IsOkWith("blue"));
    TestWaiter& after = ask("b.example");
    EXPECT_EQ(after.heard(), 0);
    Answer("green");
  }
}

// A caller of a route with `tags` that compresses its messages.
TEST_F(TagsTest, WhatACompressedMessageSaysCounts) {
  const std::string message = Framed(wire::Deflated(wire::Encoding::kGzip, Item(7)), true);
  TestWaiter& reader = waiters_.emplace_back(paths(0));
  const auto request = RequestFor(kGet, {{"grpc-encoding", "gzip"}});
  paths(0).Serve(
      route(), {trust_, request, message, [&] { return base::Slice(message); }, deadline_, client_},
      reader);
  Answer("blue");
  EXPECT_TRUE(IsKept(7)) << "its key is that of callers that do not compress";
  Write(Change(7), {"item:{2.1}"});
  EXPECT_FALSE(IsKept(7));
  Keep(7, "green");
  Keep(8, "red");
  ChangedGroups groups = Written({"item:{2.1}"}, "shop.example", {{"grpc-encoding", "gzip"}});
  groups.Read(Framed(wire::Deflated(wire::Encoding::kGzip, Change(7)), true));
  groups.Drop();
  EXPECT_FALSE(IsKept(7));
  EXPECT_TRUE(IsKept(8));
}

TEST_F(TagsTest, AWriteCompressedInAWayThatCannotBeUndoneDropsEveryGroup) {
  for (const char* encoding : {"gzip", "zstd"}) {
    Keep(8, "red");
    ChangedGroups groups = Written({"item:{2.1}"}, "shop.example", {{"grpc-encoding", encoding}});
    groups.Read(Framed("no such stream", true));
    groups.Drop();
    EXPECT_FALSE(IsKept(8)) << encoding;
  }
  EXPECT_EQ(Wide(WideInvalidation::kUnreadable), 2);
}

TEST_F(TagsTest, OnlyTheFirstReasonIsCountedAndItIsDroppedAsOftenAsAsked) {
  ChangedGroups groups = Written({"item:{2.1}"});
  EXPECT_FALSE(groups.known());
  groups.Widen(WideInvalidation::kNoMessage);
  groups.Widen(WideInvalidation::kSecondMessage);
  for (int i = 0; i < 3; ++i) {
    Keep(7, "blue");
    groups.Drop();
    EXPECT_FALSE(IsKept(7));
  }
  EXPECT_EQ(Wide(WideInvalidation::kNoMessage), 1);
  EXPECT_EQ(Wide(WideInvalidation::kSecondMessage), 0);
}

}  // namespace
}  // namespace singleflight::core
