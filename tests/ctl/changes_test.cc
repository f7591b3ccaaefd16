// The commands that change something: what they ask for, whether they ask first, what they say.

#include "tests/ctl/ctl_fixture.h"

namespace singleflight::ctl {
namespace {

using ::testing::HasSubstr;

using ChangesTest = CtlTest;

TEST_F(ChangesTest, APurgeNamesItsScope) {
  admin_.answer = "dropped: 1203 sequence: 7";
  EXPECT_EQ(Ctl({"purge", "--key", "0123456789abcdef"}).out,
            "dropped entries: 1,203 (purge number 7)\n");
  EXPECT_EQ(admin_.asked(), "key: \"0123456789abcdef\"");
  Ctl({"purge", "--method", "/a.B/C"});
  EXPECT_EQ(admin_.asked(), "method: \"/a.B/C\"");
  Ctl({"purge", "--group", "item:7", "--upstream", "catalog", "--authority", "shop"});
  EXPECT_EQ(admin_.asked(), "group { upstream: \"catalog\" authority: \"shop\" name: \"item:7\" }");
  Ctl({"purge", "--all"});
  EXPECT_EQ(admin_.asked(), "all: true");
}

TEST_F(ChangesTest, OnATerminalAPurgeAsksFirst) {
  can_ask_ = true;
  for (const std::string no : {"", "\n", "n\n", "what?\n"}) {
    keyboard_ = no;
    const Ran ran = Ctl({"purge", "--all"});
    EXPECT_EQ(ran.status, 1);
    EXPECT_THAT(ran.err, HasSubstr("Drop what is kept of everything at " + admin_.address() +
                                   "? [y/N] singleflightctl: nothing was changed"));
    EXPECT_EQ(admin_.asked(), "");
  }
}

TEST_F(ChangesTest, AYesIsAnAnswerAndAnOption) {
  can_ask_ = true;
  keyboard_ = "Y\n";
  EXPECT_EQ(Ctl({"purge", "--all"}).status, 0);
  EXPECT_EQ(admin_.asked(), "all: true");
  keyboard_ = "";
  EXPECT_EQ(Ctl({"purge", "--method", "/a.B/C", "--yes"}).err, "");
  EXPECT_EQ(admin_.asked(), "method: \"/a.B/C\"");
}

TEST_F(ChangesTest, WarningsOfAReloadAreNoPartOfTheOutput) {
  admin_.answer = "warnings: 'proxy.yaml:3:1: collapse on /*'";
  const Ran ran = Ctl({"reload"});
  EXPECT_EQ(ran.out, "the configuration is in force\n");
  EXPECT_EQ(ran.err, "warning: proxy.yaml:3:1: collapse on /*\n");
}

TEST_F(ChangesTest, ADrainNamesAnEndpoint) {
  admin_.answer = "connections: 2";
  EXPECT_EQ(Ctl({"drain", "--endpoint", "catalog/10.0.0.7:50051"}).out,
            "catalog/10.0.0.7:50051 is out; connections that are left to end: 2\n");
  EXPECT_EQ(admin_.asked(), "endpoint { upstream: \"catalog\" address: \"10.0.0.7:50051\" }");
  Ctl({"drain", "--resume", "catalog/unix:/run/x.sock"});
  EXPECT_EQ(admin_.asked(), "resume { upstream: \"catalog\" address: \"unix:/run/x.sock\" }");
}

TEST_F(ChangesTest, TheEndOfTheProcessIsAskedForFirst) {
  can_ask_ = true;
  EXPECT_EQ(Ctl({"drain", "--process"}).status, 1);
  EXPECT_EQ(admin_.asked(), "");
  EXPECT_EQ(Ctl({"drain", "--process", "--yes"}).status, 0);
  EXPECT_EQ(admin_.asked(), "process: true");
}

TEST_F(ChangesTest, TheLogLevelIsToldWithTheOneBefore) {
  admin_.answer = "previous: 'info'";
  EXPECT_EQ(Ctl({"log-level", "debug"}).out, "log level: debug, before: info\n");
  EXPECT_EQ(admin_.asked(), "level: \"debug\"");
}

TEST_F(ChangesTest, ARouteSharesAgain) {
  admin_.answer = "was_stopped: true";
  EXPECT_EQ(Ctl({"share-again", "/a.B/Get*"}).out, "/a.B/Get* shares again\n");
  EXPECT_EQ(admin_.asked(), "route: \"/a.B/Get*\"");
  admin_.answer = "";
  EXPECT_EQ(Ctl({"share-again", "/a.B/Get*"}).out, "/a.B/Get* shared already\n");
}

TEST_F(ChangesTest, JsonIsTheMessage) {
  admin_.answer = "dropped: 0 sequence: 7";
  EXPECT_EQ(Ctl({"purge", "--all", "--json"}).out, "{\"dropped\":\"0\",\"sequence\":\"7\"}\n");
}

}  // namespace
}  // namespace singleflight::ctl
