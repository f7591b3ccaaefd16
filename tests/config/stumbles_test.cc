// What strangers stumble over: each is told where it stands, and what would be right.

#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kRest[] = "upstreams: [{name: b, target: h:1}]\nroutes: [{upstream: b}]\n";

TEST(StumblesTest, ATabIsToldWhereItIs) {
  constexpr char kSays[] = "this is not YAML: a tab indents here; YAML wants spaces";
  struct Row {
    const char* text;
    const char* place;
    const char* line;
  };
  const Row table[] = {
      {"listeners:\n\t- address: 127.0.0.1:1\n", "f.yaml:2:1: ", "- address: 127.0.0.1:1"},
      {"listeners:\n  - address: 127.0.0.1:1\nhealth:\n\taddress: 127.0.0.1:2\n",
       "f.yaml:4:1: ", "address: 127.0.0.1:2"},
      {"listeners:\n  -\taddress: 127.0.0.1:1\n", "f.yaml:2:4: ", "\"-\\taddress: 127.0.0.1:1\""},
      {"listeners:\n  - address: 127.0.0.1:1\n \t tls: x\n", "f.yaml:3:2: ", "tls: x"},
  };
  for (const auto& [text, place, line] : table) {
    EXPECT_THAT(MistakesIn(std::string(text) + kRest),
                ElementsAre(absl::StrCat(place, kSays, " (the line: ", line, ")")));
  }
}

TEST(StumblesTest, ATabThatSeparatesIsNoMistake) {
  EXPECT_THAT(MistakesIn("listeners:\t[{address: 127.0.0.1:1}]\t# here\n\t# and here\n" +
                         std::string(kRest)),
              IsEmpty());
}

TEST(StumblesTest, WhatIsNotClosedIsToldWhereItOpens) {
  const std::string rest = kRest;
  const std::pair<std::string, const char*> table[] = {
      {"listeners: [{address: 127.0.0.1:1}\n" + rest,
       "f.yaml:1:12: this is not YAML: what \"[\" opens here is not closed (the line: listeners: "
       "[{address: 127.0.0.1:1})"},
      {"listeners: [{address: 127.0.0.1:1]\n" + rest,
       "f.yaml:1:13: this is not YAML: what \"{\" opens here, \"]\" closes in line 1, column 34 "
       "(the "
       "line: listeners: [{address: 127.0.0.1:1])"},
      {"listeners: [{address: 127.0.0.1:1}] # it's {\n"
       "upstreams: [{name: \"b}\", target: h:1}]\nroutes:\n  - match: {method: /a/*\n    upstream: "
       "b\n",
       "f.yaml:4:12: this is not YAML: what \"{\" opens here is not closed (the line: - match: "
       "{method: /a/*)"},
      {"listeners: [{address: \"127.0.0.1:1}]\n" + rest,
       "f.yaml:1:23: this is not YAML: the quote that opens here is not closed (the line: "
       "listeners: "
       "[{address: \"127.0.0.1:1}])"},
  };
  for (const auto& [text, says] : table) EXPECT_THAT(MistakesIn(text), ElementsAre(says));
}

// docs/operating.md: each message names the place, the line and the cure.
TEST(StumblesTest, WhatIsNotYamlIsToldInPlainWordsWithItsLine) {
  struct Row {
    const char* text;  // in line 1 of a file that would be right without it
    const char* says;
  };
  const Row table[] = {
      {"threads: @x\n",
       "1:10: this is not YAML: no value begins with this character; put the value in quotes (the "
       "line: threads: @x)"},
      {"threads: \"\\q\"\n",
       "1:13: this is not YAML: within \"…\" this stands for nothing behind a backslash; write "
       "\"\\\\\" for a backslash, or put the value in single quotes (the line: threads: \"\\q\")"},
      {"%YAML 9\n---\n",
       "1:1: this is not YAML: a line that begins with \"%\" is for the parser; remove it (the "
       "line: "
       "%YAML 9)"},
      {"threads: *\n",
       "1:11: this is not YAML: no name stands behind \"*\"; write \"*name\", or put a value that "
       "begins with \"*\" in quotes (the line: threads: *)"},
      {"drain_timeout: >x\n foo\n",
       "1:17: this is not YAML: no text stands behind \"|\" or \">\" in its line; begin the text "
       "in "
       "the next line, or put the value in quotes (the line: drain_timeout: >x)"},
      {"threads: {a: 1}}\n",
       "1:16: this is not YAML: this closes nothing that is open; close each \"{\" and \"[\", and "
       "quote a value with \"${…}\" that stands inside them (the line: threads: {a: 1}})"},
  };
  for (const auto& [text, says] : table) {
    EXPECT_THAT(MistakesIn(text + std::string("listeners: [{address: 127.0.0.1:1}]\n") + kRest),
                ElementsAre(absl::StrCat("f.yaml:", says)));
  }
}

TEST(StumblesTest, ALineThatHoldsASecretIsToldWithoutIt) {
  EXPECT_THAT(MistakesIn("x-mine: {'password': a: b}\n"),
              ElementsAre(AllOf(HasSubstr("f.yaml:1:"), HasSubstr("'password': ***"))));
}

TEST(StumblesTest, OptionsOfOneSectionThatAreNotInOneColumnAreTold) {
  EXPECT_THAT(MistakesIn("listeners: [{address: 127.0.0.1:1}]\n upstreams: []\n"),
              ElementsAre(HasSubstr("the options of one section begin in the same column")));
}

