// SIGHUP and changed files: another configuration is taken whole or not at all, and no call
// notices.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/testing/http_get.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kApplied[] = "singleflight_config_reloads_total{result=\"applied\"}";
constexpr char kRefused[] = "singleflight_config_reloads_total{result=\"refused\"}";

int TryToConnect(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
  ::close(fd);
  return -1;
}

class ReloadTest : public ProxyTest {
 protected:
  // A configuration that is not taken.
  void FailToReload(const std::string& yaml) {
    const int64_t before = Metric(kRefused);
    proxy_->Rewrite(yaml);
    proxy_->Signal(SIGHUP);
    proxy_->WaitForMetric(kRefused, Eq(before + 1));
  }

  std::string StatusPage() { return HttpGet(proxy_->health(), "/status").body; }

  // Where the running proxy says that it listens now.
  std::vector<std::string> Listening() {
    for (absl::string_view line : absl::StrSplit(StatusPage(), '\n')) {
      if (absl::ConsumePrefix(&line, "listening on ")) return absl::StrSplit(line, ", ");
    }
    return {};
  }
};

TEST_F(ReloadTest, RoutesChangeOnTheNextCall) {
  Serve({.collapse = "false"});
  backend_.Hold();
  PendingCall alone = Start(kRead, "id-7");
  backend_.WaitForHeld(1);
  EXPECT_EQ(Calls("relay"), 1);
  Reload({});
  std::vector<PendingCall> herd = StartHerd(10);
  backend_.WaitForHeld(2);
  backend_.Release();
  EXPECT_THAT(WaitAll(herd), Each(IsOkWith("reply to id-7")));
  EXPECT_THAT(alone.Wait(), IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.calls(), 2);
}

// PITFALLS 16
TEST_F(ReloadTest, AFlightInTheAirEndsWhereItBegan) {
  Backend other;
  other.AnswerWith(Ok("from the other"));
  Serve();
  backend_.Hold();
  std::vector<PendingCall> aboard = StartHerd(10);
  PendingCall relayed = Start(kWrite, "id-7");
  backend_.WaitForHeld(2);
  Reload({.target = absl::StrCat("target: \"", other.address(), "\"")});
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("from the other"));
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("from the other"));
  backend_.Release();
  EXPECT_THAT(WaitAll(aboard), Each(IsOkWith("reply to id-7")));
  EXPECT_THAT(relayed.Wait(), IsOkWith("reply to id-7"));
}

TEST_F(ReloadTest, AConversationGoesOnOverReloads) {
  Backend other;
  Serve();
  StreamCall call = client().Open("/test.Chat/Echo");
  std::string reply;
  ASSERT_TRUE(call.Write("before") && call.Read(&reply));
  Reload({.target = absl::StrCat("target: \"", other.address(), "\"")});
  Reload({.collapse = "true"});
  EXPECT_TRUE(call.Write("after") && call.Read(&reply));
  EXPECT_EQ(reply, "after");
  EXPECT_TRUE(call.WritesDone());
  EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kOk));
  EXPECT_EQ(other.calls(), 0);
}

TEST_F(ReloadTest, AConversationKeepsNoOtherConnectionsOfTheUpstreamThatItBeganWith) {
  Backend other;
  const std::string both =
      absl::StrCat("endpoints: [\"", backend_.address(), "\", \"", other.address(), "\"]");
  Serve({.target = both});
  StreamCall call = client().Open("/test.Chat/Echo");
  std::string reply;
  ASSERT_TRUE(call.Write("before") && call.Read(&reply));
  proxy_->WaitForMetric("singleflight_upstream_connections", Eq(2));
  Reload({.upstream = "connect_timeout: 4s", .target = both});
  proxy_->WaitForMetric("singleflight_upstream_connections", Eq(1));
  EXPECT_TRUE(call.Write("after") && call.Read(&reply));
  EXPECT_EQ(reply, "after");
  EXPECT_TRUE(call.WritesDone());
  EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kOk));
  proxy_->WaitForMetric("singleflight_upstream_connections", Eq(0));
}

