// What is refused and warned of between routes.

#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(RoutesTest, ARouteThatIsNeverReachedIsRefused) {
  EXPECT_THAT(MistakesIn(WithRoutes(
                  {"match: {method: /a/b}", "match: {method: /*}", "match: {method: /a/c}"})),
              ElementsAre("f.yaml:6:26: routes[2].match: is never reached: routes[1] in line 5 "
                          "(\"/*\") takes every call that "
                          "it matches; move this route above that one or remove it"));
}

TEST(RoutesTest, ARouteWithoutMatchTakesEverything) {
  EXPECT_THAT(MistakesIn(WithRoutes({"collapse: false", "match: {method: /a/c}"})),
              ElementsAre(HasSubstr("routes[1].match: is never reached: routes[0] in line 4")));
}

TEST(RoutesTest, TheSameMatchTwiceIsRefused) {
  EXPECT_THAT(MistakesIn(WithRoutes({"match: {method: /a/c}", "match: {method: /a/c}"})),
              ElementsAre(HasSubstr("routes[1].match: is never reached")));
}

TEST(RoutesTest, AnAuthorityKeepsALaterRouteReachable) {
  EXPECT_THAT(MistakesIn(WithRoutes({"match: {authority: a.example}", "match: {method: /a/c}"})),
              IsEmpty());
}

TEST(RoutesTest, ARouteForOneAuthorityAfterTheRouteForAllIsRefused) {
  EXPECT_THAT(MistakesIn(WithRoutes(
                  {"match: {method: /a/*}", "match: {method: /a/b, authority: x.example}"})),
              ElementsAre(HasSubstr("routes[1].match: is never reached")));
}

TEST(RoutesTest, CollapsingEverythingIsWarnedOf) {
  EXPECT_THAT(WarningsIn(WithRouteOption("collapse: true")),
              ElementsAre("f.yaml:5:15: routes[0].collapse: collapses every method of \"/*\", "
                          "those that write included; "
                          "name the methods that only read, such as \"/shop.v1.Catalog/Get*\""));
  EXPECT_THAT(WarningsIn(WithRouteOption("match: {method: /a.B/*}\n    collapse: {}")),
              ElementsAre(HasSubstr("every method")));
}

TEST(RoutesTest, CollapsingAMethodWhoseNameSaysThatItWritesIsWarnedOf) {
  EXPECT_THAT(
      WarningsIn(WithRouteOption("match: {method: /a.B/CreateItem}\n    collapse: true")),
      ElementsAre("f.yaml:6:15: routes[0].collapse: collapses \"/a.B/CreateItem\", whose name says "
                  "that it writes; "
                  "two writes that look alike would be one, so collapse methods that only read"));
  for (const char* method :
       {"Set", "SetItem", "setItem", "set_item", "Put*", "Delete2", "BatchUpdateItems", "AddOne"}) {
    EXPECT_THAT(WarningsIn(WithRouteOption(
                    absl::StrCat("match: {method: /a.B/", method, "}\n    collapse: true"))),
                ElementsAre(HasSubstr("says that it writes")))
        << method;
  }
}

TEST(RoutesTest, CollapsingAReadIsNotWarnedOf) {
  for (const char* method : {"Get", "GetSettings", "List*", "Settings", "Address", "Putative",
                             "WatchUpdates", "*/Get"}) {
    const std::string pattern = absl::StrCat(method[0] == '*' ? "/" : "/a.B/", method);
    EXPECT_THAT(WarningsIn(WithRouteOption(
                    absl::StrCat("match: {method: ", pattern, "}\n    collapse: true"))),
                IsEmpty())
        << method;
  }
}

TEST(RoutesTest, AWriteThatIsRelayedIsNotWarnedOf) {
  EXPECT_THAT(WarningsIn(WithRouteOption("match: {method: /a.B/CreateItem}\n    collapse: false")),
              IsEmpty());
}

TEST(RoutesTest, AnUpstreamThatNoRouteUsesIsWarnedOf) {
  EXPECT_THAT(WarningsIn(WithUpstreamOption("authority: default\n  - {name: idle, target: h:1}")),
              ElementsAre("f.yaml:7:12: upstreams[1].name: no route uses the upstream \"idle\""));
}

}  // namespace
}  // namespace singleflight::config
