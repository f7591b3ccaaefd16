// What a route says of comparing replies.

#include "tests/config/files.h"
#include "tests/config/mistakes.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;

core::RouteOptions RouteOf(const std::string& options) {
  return Right(WithRouteOption(options)).routes.at(0);
}

TEST(ComparingOptionsTest, NothingIsComparedUnlessARouteSaysSo) {
  const core::RouteOptions route = RouteOf("collapse: true");
  EXPECT_EQ(route.mode, core::Mode::kLive);
  EXPECT_FALSE(route.verify.has_value());
}

TEST(ComparingOptionsTest, EachRuleIsRead) {
  EXPECT_EQ(RouteOf("collapse: true\n    mode: shadow").mode, core::Mode::kShadow);
  const core::RouteOptions route = RouteOf(
      "cache: {ttl: 5s}\n    verify: 0.1%\n    volatile: {metadata: [x-served-by], message: [4, "
      "\"2.7\"]}");
  EXPECT_EQ(route.verify, 1000u);
  EXPECT_THAT(route.volatiles.metadata, ElementsAre("x-served-by"));
  EXPECT_THAT(route.volatiles.fields, ElementsAre(model::FieldPath{4}, model::FieldPath{2, 7}));
}

TEST(ComparingOptionsTest, MistakesSayWhatWouldBeRight) {
  ExpectMistakes({
      {WithRouteOption("mode: shadow"),
       "5:11: routes[0].mode: does nothing on a route that neither collapses nor caches; add "
       "\"collapse: true\" or \"cache: {ttl: 5s}\", or remove it"},
      {WithRouteOption("verify: 1%"),
       "5:13: routes[0].verify: does nothing on a route that neither collapses nor caches; add "
       "\"collapse: true\" or \"cache: {ttl: 5s}\", or remove it"},
      {WithRouteOption("collapse: true\n    mode: shadow\n    verify: 1%"),
       "7:13: routes[0].verify: is for routes that share, and \"mode: shadow\" compares every call "
       "anyway; remove one of them"},
      {WithRouteOption("collapse: true\n    volatile: {metadata: [x-served-by]}"),
       "6:15: routes[0].volatile: does nothing where no replies are compared; add \"verify: "
       "0.1%\" or \"mode: shadow\", or remove it"},
      {WithRouteOption("collapse: true\n    verify: 1%\n    volatile: {metadata: [X-Served-By]}"),
       "7:27: routes[0].volatile.metadata[0]: \"X-Served-By\" is no name of metadata; write it in "
       "lower case, such as \"x-served-by\""},
      {WithRouteOption("collapse: true\n    verify: 1%\n    volatile: {message: [price]}"),
       "7:26: routes[0].volatile.message[0]: \"price\" is no path of field numbers; write the "
       "numbers that the .proto file gives the fields, \"3\", or \"3.2\" for field 2 of the "
       "message "
       "in field 3 (16 numbers at most)"},
      {WithRouteOption("collapse: true\n    verify: 0%"),
       "6:13: routes[0].verify: \"0%\" is not a part of a hundred; try \"1%\"; allowed are 0.0001% "
       "to 100%"},
  });
}

}  // namespace
}  // namespace singleflight::config