TEST_F(ReloadTest, CallersOnEitherSideOfAReloadShareAFlightWhereTheRulesAreTheSame) {
  Serve();
  backend_.Hold();
  std::vector<PendingCall> before = StartHerd(5);
  Reload({.top = "drain_timeout: 20s"});
  std::vector<PendingCall> after = StartHerd(5);
  backend_.WaitForHeld(1);
  backend_.Release();
  EXPECT_THAT(WaitAll(before), Each(IsOkWith("reply to id-7")));
  EXPECT_THAT(WaitAll(after), Each(IsOkWith("reply to id-7")));
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(ReloadTest, WhatIsKeptSurvives) {
  Serve({.cache = "{ttl: 1h}"});
  Ask(kRead, "id-7");
  Reload({.cache = "{ttl: 1h}", .top = "drain_timeout: 20s"});
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.calls(), 1);
  EXPECT_EQ(Calls("hit"), 1);
}

// PITFALLS 33
TEST_F(ReloadTest, WhatWasKeptUnderOtherKeyRulesIsNeverServed) {
  const std::string lax = "{metadata: {ignore: [x-tenant]}}";
  Serve({.cache = "{ttl: 1h}", .key = lax});
  Ask(kRead, "id-7", {.metadata = {{"x-tenant", "a"}}});
  Reload({.cache = "{ttl: 1h}"});
  Ask(kRead, "id-7", {.metadata = {{"x-tenant", "b"}}});
  Ask(kRead, "id-7", {.metadata = {{"x-tenant", "a"}}});
  EXPECT_EQ(backend_.calls(), 3);
  Reload({.cache = "{ttl: 1h}", .key = lax});
  Ask(kRead, "id-7", {.metadata = {{"x-tenant", "c"}}});
  EXPECT_EQ(backend_.calls(), 3) << "the old rules find their own entry again";
}

TEST_F(ReloadTest, AConfigurationThatIsWrongLeavesTheOldOneInForceAndSaysWhy) {
  Serve();
  FailToReload("routes: 7\n");
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(Metric("singleflight_config_refused"), 1);
  EXPECT_THAT(StatusPage(), AllOf(HasSubstr("refused since"), HasSubstr(":1:9: routes")));
  proxy_->WaitForLog(HasSubstr("configuration refused"));
  Reload({});
  EXPECT_EQ(Metric("singleflight_config_refused"), 0);
  EXPECT_THAT(StatusPage(), Not(HasSubstr("refused")));
}

// It would otherwise end the process, or be lost.
TEST_F(ReloadTest, AHangupWhileItStartsIsObeyedWhenItHas) {
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &hangup, nullptr);  // so it waits until the proxy takes it
  proxy_ = std::make_unique<ProxyProcess>(Yaml({}), ProxyProcess::Redirections{"", "kill -HUP $$"});
  pthread_sigmask(SIG_UNBLOCK, &hangup, nullptr);
  proxy_->WaitForMetric("singleflight_config_reloads_total{result=\"applied\"}", Eq(1));
}

TEST_F(ReloadTest, WhoAsksAgainIsToldAgain) {
  Serve();
  FailToReload("routes: 7\n");
  FailToReload("routes: 7\n");
  proxy_->WaitForLog(ContainsRegex("configuration refused(.|\n)*configuration refused"));
}

