// The access log of the real binary: what is in it, where it goes, and what does not stop for it.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kOtherTrace[] = "0af7651916cd43dd8448eb211c80319c";

CallOptions Traced(const std::string& trace) {
  return {.metadata = {{"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}}};
}

std::vector<std::string> LinesOf(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return absl::StrSplit(text.str(), '\n', absl::SkipEmpty());
}

// A line in text, its time left out.
using Fields = std::map<std::string, std::string>;
Fields FieldsOf(absl::string_view line) {
  Fields fields;
  std::vector<std::string> words = absl::StrSplit(line, ' ');
  words.erase(words.begin());
  for (const std::string& word : words)
    fields.insert(absl::StrSplit(word, absl::MaxSplits('=', 1)));
  return fields;
}

class AccessLogTest : public ProxyTest {
 protected:
  std::string At(const std::string& name) const { return folder_.path() + "." + name; }

  // The folder goes with its owner only when it is empty.
  ~AccessLogTest() override {
    const std::filesystem::path folder = std::filesystem::path(folder_.path()).parent_path();
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      std::filesystem::remove_all(entry.path());
    }
  }

  // `more`: further options.
  Scenario Logged(const std::string& name, const std::string& more = "") const {
    return {.cache = "{ttl: 1h}", .top = absl::StrCat("access_log: {to: ", At(name), more, "}")};
  }

  void End() {
    proxy_->Signal(SIGTERM);
    EXPECT_EQ(proxy_->WaitExit(), 0);
  }

  void WaitForFile(const std::string& path) {
    const Deadline deadline;
    while (!std::filesystem::exists(path)) {
      ASSERT_FALSE(deadline.passed()) << path;
      Metric("singleflight_waiters");
    }
  }

  // When all has been written.
  std::vector<Fields> EndedLog(const std::string& name) {
    End();
    std::vector<Fields> calls;
    for (const std::string& line : LinesOf(At(name))) calls.push_back(FieldsOf(line));
    return calls;
  }

 private:
  TemporaryPath folder_;
};

TEST_F(AccessLogTest, IsOffByDefault) {
  Serve();
  Ask(kRead, "id-7");
  EXPECT_EQ(Metric("singleflight_access_log_lines_total"), 0);
}

TEST_F(AccessLogTest, TellsOfALeaderAHitARelayAndWhatNobodyServes) {
  Serve(Logged("log"));
  backend_.AnswerWith(Ok("kettle"));
  Ask(kRead, "id-7", Traced(kTrace));
  Ask(kRead, "id-7");
  backend_.AnswerWith(Failed(absl::StatusCode::kNotFound, "no such id"));
  Ask(kWrite, "id-77");
  const std::vector<Fields> calls = EndedLog("log");
  ASSERT_THAT(calls, SizeIs(3));
  EXPECT_THAT(
      calls[0],
      AllOf(Contains(Pair("role", "leader")), Contains(Pair("code", "OK")),
            Contains(Pair("route", "/test.Reads/*")), Contains(Pair("method", "/test.Reads/Get")),
            Contains(Pair("upstream", "backend")), Contains(Pair("endpoint", backend_.address())),
            Contains(Pair("received", "9")), Contains(Pair("sent", "11")),
            Contains(Pair("trace", kTrace)), Contains(Pair("peer", StartsWith("127.0.0.1:")))));
  EXPECT_THAT(calls[0], Contains(Pair("key", MatchesRegex("[0-9a-f]{16}"))));
  EXPECT_THAT(calls[1], AllOf(Contains(Pair("role", "hit")), Contains(Pair("sent", "11")),
                              Contains(Pair("key", calls[0].at("key")))));
  EXPECT_EQ(calls[1].count("endpoint"), 0u);
  EXPECT_EQ(calls[1].count("trace"), 0u);
  EXPECT_THAT(calls[2], AllOf(Contains(Pair("role", "relay")), Contains(Pair("code", "NOT_FOUND")),
                              Contains(Pair("received", "10")), Contains(Pair("sent", "0")),
                              Contains(Pair("endpoint", backend_.address()))));
}

TEST_F(AccessLogTest, AFollowerNamesItsLeader) {
  Serve(Logged("log"));
  backend_.Hold();
  PendingCall leader = Start(kRead, "id-7", Traced(kTrace));
  backend_.WaitForHeld(1);
  PendingCall follower = Start(kRead, "id-7", Traced(kOtherTrace));
  WaitForWaiters(2);
  backend_.Release();
  leader.Wait();
  follower.Wait();
  for (const Fields& call : EndedLog("log")) {
    if (call.at("role") != "follower") continue;
    EXPECT_EQ(call.at("trace"), kOtherTrace);
    EXPECT_EQ(call.at("leader"), kTrace);
    EXPECT_EQ(call.at("endpoint"), backend_.address());
    return;
  }
  ADD_FAILURE() << "no follower is told of";
}

TEST_F(AccessLogTest, HasNoMessageAndNoValueOfAHeader) {
  Serve(Logged("log"));
  backend_.AnswerWith({absl::StatusCode::kNotFound, "SECRET", "SECRET", {}, {{"a", "SECRET"}}});
  Ask(kRead, "SECRET", {.metadata = {{"authorization", "SECRET"}, {"traceparent", "SECRET"}}});
  Ask(kWrite, "SECRET", {.metadata = {{"x-a", "SECRET"}}});
  End();
  EXPECT_THAT(LinesOf(At("log")), AllOf(SizeIs(2), Each(Not(HasSubstr("SECRET")))));
}

TEST_F(AccessLogTest, ErrorsAloneAreWrittenWhereOnlyTheyAreWanted) {
  Serve(Logged("log", ", errors: true"));
  Ask(kRead, "id-7");
  backend_.AnswerWith(Failed(absl::StatusCode::kInternal, "no"));
  Ask(kWrite, "id-7");
  EXPECT_THAT(EndedLog("log"), ElementsAre(Contains(Pair("code", "INTERNAL"))));
}

TEST_F(AccessLogTest, UnderJsonEachLineIsOneObject) {
  Serve(Logged("log", ", format: json"));
  Ask(kRead, "id-7");
  Ask("/a/\"b\\", "id-7");
  End();
  constexpr char kValue[] = R"xx(("([^"\\]|\\u[0-9a-f]{4})*"|[0-9]+))xx";
  const std::string pair = absl::StrCat(R"("[a-z_]+":)", kValue);
  EXPECT_THAT(LinesOf(At("log")),
              AllOf(SizeIs(2), Each(MatchesRegex(absl::StrCat("\\{", pair, "(,", pair, ")*\\}")))));
}

TEST_F(AccessLogTest, ARenamedFileIsLeftAtTheSignalAndNoLineIsLost) {
  Serve(Logged("log"));
  Ask(kRead, "id-7");
  proxy_->WaitForMetric("singleflight_access_log_lines_total", Ge(1));
  std::vector<PendingCall> calls;
  for (int i = 0; i < 200; ++i) {
    calls.push_back(Start(kRead, absl::StrCat("id-", i)));
    if (i != 100) continue;
    std::filesystem::rename(At("log"), At("log.1"));
    proxy_->Signal(SIGUSR1);
  }
  WaitAll(calls);
  WaitForFile(At("log"));
  Ask(kRead, "last");
  EXPECT_THAT(Metric("singleflight_access_log_lines_dropped_total"), 0);
  End();
  EXPECT_EQ(LinesOf(At("log")).size() + LinesOf(At("log.1")).size(), 202u);
  EXPECT_THAT(LinesOf(At("log")), Not(IsEmpty()));
}

TEST_F(AccessLogTest, AReloadChangesWhereAndWhatWithoutALostLine) {
  Serve(Logged("one"));
  Ask(kRead, "id-7");
  Reload(Logged("two", ", format: json"));
  Ask(kRead, "id-7");
  Reload({.cache = "{ttl: 1h}"});
  Ask(kRead, "id-7");
  End();
  EXPECT_THAT(LinesOf(At("one")), ElementsAre(HasSubstr(" role=leader ")));
  EXPECT_THAT(LinesOf(At("two")), ElementsAre(HasSubstr("\"role\":\"hit\"")));
}

TEST_F(AccessLogTest, AFileThatCannotBeOpenedIsToldAndCallsGoOn) {
  Serve(Logged("missing/log"));
  proxy_->WaitForLog(HasSubstr("missing/log cannot be opened: No such file or directory"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  proxy_->WaitForMetric("singleflight_access_log_lines_dropped_total", Ge(1));
  std::filesystem::create_directory(At("missing"));
  proxy_->Signal(SIGUSR1);
  WaitForFile(At("missing/log"));
  Ask(kRead, "id-7");
  EXPECT_THAT(EndedLog("missing/log"),
              AllOf(SizeIs(2), Contains(ElementsAre(Pair("dropped", "1")))));
}

TEST_F(AccessLogTest, ADiskThatIsFullStopsNoCall) {
  Serve({.top = "access_log: {to: /dev/full}"});
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  proxy_->WaitForLog(HasSubstr("/dev/full cannot be written: No space left on device"));
  proxy_->WaitForMetric("singleflight_access_log_lines_dropped_total", Ge(1));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(AccessLogTest, GoesToStandardErrorWhereItIsToldTo) {
  Serve({.top = "access_log: {to: stderr}"});
  Ask(kRead, "id-7");
  proxy_->WaitForLog(HasSubstr(" method=/test.Reads/Get role=leader code=OK "));
}

}  // namespace
}  // namespace singleflight::testing
