#include "server/core/route.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include <string>

namespace singleflight::core {
namespace {

struct Glob {
  const char* pattern;
  const char* text;
  bool matches;
};

TEST(GlobTest, AStarStandsForAnyRunOfCharacters) {
  const Glob table[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"/*", "/shop.Catalog/Get", true},
      {"/shop.Catalog/Get", "/shop.Catalog/Get", true},
      {"/shop.Catalog/Get", "/shop.Catalog/GetAll", false},
      {"/shop.Catalog/GetAll", "/shop.Catalog/Get", false},
      {"/shop.Catalog/Get*", "/shop.Catalog/Get", true},
      {"/shop.Catalog/Get*", "/shop.Catalog/GetAll", true},
      {"/shop.Catalog/Get*", "/shop.Catalog/List", false},
      {"*/Get", "/shop.Catalog/Get", true},
      {"/*/Get", "/shop.Catalog/Get", true},
      {"/*/Get", "/shop.Catalog/Forget", false},
      {"/shop.*/*Item", "/shop.Catalog/GetItem", true},
      {"/shop.*/*Item", "/shop.Catalog/GetItems", false},
      {"a*b*c", "abbbcbc", true},
      {"a*b*c", "acb", false},
      {"**a**", "bab", true},
      {"/Shop/Get", "/shop/get", false},
      {"?", "a", false},
  };
  for (const Glob& row : table) {
    EXPECT_EQ(GlobMatches(row.pattern, row.text), row.matches) << row.pattern << " " << row.text;
  }
}

TEST(GlobTest, ManyStarsCostNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "a*";
  EXPECT_FALSE(GlobMatches(pattern + "b", std::string(10'000, 'a')));
}

class RouteTableTest : public ::testing::Test {
 protected:
  size_t AddRoute(const std::string& method,
                  absl::optional<std::string> authority = absl::nullopt) {
    RouteOptions options;
    options.match = {method, std::move(authority)};
    return table_.Add(options, 0, shared_, model::KeyPolicy({}, "catalog", 7, fingerprints_)).index;
  }
  // The index of the route that takes the call; -1: none does.
  int Find(const std::string& authority, const std::string& path = "/shop.Catalog/Get") {
    const Route* route = table_.Find(authority, path);
    return route == nullptr ? -1 : static_cast<int>(route->index);
  }

  UpstreamBounds shared_{"catalog", 1, 1, 1};
  model::Fingerprints fingerprints_;
  RouteTable table_;
};

TEST_F(RouteTableTest, TheFirstMatchWins) {
  AddRoute("/shop.Catalog/Get");
  AddRoute("/shop.Catalog/*");
  AddRoute("/*");
  EXPECT_EQ(Find("a", "/shop.Catalog/Get"), 0);
  EXPECT_EQ(Find("a", "/shop.Catalog/List"), 1);
  EXPECT_EQ(Find("a", "/shop.Orders/Get"), 2);
}

TEST_F(RouteTableTest, ACallThatNoRouteMatchesHasNone) {
  EXPECT_EQ(Find("a"), -1);
  AddRoute("/shop.Orders/*");
  EXPECT_EQ(Find("a"), -1);
}

TEST_F(RouteTableTest, ARouteWithoutAuthorityTakesEvery) {
  AddRoute("/*");
  EXPECT_EQ(Find("anything:1"), 0);
}

TEST_F(RouteTableTest, AnAuthorityWithoutAPortMatchesAnyPort) {
  AddRoute("/*", "shop.example");
  EXPECT_EQ(Find("shop.example"), 0);
  EXPECT_EQ(Find("shop.example:8080"), 0);
  EXPECT_EQ(Find("other.example:8080"), -1);
}

TEST_F(RouteTableTest, AnAuthorityWithAPortMatchesThatPort) {
  AddRoute("/*", "shop.example:8080");
  EXPECT_EQ(Find("shop.example:8080"), 0);
  EXPECT_EQ(Find("shop.example:9090"), -1);
  EXPECT_EQ(Find("shop.example"), -1);
}

TEST_F(RouteTableTest, AuthoritiesAreComparedWithoutCase) {
  AddRoute("/*", "Shop.Example");
  EXPECT_EQ(Find("sHOP.eXAMPLE:80"), 0);
}

TEST_F(RouteTableTest, AnAuthorityMayHaveAStar) {
  AddRoute("/*", "*.example");
  EXPECT_EQ(Find("shop.example:80"), 0);
  EXPECT_EQ(Find("example:80"), -1);
  EXPECT_EQ(Find("shop.example.org"), -1);
}

TEST_F(RouteTableTest, TheColonsOfAnIpv6AddressAreNoPort) {
  AddRoute("/*", "[::1]");
  EXPECT_EQ(Find("[::1]"), 0);
  EXPECT_EQ(Find("[::1]:80"), 0);
  EXPECT_EQ(Find("[::2]"), -1);
}

TEST_F(RouteTableTest, BothPatternsMustMatch) {
  AddRoute("/shop.Catalog/*", "shop.example");
  EXPECT_EQ(Find("shop.example", "/shop.Orders/Get"), -1);
  EXPECT_EQ(Find("other.example", "/shop.Catalog/Get"), -1);
}

TEST_F(RouteTableTest, RoutesStayWhereTheyAreWhenMoreAreAdded) {
  AddRoute("/shop.Catalog/Get");
  const Route* first = table_.Find("a", "/shop.Catalog/Get");
  for (int i = 0; i < 1000; ++i) AddRoute("/*");
  EXPECT_EQ(table_.Find("a", "/shop.Catalog/Get"), first);
}

// PITFALLS 33
TEST(PolicyTest, RoutesThatDifferInCollapseOrCacheHaveDifferentPolicies) {
  std::set<std::string> policies;
  const auto add = [&](const auto& change) {
    RouteOptions options;
    options.collapse = CollapseOptions();
    options.cache = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
    change(options);
    policies.insert(PolicyOf(options));
  };
  add([](RouteOptions&) {});
  add([](RouteOptions& options) { options.collapse.reset(); });
  add([](RouteOptions& options) { options.cache.reset(); });
  add([](RouteOptions& options) { options.cache->ttl = absl::Seconds(6); });
  add([](RouteOptions& options) { options.cache->max_ttl = absl::Seconds(6); });
  add([](RouteOptions& options) { options.cache->override_reply = true; });
  add([](RouteOptions& options) { options.cache->jitter = 1; });
  add([](RouteOptions& options) { options.cache->stale_while_revalidate = absl::Seconds(6); });
  add([](RouteOptions& options) { options.cache->request_cache_control = false; });
  add([](RouteOptions& options) { options.cache->stale_if_error = absl::Seconds(6); });
  add([](RouteOptions& options) {
    options.cache->negative.Set(wire::StatusCode::kNotFound, absl::Seconds(6));
  });
  add([](RouteOptions& options) { options.collapse->flight_timeout = absl::Seconds(1); });
  add([](RouteOptions& options) { options.collapse->max_join_age = absl::Seconds(2); });
  add([](RouteOptions& options) { options.collapse->on_abandon = OnAbandon::kComplete; });
  add([](RouteOptions& options) { options.collapse->max_waiters = 1; });
  add([](RouteOptions& options) { options.collapse->max_request_bytes = 1; });
  add([](RouteOptions& options) { options.collapse->max_reply_bytes = 1; });
  add([](RouteOptions& options) { options.match.fields = {{{7}, true}}; });
  add([](RouteOptions& options) { options.match.fields = {{{7}, false}}; });
  add([](RouteOptions& options) { options.tags = {*model::ParseFieldTemplate("a:{1}").parsed}; });
  add([](RouteOptions& options) { options.tags = {*model::ParseFieldTemplate("b:{1}").parsed}; });
  EXPECT_EQ(policies.size(), 21u);
}

TEST_F(RouteTableTest, AMethodThatASchemaKnowsHasRulesOfItsOwn) {
  RouteOptions options;
  options.match.method = "*/shop.Catalog/*";
  options.collapse = CollapseOptions();
  const auto policy = [this] { return model::KeyPolicy({}, "catalog", 7, fingerprints_); };
  Route& route = table_.Add(options, 0, shared_, policy());
  RouteOptions relayed = options;
  relayed.collapse.reset();
  const Route& other = table_.AddFor(route, {"/shop.Catalog/Watch"}, relayed, policy());
  EXPECT_EQ(table_.Find("a", "/shop.Catalog/Watch"), &other);
  EXPECT_EQ(table_.Find("a", "/api/shop.Catalog/Watch"), &other);
  EXPECT_EQ(table_.Find("a", "/shop.Catalog/Get"), &route);
  EXPECT_EQ(other.index, route.index);
  EXPECT_TRUE(other.relays());
  EXPECT_EQ(table_.routes().size(), 1u);
}

TEST_F(RouteTableTest, WhatIsFoundOfARuleHoldsForAllThatBecomesOfIt) {
  RouteOptions options;
  options.collapse = CollapseOptions();
  options.verify = 1;
  const auto policy = [this] { return model::KeyPolicy({}, "catalog", 7, fingerprints_); };
  Route& route = table_.Add(options, 0, shared_, policy());
  const Route& other = table_.AddFor(route, {"/shop.Catalog/Get"}, options, policy());
  EXPECT_EQ(other.verification, route.verification);
  RouteTable next;
  EXPECT_EQ(next.Add(options, 0, shared_, policy(), &route).verification, route.verification);
  EXPECT_NE(next.Add(options, 0, shared_, policy()).verification, route.verification);
}

TEST_F(RouteTableTest, OfARuleInShadowAMethodThatSharesNothingIsRelayed) {
  RouteOptions options;
  options.collapse = CollapseOptions();
  options.mode = Mode::kShadow;
  const auto policy = [this] { return model::KeyPolicy({}, "catalog", 7, fingerprints_); };
  Route& route = table_.Add(options, 0, shared_, policy());
  options.collapse.reset();
  const Route& other = table_.AddFor(route, {"/shop.Catalog/Watch"}, options, policy());
  EXPECT_TRUE(route.shadows());
  EXPECT_FALSE(other.shadows());
  EXPECT_TRUE(other.relays());
}

TEST(RouteTest, WhatASchemaSaysIsUnaryIsDeclaredUnaryAndLeavesKeysAsTheyAre) {
  RouteOptions options;
  options.collapse = CollapseOptions();
  EXPECT_FALSE(FlightRulesOf(options).unary);
  const std::string policy = PolicyOf(options);
  options.unary = true;
  EXPECT_TRUE(FlightRulesOf(options).unary);
  EXPECT_EQ(PolicyOf(options), policy);
}

}  // namespace
}  // namespace singleflight::core
