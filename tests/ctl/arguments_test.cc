// The command line, and what is told of it.

#include "server/ctl/arguments.h"

#include "absl/strings/str_split.h"
#include "server/ctl/table.h"
#include "tests/ctl/ctl_fixture.h"

namespace singleflight::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using ArgumentsTest = CtlTest;

TEST_F(ArgumentsTest, OptionsStandBeforeOrBehindTheCommandInEitherWay) {
  const auto arguments =
      ParseArguments({"--timeout=2s", "top", "--by", "saved-bytes", "--limit=3", "--json"});
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->command->name, "top");
  EXPECT_EQ(arguments->Get("--by"), "saved-bytes");
  EXPECT_EQ(*arguments->Limit(), 3u);
  EXPECT_TRUE(arguments->Has("--json"));
}

TEST_F(ArgumentsTest, WhatIsWrongIsToldWithItsCureAndEndsWith2) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes = {
      {{}, "no command; see singleflightctl help"},
      {{"stat"}, "there is no command 'stat' (did you mean \"stats\"?)"},
      {{"stats", "--wach"}, "stats has no option --wach (did you mean \"--watch\"?)"},
      {{"--by", "calls", "top"}, "--by stands behind its command: singleflightctl top --by"},
      {{"--nonsense"}, "there is no option --nonsense"},
      {{"stats", "now"}, "'now' is one word too many; see singleflightctl help stats"},
      {{"top", "--by", "luck"}, "--by: 'luck' is none of calls, saved-bytes"},
      {{"top", "--limit", "0"}, "--limit: '0' is not a number from 1 to 1000"},
      {{"top", "--route"}, "--route needs a value: --route ROUTE"},
      {{"stats", "--json=yes"}, "--json takes no value"},
      {{"stats", "--json", "--json"}, "--json stands here twice"},
      {{"stats", "--interval", "1s"}, "--interval goes with --watch alone"},
      {{"stats", "--watch", "--interval", "1"}, "'1' is not a duration; try 1s"},
      {{"stats", "--watch", "--interval", "1h"}, "1h is not between 100ms and 1m"},
      {{"stats", "--timeout", "0"}, "--timeout: 0 is not between 1ms and 1h"},
      {{"log-level"}, "log-level needs LEVEL"},
      {{"log-level", "loud"}, "log-level: 'loud' is none of debug, info, warning, error"},
      {{"purge"}, "purge needs one of --key, --method, --group, --all"},
      {{"purge", "--all", "--key", "1"}, "--key and --all do not go together"},
      {{"purge", "--group", "g"}, "--group needs --upstream"},
      {{"purge", "--all", "--upstream", "u"}, "--upstream goes with --group alone"},
      {{"drain"}, "drain needs one of --endpoint, --resume, --process"},
      {{"drain", "--endpoint", "catalog"}, "'catalog' is not UPSTREAM/ADDRESS"},
      {{"check"}, "check needs FILE"},
      {{"help", "nonsense"}, "there is no command 'nonsense'"},
  };
  for (const auto& [words, told] : mistakes) {
    const Ran ran = Ctl(words);
    EXPECT_EQ(ran.status, 2) << told;
    EXPECT_THAT(ran.err, AllOf(StartsWith("singleflightctl: "), HasSubstr(told)));
    EXPECT_EQ(ran.out, "");
  }
}

TEST_F(ArgumentsTest, HelpNamesEveryCommandAndOption) {
  const std::string help = Ctl({"help"}).out;
  EXPECT_EQ(help, Ctl({"--help"}).out);
  for (const Command& command : Commands()) {
    const std::string name(command.name.data(), command.name.size());
    EXPECT_THAT(help, HasSubstr("\n  " + name + " "));
    const Ran ran = Ctl({"help", name});
    EXPECT_EQ(ran.status, 0);
    EXPECT_EQ(ran.out, Ctl({name, "--help"}).out);
    for (const Option& option : command.options) {
      EXPECT_THAT(ran.out, HasSubstr(std::string(option.name.data(), option.name.size())));
    }
  }
}

TEST_F(ArgumentsTest, HelpFitsAScreen) {
  std::vector<std::string> pages = {Ctl({"help"}).out};
  for (const Command& command : Commands()) {
    pages.push_back(Ctl({"help", std::string(command.name.data(), command.name.size())}).out);
  }
  for (const std::string& page : pages) {
    for (const auto line : absl::StrSplit(page, '\n')) EXPECT_LE(WidthOf(line), 100u) << line;
  }
}

TEST_F(ArgumentsTest, VersionIsOneLine) {
  EXPECT_THAT(Ctl({"--version"}).out, ::testing::MatchesRegex("singleflightctl [0-9.]+\n"));
}

}  // namespace
}  // namespace singleflight::ctl