TEST(StumblesTest, AColonWantsASpaceBehindIt) {
  EXPECT_THAT(MistakesIn("listeners: [{address:127.0.0.1:1}]\n" + std::string(kRest)),
              testing::Contains(HasSubstr("has no space behind the first colon; try \"address: "
                                          "127.0.0.1:1\"")));
}

TEST(StumblesTest, APartOfANameIsEnoughToBeUnderstood) {
  EXPECT_THAT(MistakesIn(WithOption("log: {level: warn}")),
              ElementsAre(HasSubstr("did you mean \"warning\"?")));
  EXPECT_THAT(MistakesIn(WithOption("limits: {max_message: 5MiB}")),
              ElementsAre(HasSubstr("did you mean \"max_message_bytes\"?")));
}

TEST(StumblesTest, SectionsAreShownByAnExample) {
  EXPECT_THAT(MistakesIn(WithRouteOption("match: /a.B/*")),
              ElementsAre(HasSubstr("try \"match: {method: /package.Service/*}\"")));
  EXPECT_THAT(MistakesIn(WithOption("health: 127.0.0.1:9900")),
              ElementsAre(HasSubstr("try \"health: {address: 0.0.0.0:9900}\"")));
  EXPECT_THAT(MistakesIn(WithOption("cache: 1GiB")),
              ElementsAre(HasSubstr("try \"cache: {max_bytes: 256MiB}\"")));
}

TEST(StumblesTest, AllAddressesOfAPortAndOneOfThemAreTheSamePort) {
  EXPECT_THAT(MistakesIn("listeners: [{address: 0.0.0.0:1}, {address: 127.0.0.1:1}]\n" +
                         std::string(kRest)),
              ElementsAre(HasSubstr("\"127.0.0.1:1\" is taken by listeners[0].address in line 1 "
                                    "(0.0.0.0:1); choose another port")));
  EXPECT_THAT(MistakesIn("listeners: [{address: \"[::1]:1\"}]\nhealth: {address: \"[::]:1\"}\n" +
                         std::string(kRest)),
              ElementsAre(HasSubstr("\"[::]:1\" is taken by listeners[0].address")));
  EXPECT_THAT(MistakesIn("listeners: [{address: \"unix:/a\"}, {address: \"unix:/a\"}]\n" +
                         std::string(kRest)),
              ElementsAre(HasSubstr("choose another path")));
}

TEST(StumblesTest, AllAddressesOfBothFamiliesStandSideBySide) {
  const Config both =
      Right("listeners: [{address: 0.0.0.0:1}, {address: \"[::]:1\"}]\n" + std::string(kRest));
  EXPECT_FALSE(both.listeners[0].ipv6_only);
  EXPECT_TRUE(both.listeners[1].ipv6_only);
  const Config alone = Right("listeners: [{address: \"[::]:1\"}]\n" + std::string(kRest));
  EXPECT_FALSE(alone.listeners[0].ipv6_only) << "for both families, as it always was";
}

TEST(StumblesTest, KeysThatBeginWithXHoldAnchors) {
  const Config config = Right(
      "x-reads: &reads {upstream: b, collapse: true}\nx-anything: [1, {a: b}]\n"
      "listeners: [{address: 127.0.0.1:1}]\nupstreams: [{name: b, target: h:1}]\n"
      "routes:\n  - {<<: *reads, match: {method: /a.B/Get*}}\n  - {upstream: b}\n");
  EXPECT_TRUE(config.routes[0].collapse.has_value());
  EXPECT_EQ(config.routes[0].match.method, "/a.B/Get*");
  EXPECT_THAT(MistakesIn(WithRouteOption("x-a: 1")), ElementsAre(HasSubstr("x-a: unknown option")))
      << "at the top level only";
}

TEST(StumblesTest, WhatStandsInASectionGoesBeforeWhatIsMergedIntoIt) {
  const Config config = Right(
      "x-a: &a {max_waiters: 1, max_join_age: 1m}\nx-b: &b {max_waiters: 2, flight_timeout: 2s}\n"
      "listeners: [{address: 127.0.0.1:1}]\nupstreams: [{name: b, target: h:1}]\n"
      "routes: [{upstream: b, collapse: {<<: [*a, *b], max_join_age: 3s}}]\n");
  EXPECT_EQ(config.routes[0].collapse->max_waiters, 1u) << "the first goes before the second";
  EXPECT_EQ(config.routes[0].collapse->flight_timeout, absl::Seconds(2));
  EXPECT_EQ(config.routes[0].collapse->max_join_age, absl::Seconds(3));
}

TEST(StumblesTest, AMistakeInWhatIsMergedIsToldWhereItStands) {
  EXPECT_THAT(MistakesIn("x-a: &a {max_waiters: none}\n" + WithCollapseOption("<<: *a")),
              ElementsAre(StartsWith("f.yaml:1:23: routes[0].collapse.max_waiters: \"none\"")));
}

TEST(StumblesTest, OnlySectionsAreMerged) {
  EXPECT_THAT(
      MistakesIn(WithRouteOption("<<: collapse")),
      ElementsAre(AllOf(HasSubstr("routes[0].<<: is a single value"), HasSubstr("<<: *name"))));
}

TEST(StumblesTest, AMergeOfItselfEnds) {
  EXPECT_THAT(MistakesIn("x-a: &a {<<: *a}\n" + WithRouteOption("<<: *a")),
              testing::Not(IsEmpty()));
}

}  // namespace
}  // namespace singleflight::config
