#include "server/config/variables.h"

#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string TargetOf(const std::string& written, const Variables& variables = {}) {
  return Right(WithBackend("target: " + written), variables).upstreams[0].target;
}

TEST(VariablesTest, AVariableStandsForItsValue) {
  EXPECT_EQ(TargetOf("${HOST}:1", {{"HOST", "h"}}), "h:1");
}

TEST(VariablesTest, SeveralVariablesMayStandInOneValue) {
  EXPECT_EQ(TargetOf("${A}-${B}:${C}", {{"A", "x"}, {"B", "y"}, {"C", "2"}}), "x-y:2");
}

TEST(VariablesTest, ADefaultServesWhereTheVariableIsUnset) {
  EXPECT_EQ(TargetOf("${T:-127.0.0.1:5}"), "127.0.0.1:5");
}

TEST(VariablesTest, ADefaultServesWhereTheVariableIsEmpty) {
  EXPECT_EQ(TargetOf("${T:-h:5}", {{"T", ""}}), "h:5");
}

TEST(VariablesTest, ASetVariableBeatsItsDefault) {
  EXPECT_EQ(TargetOf("${T:-h:5}", {{"T", "g:6"}}), "g:6");
}

TEST(VariablesTest, WhatAVariableHoldsIsNotSearchedAgain) {
  EXPECT_EQ(Right(WithUpstreamOption("authority: default\n  - {name: \"${N}\", target: h:1}"),
                  {{"N", "${X}$$"}})
                .upstreams[1]
                .name,
            "${X}$$");
}

TEST(VariablesTest, TwoDollarSignsAreOneAndALoneOneIsItself) {
  const Config config =
      Right(WithUpstreamOption("authority: default\n  - {name: \"$$a$b$$${N}$\", target: h:1}"),
            {{"N", "n"}});
  EXPECT_EQ(config.upstreams[1].name, "$a$b$n$");
}

TEST(VariablesTest, VariablesStandInListsToo) {
  EXPECT_THAT(Right(WithBackend("endpoints: [\"${A}\", \"${B:-g:2}\"]"), {{"A", "h:1"}})
                  .upstreams[0]
                  .endpoints,
              ElementsAre("h:1", "g:2"));
}

TEST(VariablesTest, NumbersSwitchesAndDurationsMayComeFromVariables) {
  const Variables variables = {{"N", "7"}, {"C", "true"}, {"D", "9s"}};
  EXPECT_EQ(Right(WithOption("threads: ${N}"), variables).threads, 7);
  EXPECT_EQ(Right(WithOption("drain_timeout: ${D}"), variables).drain_timeout, absl::Seconds(9));
  EXPECT_TRUE(Right(WithRouteOption("collapse: ${C}"), variables).routes[0].collapse.has_value());
}

TEST(VariablesTest, AnUnsetVariableIsRefusedWithItsPlace) {
  EXPECT_THAT(
      MistakesIn(WithOption("threads: ${N}")),
      ElementsAre(
          "f.yaml:4:10: threads: the variable N is not set; set it or write ${N:-default}"));
}

TEST(VariablesTest, AWrongValueShowsTheVariableThatItCameFrom) {
  EXPECT_THAT(
      MistakesIn(WithOption("drain_timeout: ${D}"), {{"D", "5x"}}),
      ElementsAre(
          "f.yaml:4:16: drain_timeout: \"5x\" (from \"${D}\") is not a duration; try \"5s\""));
}

TEST(VariablesTest, AVariableWithoutItsBraceIsRefused) {
  EXPECT_THAT(MistakesIn(WithOption("threads: ${N")),
              ElementsAre("f.yaml:4:10: threads: \"${N\" has no closing brace; write ${NAME}, or "
                          "$$ for a dollar sign"));
}

TEST(VariablesTest, ANameThatNoVariableHasIsRefused) {
  EXPECT_THAT(
      MistakesIn(WithOption("threads: ${1-x}")),
      ElementsAre("f.yaml:4:10: threads: \"1-x\" is not the name of a variable; write ${NAME} or "
                  "${NAME:-default}, and $$ for a dollar sign"));
}

TEST(VariablesTest, ADefaultHoldsNoVariable) {
  EXPECT_THAT(
      MistakesIn(WithOption("threads: ${A:-${B}}")),
      ElementsAre(
          "f.yaml:4:10: threads: the default of ${A} holds another variable; write it out"));
}

TEST(VariablesTest, NamesOfOptionsAreNotExpanded) {
  EXPECT_THAT(
      MistakesIn(WithOption("${T}: 4"), {{"T", "threads"}}),
      ElementsAre(
          "f.yaml:4:1: ${T}: unknown option; allowed here: listeners, upstreams, routes, cache, "
          "reply_marks, limits, health, admin, threads, log, access_log, tracing, metrics, reload, "
          "drain_timeout"));
}

}  // namespace
}  // namespace singleflight::config