TEST_F(ReloadTest, AFileThatIsGoneLeavesTheOldConfigurationInForce) {
  const TemporaryFile file(Yaml({}));
  proxy_ = std::make_unique<ProxyProcess>(file.path(), std::vector<std::string>());
  ASSERT_EQ(std::remove(file.path().c_str()), 0);
  proxy_->WaitForMetric(kRefused, Eq(1));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(ReloadTest, APipeInPlaceOfTheFileHoldsUpNothing) {
  const TemporaryFile file(Yaml({}));
  proxy_ = std::make_unique<ProxyProcess>(file.path(), std::vector<std::string>());
  ASSERT_EQ(std::remove(file.path().c_str()), 0);
  ASSERT_EQ(::mkfifo(file.path().c_str(), 0600), 0);
  proxy_->WaitForMetric(kRefused, Ge(1));
  EXPECT_THAT(StatusPage(), HasSubstr("is no regular file"));
}

TEST_F(ReloadTest, WhatOnlyARestartChangesIsRefusedByName) {
  Serve({.top = "threads: 1"});
  FailToReload(Yaml({.top = "threads: 2\ncache: {max_bytes: 1MiB}"}));
  EXPECT_THAT(StatusPage(),
              AllOf(ContainsRegex(":[0-9]+:[0-9]+: threads: only a restart changes this"),
                    ContainsRegex(":[0-9]+:[0-9]+: cache.max_bytes: only a restart changes "
                                  "this; restart the proxy, or put back what was there")));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(ReloadTest, AChangedFileIsTakenWithoutASignal) {
  Serve({.collapse = "false", .top = "reload: {check_every: 10ms}"});
  proxy_->Rewrite(Yaml({.top = "reload: {check_every: 10ms}"}));
  proxy_->WaitForMetric(kApplied, Eq(1));
  Ask(kRead, "id-7");
  EXPECT_EQ(Calls("leader"), 1);
}

TEST_F(ReloadTest, FilesAreNotWatchedWhereTheConfigurationSaysSo) {
  Serve({.top = "reload: {check_every: 0s}"});
  proxy_->Rewrite("routes: 7\n");
  Reload({.top = "reload: {check_every: 0s}"});
  EXPECT_EQ(Metric(kRefused), 0);
}

TEST_F(ReloadTest, AListenerIsAddedAndServesAtOnce) {
  Serve();
  Reload({.listeners = "[{address: \"127.0.0.1:0\"}, {address: \"localhost:0\"}]"});
  const std::vector<std::string> addresses = Listening();
  ASSERT_EQ(addresses.size(), 2);
  EXPECT_EQ(addresses[0], proxy_->address()) << "it stays bound";
  Client late(addresses[1]);
  EXPECT_THAT(late.Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(ReloadTest, AnAddressInAnotherSpellingStaysBound) {
  Serve();
  const std::string port = proxy_->address().substr(proxy_->address().rfind(':'));
  for (const char* host : {"localhost", "127.0.0.1"}) {
    Reload({.listeners = absl::StrCat("[{address: \"", host, port, "\"}]")});
    EXPECT_THAT(Listening(), ElementsAre(proxy_->address()));
    EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  }
}

TEST_F(ReloadTest, CallsOfAListenerThatIsRemovedEndWellAndNobodyElseComesIn) {
  const TemporaryPath socket;
  const std::string two =
      absl::StrCat("[{address: \"127.0.0.1:0\"}, {address: \"unix:", socket.path(), "\"}]");
  Serve({.listeners = two});
  Client leaving("unix:" + socket.path());
  backend_.Hold();
  PendingCall call = leaving.Start(kWrite, "id-7");
  backend_.WaitForHeld(1);
  Reload({});
  Client late("unix:" + socket.path());
  EXPECT_THAT(late.Ask(kRead, "id-7"), HasCode(absl::StatusCode::kUnavailable));
  backend_.Release();
  EXPECT_THAT(call.Wait(), IsOkWith("reply to id-7"));
  proxy_->WaitForMetric("singleflight_connections", Eq(0));
}

// The door is closed on one thread while others still hear of who has come in.
TEST_F(ReloadTest, WhoComesInWhileAListenerIsRemovedHasToLeaveToo) {
  const TemporaryPath socket;
  const std::string two =
      absl::StrCat("[{address: \"127.0.0.1:0\"}, {address: \"unix:", socket.path(), "\"}]");
  const std::string top = "threads: 4\nlimits: {handshake_timeout: 1h}";
  Serve({.listeners = two, .top = top});
  for (int i = 0; i < 3; ++i) {
    std::atomic<bool> over = false;
    std::vector<int> opened;
    std::thread caller([&] {
      while (!over && opened.size() < 500) {
        const int fd = TryToConnect(socket.path());
        if (fd >= 0) opened.push_back(fd);
      }
    });
    Reload({.top = top});
    over = true;
    caller.join();
    proxy_->WaitForMetric("singleflight_connections", Eq(0));
    for (const int fd : opened) ::close(fd);
    Reload({.listeners = two, .top = top});
  }
}

TEST_F(ReloadTest, AnAddressThatIsTakenRefusesTheWholeConfiguration) {
  Backend neighbour;
  Serve({.collapse = "false"});
  FailToReload(Yaml({.listeners = absl::StrCat("[{address: \"127.0.0.1:0\"}, {address: \"",
                                               neighbour.address(), "\"}]")}));
  EXPECT_THAT(StatusPage(), HasSubstr("listeners[1].address: cannot bind"));
  Ask(kRead, "id-7");
  EXPECT_EQ(Calls("relay"), 1) << "the route collapses in the refused one";
}

TEST_F(ReloadTest, APortThatMovesBetweenAddressesIsRefusedWithTheCure) {
  Serve({.listeners = "[{address: \"0.0.0.0:0\"}]"});
  const std::string port = proxy_->address().substr(proxy_->address().rfind(':'));
  FailToReload(Yaml({.listeners = "[{address: \"127.0.0.1" + port + "\"}]"}));
  EXPECT_THAT(StatusPage(), HasSubstr("cannot bind 127.0.0.1" + port));
  EXPECT_THAT(StatusPage(), HasSubstr("the running proxy listens on 0.0.0.0" + port));
}

TEST_F(ReloadTest, ASocketForBothFamiliesStaysNoneForOneAndTheOtherWayRound) {
  Serve({.listeners = "[{address: \"[::]:0\"}]"});
  const std::string address = proxy_->address();
  const std::string port = address.substr(address.rfind(':'));
  const std::string both = absl::StrCat("[{address: \"[::]", port, "\"}, ");
  FailToReload(Yaml({.listeners = absl::StrCat(both, "{address: \"127.0.0.1", port, "\"}]")}));
  EXPECT_THAT(StatusPage(), AllOf(HasSubstr("listeners[0].address: the running proxy listens there "
                                            "for IPv4 too"),
                                  HasSubstr("restart the proxy")));
}

TEST_F(ReloadTest, BoundsOfAnUpstreamChange) {
  Serve();
  Reload({.upstream = "max_flights: 1"});
  backend_.Hold();
  std::vector<PendingCall> first = StartHerd(1, "id-1");
  EXPECT_THAT(Ask(kRead, "id-2"), HasCode(absl::StatusCode::kResourceExhausted));
  backend_.Release();
  EXPECT_THAT(first.front().Wait(), IsOkWith("reply to id-1"));
}

TEST_F(ReloadTest, LimitsHoldForConnectionsAndCallsThatComeLater) {
  Serve();
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  Reload({.top = "limits: {max_connections: 1, max_message_bytes: 10B}"});
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7")) << "it is in already";
  EXPECT_THAT(NewClient().Ask(kWrite, "id-7"), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Ask(kWrite, "more than ten bytes"), HasCode(absl::StatusCode::kResourceExhausted));
  Reload({});
  EXPECT_THAT(NewClient().Ask(kWrite, "more than ten bytes"),
              IsOkWith("reply to more than ten bytes"));
}

TEST_F(ReloadTest, TheLogChangesItsForm) {
  Serve();
  Reload({.top = "log: {format: json}"});
  Reload({.top = "log: {format: json, level: info}"});
  proxy_->WaitForLog(HasSubstr("\"message\":\"configuration applied"));
}

TEST_F(ReloadTest, WhatRoutesCountedIsCountedOn) {
  Serve();
  Ask(kRead, "id-7");
  Reload({.collapse = "{max_join_age: 5s}"});
  Ask(kRead, "id-7");
  EXPECT_EQ(Calls("leader"), 2);
}

TEST_F(ReloadTest, NoCallFailsWhileConfigurationsChange) {
  Backend other;
  Serve({.top = "threads: 2"});
  std::atomic<bool> over = false;
  std::atomic<int> failed = 0, served = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&, i] {
      Client caller = NewClient();
      while (!over) {
        const Answer answer = caller.Ask(i % 2 == 0 ? kRead : kWrite, absl::StrCat("id-", i));
        (answer.code == absl::StatusCode::kOk ? served : failed).fetch_add(1);
      }
    });
  }
  for (int i = 0; i < 30; ++i) {
    const std::string address = i % 2 == 0 ? other.address() : backend_.address();
    Reload({.collapse = i % 3 == 0 ? "false" : "true",
            .cache = i % 5 == 0 ? "{ttl: 1s}" : "",
            .target = absl::StrCat("target: \"", address, "\""),
            .top = "threads: 2"});
    const int before = served;
    while (served < before + 20 && failed == 0) std::this_thread::yield();
  }
  over = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
  proxy_->WaitForMetric("singleflight_upstream_connections", Ge(1));
}

}  // namespace
}  // namespace singleflight::testing
