// The command line.

#include "server/app/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace singleflight::app {
namespace {

using ::testing::HasSubstr;

std::string Mistake(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Flags> flags = ParseFlags(arguments);
  return flags.ok() ? "" : std::string(flags.status().message());
}

TEST(FlagsTest, AFileIsNamedInEitherWay) {
  EXPECT_EQ(ParseFlags({"--config", "f.yaml"})->config, "f.yaml");
  EXPECT_EQ(ParseFlags({"--config=f.yaml", "--check"})->config, "f.yaml");
}

TEST(FlagsTest, ADashIsStandardInput) {
  EXPECT_EQ(ParseFlags({"--config", "-"})->config, "/dev/stdin");
  EXPECT_EQ(ParseFlags({"--config=-"})->config, "/dev/stdin");
}

TEST(FlagsTest, APageIsProbedWithoutAConfiguration) {
  const absl::StatusOr<Flags> flags = ParseFlags({"--probe", "http://127.0.0.1:9900/readyz"});
  EXPECT_EQ(flags->action, Flags::Action::kProbe);
  EXPECT_EQ(flags->text, "http://127.0.0.1:9900/readyz");
}

TEST(FlagsTest, WhatIsWrongIsToldWithItsCure) {
  EXPECT_THAT(Mistake({"--config"}), HasSubstr("--config needs the name of a file"));
  EXPECT_THAT(Mistake({"--config="}), HasSubstr("--config needs the name of a file"));
  EXPECT_THAT(Mistake({"--config", "--check"}), HasSubstr("--config needs the name of a file"));
  EXPECT_THAT(Mistake({"f.yaml"}), HasSubstr("a file stands behind --config: --config f.yaml"));
  EXPECT_THAT(Mistake({"-c", "f.yaml"}), HasSubstr("did you mean --config?"));
  EXPECT_THAT(Mistake({"--config", "a", "--config", "b"}), HasSubstr("stands here twice"));
  EXPECT_THAT(Mistake({"--check"}), HasSubstr("no configuration"));
}

}  // namespace
}  // namespace singleflight::app
