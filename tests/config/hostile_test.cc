// Files that nobody writes in good faith: refused, in bounded time and memory.

#include <sys/stat.h>
#include <unistd.h>

#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

std::string Repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(HostileTest, DeepNestingIsRefused) {
  for (const char* opener : {"[", "{a: ", "- ", "? ", "[{a: "}) {
    EXPECT_THAT(MistakesIn(Repeated(opener, 100000)),
                ElementsAre(EndsWith("this nests deeper than any configuration does")))
        << opener;
  }
}

TEST(HostileTest, ALargeFileIsRefusedUnread) {
  EXPECT_THAT(MistakesIn(std::string((1 << 20) + 1, '{')),
              ElementsAre("f.yaml:1:1: the file is larger than 1048576 bytes"));
}

TEST(HostileTest, AnEndlessFileIsRefused) {
  EXPECT_THAT(std::string(LoadFile("/dev/zero").status().message()),
              HasSubstr("the file is larger than"));
}

TEST(HostileTest, APipeOrADeviceIsNotReadAgainAndNotWaitedFor) {
  const std::string pipe = ::testing::TempDir() + "hostile_test_" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, std::string("/dev/zero"), std::string("/")}) {
    EXPECT_THAT(std::string(LoadFileAgain(path).status().message()),
                HasSubstr(path + ": is no regular file"));
  }
  ::unlink(pipe.c_str());
}

TEST(HostileTest, AliasesThatMultiplyAreRefused) {
  std::string file =
      "upstreams: [{name: b, target: h:1}]\nlisteners: [{address: localhost:1}]\nroutes:\n";
  absl::StrAppend(&file, "  - &r {upstream: b, collapse: true, key: {metadata: {only: [",
                  Repeated("x, ", 50000), "]}}}\n", Repeated("  - *r\n", 50000));
  EXPECT_THAT(
      MistakesIn(file),
      ::testing::Contains(HasSubstr("too many values, aliases counted as often as they are used")));
}

TEST(HostileTest, NestedAliasesAreNotUnfolded) {
  std::string file = "a0: &a0 [x]\n";
  for (int i = 1; i < 40; ++i) {
    absl::StrAppend(&file, "a", i, ": &a", i, " [", Repeated(absl::StrCat("*a", i - 1, ","), 10),
                    "]\n");
  }
  EXPECT_THAT(MistakesIn(file + "routes: *a39\n"),
              ::testing::Contains(HasSubstr("routes[9]: is a list")));
}

TEST(HostileTest, AnAliasOfItselfEnds) {
  EXPECT_THAT(MistakesIn(WithOption("log: &log {level: *log}")),
              ElementsAre("f.yaml:4:6: log.level: is a section; a single value is wanted here"));
}

// The parser finds an empty document before the comma, again and again.
TEST(HostileTest, ATextThatBeginsWithACommaEnds) {
  EXPECT_THAT(
      MistakesIn(",listeners: []\n"),
      ElementsAre("f.yaml:1:1: this is not YAML: nothing begins like this (the line: ,listeners: "
                  "[])"));
}

TEST(HostileTest, MistakesAreCutAfterAHundred) {
  std::string file;
  for (int i = 0; i < 5000; ++i) absl::StrAppend(&file, "option", i, ": 1\n");
  const std::vector<std::string> mistakes = MistakesIn(file);
  ASSERT_THAT(mistakes, SizeIs(101));
  EXPECT_EQ(mistakes.back(), "f.yaml: and 4903 more");
}

TEST(HostileTest, LongAndUnprintableTextIsShownShortOnOneLine) {
  EXPECT_THAT(MistakesIn(WithOption(absl::StrCat("threads: \"", std::string(1000, 'x'), "\""))),
              ElementsAre(HasSubstr(absl::StrCat(std::string(80, 'x'), "…\" is neither"))));
  EXPECT_THAT(MistakesIn(WithOption("threads: \"a\\nb\\x01\"")),
              ElementsAre(HasSubstr("\"a\\nb\\x01\" is neither")));
  EXPECT_THAT(MistakesIn(WithOption("\"a\\nb\": 1")), ElementsAre(Not(HasSubstr("\n"))));
}

// The name is refused, and yet what another option may have meant.
TEST(HostileTest, UnprintableTextIsNotSuggestedAsItIs) {
  EXPECT_THAT(MistakesIn("listeners: [{address: localhost:1}]\nroutes: [{upstream: demo}]\n"
                         "upstreams: [{name: \"de\\bmo\", target: h:1}]\n"),
              ElementsAre(HasSubstr("(did you mean \"de\\x08mo\"?)"), HasSubstr("is no name")));
}

TEST(HostileTest, TooManyRoutesAreRefused) {
  std::vector<std::string> routes;
  for (int i = 0; i < 1001; ++i) routes.push_back(absl::StrCat("match: {method: /a/b", i, "}"));
  EXPECT_THAT(MistakesIn(WithRoutes(routes)),
              ElementsAre("f.yaml:1004:26: routes[1000].match: is one route too many; 1000 are "
                          "allowed, join some with \"*\""));
}

TEST(HostileTest, BytesThatAreNoTextAreRefused) {
  for (const std::string& text :
       {std::string("\xff\xfe\x00\xd8", 4), std::string("\x00\x01\x02", 3),
        std::string("a: \xff\xc0\x80"), std::string("\xfe\xff"), std::string("%YAML 9.9\n---\n"),
        std::string("!<\n")}) {
    EXPECT_FALSE(LoadText(text).ok());
  }
}

}  // namespace
}  // namespace singleflight::config
