// Which route a message chooses, of those that its call's headers match.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/core/route.h"
#include "tests/wire/fields.h"

namespace singleflight::core {
namespace {

constexpr char kRange[] = "/etcdserverpb.KV/Range";

class ChooseTest : public ::testing::Test {
 protected:
  Route& Add(const std::string& method, const std::vector<model::FieldCondition>& fields = {},
             absl::optional<std::string> authority = absl::nullopt) {
    RouteOptions options;
    options.match = {method, std::move(authority), fields};
    return table_.Add(options, 0, shared_, policy());
  }

  model::KeyPolicy policy() { return model::KeyPolicy({}, "catalog", 7, fingerprints_); }

  static model::FieldCondition Field(const char* path, model::FieldScalar wanted) {
    return {*model::ParseFieldPath(path), std::move(wanted)};
  }

  // The index of the route; -1: none takes the call.
  int Chosen(absl::optional<absl::string_view> message, const std::string& authority = "a",
             const std::string& path = kRange) {
    const Route* first = table_.Find(authority, path);
    if (first == nullptr) return -1;
    if (!first->asks_message()) return static_cast<int>(first->index);
    const Route* chosen = table_.Choose(*first, authority, path, message);
    return chosen == nullptr ? -1 : static_cast<int>(chosen->index);
  }

  UpstreamBounds shared_{"catalog", 1, 1, 1};
  model::Fingerprints fingerprints_;
  RouteTable table_;
};

TEST_F(ChooseTest, TheFirstRouteWhoseFieldsAllHoldIsChosen) {
  Add(kRange, {Field("7", true), Field("2", std::string())});
  Add(kRange, {Field("7", true)});
  Add("/*");
  EXPECT_EQ(Chosen(wire::Number(7, 1)), 0);
  EXPECT_EQ(Chosen(wire::Number(7, 1) + wire::Text(2, "z")), 1);
  EXPECT_EQ(Chosen(wire::Number(7, 0)), 2);
  EXPECT_EQ(Chosen(""), 2);
}

TEST_F(ChooseTest, AChosenRouteHasTheRulesOfTheMethod) {
  Route& route = Add(kRange, {Field("7", true)});
  const Route& of_method = table_.AddFor(route, {kRange}, route.options, policy());
  EXPECT_EQ(table_.Find("a", kRange), &of_method);
  EXPECT_EQ(table_.Choose(of_method, "a", kRange, wire::Number(7, 1)), &of_method);
}

// A name is another number in another method.
TEST_F(ChooseTest, FieldsHaveTheNumbersThatTheyHaveInTheMethod) {
  Route& route = Add("/etcdserverpb.KV/*", {{{}, true, "serializable"}});
  RouteOptions of_range = route.options;
  of_range.match.fields[0].path = {7};
  table_.AddFor(route, {kRange}, of_range, policy());
  Add("/*");
  EXPECT_EQ(Chosen(wire::Number(7, 1)), 0);
  EXPECT_EQ(Chosen(""), 1);
  EXPECT_EQ(Chosen(wire::Number(7, 1), "a", "/etcdserverpb.KV/Put"), 1) << "no number is known";
}

TEST_F(ChooseTest, ARouteForWhatIsAbsentTakesThat) {
  Add(kRange, {Field("7", false)});
  Add("/*");
  EXPECT_EQ(Chosen(""), 0);
  EXPECT_EQ(Chosen(wire::Number(7, 1)), 1);
}

TEST_F(ChooseTest, AMessageThatCannotBeReadChoosesNoRouteThatAsks) {
  Add(kRange, {Field("7", false)});
  Add("/*");
  EXPECT_EQ(Chosen(absl::nullopt), 1);
  EXPECT_EQ(Chosen(absl::string_view("\xff", 1)), 1);
}

TEST_F(ChooseTest, ThePatternsStillDecide) {
  Add(kRange, {Field("7", true)}, "shop.example");
  Add("/etcdserverpb.KV/Put", {Field("7", true)});
  Add(kRange, {Field("7", true)});
  EXPECT_EQ(Chosen(wire::Number(7, 1), "shop.example"), 0);
  EXPECT_EQ(Chosen(wire::Number(7, 1), "other.example"), 2);
  EXPECT_EQ(Chosen(wire::Number(7, 1), "a", "/etcdserverpb.KV/Put"), 1);
  EXPECT_EQ(Chosen("", "shop.example"), -1) << "no route is left";
  EXPECT_EQ(Chosen(wire::Number(7, 1), "a", "/etcdserverpb.KV/Txn"), -1);
}

TEST_F(ChooseTest, ARouteAboveThatAsksNothingIsNotWaitedFor) {
  Add("/etcdserverpb.KV/*");
  Add(kRange, {Field("7", true)});
  EXPECT_FALSE(table_.Find("a", kRange)->asks_message());
  EXPECT_EQ(Chosen(absl::nullopt), 0);
}

TEST(RouteTextTest, SaysWhatARouteMatches) {
  MatchOptions match{"/shop.Catalog/Get*", "*.example"};
  EXPECT_EQ(ToText(match), "*.example/shop.Catalog/Get*");
  match.fields = {{{7}, true}, {{3, 2}, std::string("blue")}};
  EXPECT_EQ(ToText(match), "*.example/shop.Catalog/Get*?7=true&3.2=\"blue\"");
}

}  // namespace
}  // namespace singleflight::core
