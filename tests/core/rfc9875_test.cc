// What RFC 9875 (groups of HTTP caches) says, adapted to gRPC: a row for each case, named after its
// section. Methods that write stand for unsafe ones: calls of routes that only relay.
//
// A row keeps a reply, has another call answered, and asks again.

#include <ostream>
#include <string>
#include <vector>

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

constexpr char kUpdate[] = "/shop.Catalog/Update";

enum class By {
  kWrite,           // on a route that relays
  kRead,            // on a route that keeps replies
  kOtherAuthority,  // a write to another authority
};

struct GroupRow {
  std::string name;  // section, and what is said there
  Fields kept;
  Fields answer;  // to the other call, in its first block
  bool stays;
  By by = By::kWrite;
};

std::ostream& operator<<(std::ostream& out, const GroupRow& row) { return out << row.name; }

Fields In(const std::string& groups) { return {{"cache-groups", groups}}; }
Fields Drops(const std::string& groups) { return {{"cache-group-invalidation", groups}}; }

// One of thirty-two characters, and the thirty-two first of them.
std::string Long(int number) {
  std::string group = std::to_string(100 + number);
  group.resize(32, '-');
  return "\"" + group + "\"";
}
std::string Many() {
  std::string text = Long(0);
  for (int i = 1; i < 32; ++i) text += ", " + Long(i);
  return text;
}

const GroupRow kGroupRows[] = {
    // The groups that a reply is in.
    {"S2_AReplyIsInItsGroup", In("\"kettles\""), Drops("\"kettles\""), false},
    {"S2_AReplyIsInAllOfItsGroups", In("\"pans\", \"kettles\""), Drops("\"kettles\""), false},
    {"S2_SeveralFieldsAreOneList",
     {{"cache-groups", "\"pans\""}, {"cache-groups", "\"kettles\""}},
     Drops("\"kettles\""),
     false},
    {"S2_AReplyWithoutGroupsIsInNone", {}, Drops("\"kettles\""), true},
    {"S2_ParametersAreIgnored", In("\"kettles\";a=1"), Drops("\"kettles\";b"), false},
    {"S2_ThirtyTwoGroupsOfThirtyTwoCharactersAreTaken", In(Many()), Drops(Long(31)), false},
    {"S2_1_GroupsAreComparedByCharacter", In("\"kettles\""), Drops("\"Kettles\""), true},
    {"S2_1_AGroupIsNoPrefixOfAnother", In("\"kettles\""), Drops("\"kettle\""), true},
    {"S2_1_GroupsOfAnotherOriginAreOthers", In("\"kettles\""), Drops("\"kettles\""), true,
     By::kOtherAuthority},
    // Replies that drop them.
    {"S3_AllGroupsThatAreNamedAreDropped", In("\"kettles\""), Drops("\"pans\", \"kettles\""),
     false},
    {"S3_SeveralFieldsAreOneList",
     In("\"kettles\""),
     {{"cache-group-invalidation", "\"pans\""}, {"cache-group-invalidation", "\"kettles\""}},
     false},
    {"S3_OtherGroupsStay", In("\"kettles\""), Drops("\"pans\""), true},
    {"S3_AReplyToASafeMethodDropsNothing", In("\"kettles\""), Drops("\"kettles\""), true,
     By::kRead},
    {"S3_TheGroupsOfTheWritesOwnReplyAreNotDropped", In("\"kettles\""), In("\"kettles\""), true},
    // RFC 9651 §4.2: a field that cannot be parsed is as if it were not there.
    {"S3_AFieldThatCannotBeReadIsIgnored", In("\"kettles\""), Drops("kettles"), true},
};

class Rfc9875Test : public ReadPathTest, public ::testing::WithParamInterface<GroupRow> {
 protected:
  Rfc9875Test() { cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false}; }

  TestWaiter& AskFrom(const std::string& authority, const std::string& id) {
    TestWaiter& waiter = waiters_.emplace_back(paths(0));
    Serve(route(), waiter, id, RequestFrom(authority, kGet, {}));
    return waiter;
  }

  void Write(const std::string& authority, const Fields& block) {
    RouteOptions relays;
    relays.upstream = "catalog";
    Route writes(1, relays, 0, shared(), model::KeyPolicy({}, "catalog", 7, fingerprints_));
    const auto request = RequestFrom(authority, kUpdate, {});
    paths(1).Invalidate(writes, *request, HeadersOf(block)).Forget();
  }

  model::Fingerprints fingerprints_;
};

TEST_P(Rfc9875Test, WhatWasKeptStaysOrNot) {
  const GroupRow& row = GetParam();
  upstream_.PreserveAuthorities();
  AskFrom("shop.example", "id-7");
  Answer("old", row.kept);
  switch (row.by) {
    case By::kWrite:
      Write("shop.example", row.answer);
      break;
    case By::kOtherAuthority:
      Write("other.example", row.answer);
      break;
    case By::kRead:
      AskFrom("shop.example", "id-8");
      Answer("another", row.answer);
      break;
  }
  const size_t calls = upstream_.calls();
  const TestWaiter& after = AskFrom("shop.example", "id-7");
  EXPECT_EQ(upstream_.calls() == calls, row.stays);
  if (!row.stays) Answer("new");
  EXPECT_THAT(after.reply(), IsOkWith(row.stays ? "old" : "new"));
}

INSTANTIATE_TEST_SUITE_P(Rows, Rfc9875Test, ::testing::ValuesIn(kGroupRows),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace singleflight::core
