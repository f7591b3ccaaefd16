// singleflightctl against the real proxy: every command.

#include <google/protobuf/util/json_util.h>

#include <csignal>

#include "absl/strings/str_cat.h"
#include "singleflight/admin/v1/admin.pb.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
namespace v1 = admin::v1;

constexpr char kToken[] = "0123456789abcdef0123456789abcdef";

struct Ran {
  int status;
  std::string out;
  std::string err;
};

class CtlTest : public ProxyTest {
 protected:
  // With admin.grpc and a token, and a cache on the route that collapses.
  void ServeAdmin(Scenario scenario = {}) {
    scenario.cache = "{ttl: 1h}";
    absl::StrAppend(&scenario.top, "admin: {grpc: \"", address(), "\", token_file: \"",
                    token_.path(), "\"}\n");
    Serve(scenario);
    scenario_ = scenario;
  }

  std::string address() const { return "unix:" + socket_.path(); }

  std::vector<std::string> Command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> command = {SINGLEFLIGHT_CTL, "--address",   address(),
                                        "--token-file",   token_.path(), "--timeout=45s"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }

  static Ran Execute(const std::vector<std::string>& command) {
    ChildProcess process(command, {"TZ=UTC"});
    const int status = process.WaitExit();
    return {status, process.out(), process.err()};
  }
  Ran Ctl(const std::vector<std::string>& arguments) const { return Execute(Command(arguments)); }

  // What a command that must succeed prints.
  std::string Out(const std::vector<std::string>& arguments) const {
    const Ran ran = Ctl(arguments);
    EXPECT_EQ(ran.status, 0) << ran.err;
    return ran.out;
  }

  template <typename Message>
  Message Json(std::vector<std::string> arguments) const {
    arguments.push_back("--json");
    Message message;
    const std::string text = Out(arguments);
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(text, &message).ok()) << text;
    return message;
  }

  const TemporaryPath socket_;
  const TemporaryFile token_{kToken};
  Scenario scenario_;
};

TEST_F(CtlTest, InfoTellsOfTheProcess) {
  ServeAdmin();
  const v1::Info info = Json<v1::Info>({"info"});
  EXPECT_EQ(info.pid(), proxy_->pid());
  EXPECT_THAT(info.listeners(), ::testing::ElementsAre(proxy_->address()));
  EXPECT_THAT(Out({"info"}), HasSubstr("listens on     " + proxy_->address()));
}

TEST_F(CtlTest, StatsTellWhatWasSaved) {
  ServeAdmin();
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(4);
  backend_.Release();
  WaitAll(herd);
  const v1::RouteStats route = Json<v1::Stats>({"stats"}).routes(0);
  EXPECT_EQ(route.calls(), 4u);
  EXPECT_EQ(route.saved(), 3u);
  EXPECT_THAT(Out({"stats"}), HasSubstr("75.0 % of 4 calls"));
}

TEST_F(CtlTest, WatchingGoesOnUntilItIsEnded) {
  ServeAdmin();
  ChildProcess watch(Command({"stats", "--watch", "--json", "--interval", "100ms"}));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(watch.ReadLine(), MatchesRegex("\\{.*\\}\n"));
  watch.Signal(SIGINT);
  EXPECT_EQ(watch.WaitExit(), 128 + SIGINT);
}

TEST_F(CtlTest, RoutesAreThoseOfTheConfiguration) {
  ServeAdmin();
  const v1::ListRoutesResponse routes = Json<v1::ListRoutesResponse>({"routes"});
  ASSERT_EQ(routes.routes_size(), 2);
  EXPECT_EQ(routes.routes(0).method(), "/test.Reads/*");
  EXPECT_TRUE(routes.routes(0).collapses());
  EXPECT_THAT(Out({"routes"}), HasSubstr("/test.Reads/*  backend   yes, for 1 min"));
}

TEST_F(CtlTest, UpstreamsShowTheirEndpoints) {
  ServeAdmin();
  Ask(kWrite, "x");
  EXPECT_THAT(Out({"upstreams"}), HasSubstr("backend/" + backend_.address() + "  ready"));
}

TEST_F(CtlTest, FlightsTopAndTheAccessLogNameAKeyAlikeAndAPurgeTakesItsName) {
  ServeAdmin({.top = "access_log: {to: stderr}\n"});
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(4);
  const v1::ListFlightsResponse flights = Json<v1::ListFlightsResponse>({"flights"});
  ASSERT_EQ(flights.flights_size(), 1);
  EXPECT_EQ(flights.flights(0).waiters(), 4u);
  backend_.Release();
  WaitAll(herd);
  const std::string key = flights.flights(0).key();
  EXPECT_THAT(Out({"top"}), AllOf(HasSubstr(key), HasSubstr(kRead)));
  proxy_->WaitForLog(MatchesRegex(absl::StrCat("(.|\n)* role=leader [^\n]* key=", key, "(.|\n)*")));
  EXPECT_THAT(Out({"purge", "--key", key}), HasSubstr("dropped entries: 1"));
  EXPECT_EQ(Out({"flights"}), "No flight is in the air.\n");
}

TEST_F(CtlTest, WhyNamesTheHeaderThatKeepsCallsApart) {
  ServeAdmin();
  Ask(kRead, "x", {.metadata = {{"x-device-id", "1"}}});
  Ask(kRead, "x", {.metadata = {{"x-device-id", "2"}}});
  EXPECT_THAT(Out({"why"}), HasSubstr("header x-device-id"));
}

TEST_F(CtlTest, APurgeByKeyMethodOrOfAllDropsWhatIsKept) {
  ServeAdmin();
  Ask(kRead, "x");
  const std::string key = Json<v1::ListTopKeysResponse>({"top"}).keys(0).key();
  int asked = 1;
  for (const std::vector<std::string>& scope :
       {std::vector<std::string>{"--key", key}, {"--method", kRead}, {"--all"}}) {
    Ask(kRead, "x");
    EXPECT_EQ(backend_.calls(), asked++);
    std::vector<std::string> purge = {"purge"};
    purge.insert(purge.end(), scope.begin(), scope.end());
    EXPECT_THAT(Out(purge), HasSubstr("dropped entries: 1"));
    Ask(kRead, "x");
    EXPECT_EQ(backend_.calls(), asked);
  }
}

TEST_F(CtlTest, APurgeByGroupDropsWhatIsTagged) {
  ServeAdmin();
  Answer tagged = Ok("blue kettle");
  tagged.initial = {{"cache-groups", "\"item:7\""}};
  backend_.AnswerWith(tagged);
  Ask(kRead, "x");
  EXPECT_THAT(Out({"purge", "--group", "item:7", "--upstream", "backend"}),
              HasSubstr("dropped entries: 1"));
}

TEST_F(CtlTest, ChangesWithoutTheTokenEndWith4) {
  ServeAdmin();
  Ask(kRead, "x");
  const TemporaryFile wrong("another-token-than-that-one");
  const Ran ran = Execute(
      {SINGLEFLIGHT_CTL, "--address", address(), "--token-file", wrong.path(), "purge", "--all"});
  EXPECT_EQ(ran.status, 4);
  EXPECT_THAT(ran.err, HasSubstr("wants the token"));
  Ask(kRead, "x");
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(CtlTest, AReloadIsTakenOrRefusedWithTheReasons) {
  ServeAdmin();
  Scenario other = scenario_;
  other.collapse = "false";
  other.cache = "";
  proxy_->Rewrite(Yaml(other));
  EXPECT_THAT(Out({"reload"}), HasSubstr("the configuration is in force"));
  EXPECT_THAT(Out({"routes"}), Not(HasSubstr("yes, for")));
  proxy_->Rewrite("nonsense: 1\n");
  const Ran refused = Ctl({"reload"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("nonsense"));
  EXPECT_THAT(Out({"info"}), HasSubstr("refused"));
}

TEST_F(CtlTest, AnEndpointIsTakenOutAndBackIn) {
  ServeAdmin();
  const std::string endpoint = "backend/" + backend_.address();
  Out({"drain", "--endpoint", endpoint});
  EXPECT_THAT(Out({"upstreams"}), HasSubstr(endpoint + "  drained"));
  EXPECT_EQ(Ask(kWrite, "x").code, absl::StatusCode::kUnavailable);
  Out({"drain", "--resume", endpoint});
  EXPECT_EQ(Ask(kWrite, "x").code, absl::StatusCode::kOk);
  EXPECT_EQ(Ctl({"drain", "--endpoint", "backend/192.0.2.1:1"}).status, 1);
}

TEST_F(CtlTest, TheProcessDrains) {
  ServeAdmin();
  EXPECT_THAT(Out({"drain", "--process"}), HasSubstr("drains and ends"));
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

TEST_F(CtlTest, TheLogLevelIsSet) {
  ServeAdmin();
  EXPECT_EQ(Out({"log-level", "debug"}), "log level: debug, before: info\n");
  EXPECT_THAT(Out({"info"}), HasSubstr("log level      debug"));
}

TEST_F(CtlTest, EventsTellOfChanges) {
  ServeAdmin();
  Out({"purge", "--all"});
  EXPECT_THAT(Out({"events"}), HasSubstr("  purge"));
}

TEST_F(CtlTest, AFrozenProxyEndsWith3) {
  ServeAdmin();
  proxy_->Signal(SIGSTOP);
  const Ran ran = Execute({SINGLEFLIGHT_CTL, "--address", address(), "info", "--timeout", "200ms"});
  proxy_->Signal(SIGCONT);
  EXPECT_EQ(ran.status, 3);
  EXPECT_THAT(ran.err, HasSubstr("no answer from " + address()));
}

TEST_F(CtlTest, AListenerForCallsIsToldFromAnAdminAddress) {
  ServeAdmin();
  const Ran ran = Execute({SINGLEFLIGHT_CTL, "--address", proxy_->address(), "info"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("is it a listener for calls"));
}

TEST_F(CtlTest, OutputThatCannotBeWrittenIsAFailure) {
  const Ran ran = Execute({"/bin/sh", "-c", SINGLEFLIGHT_CTL " help >/dev/full"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("cannot write the output"));
}

TEST_F(CtlTest, CheckSaysWhatTheProxySays) {
  for (const char* text : {"listeners: [{address: 127.0.0.1:0}]\nupstreams: "
                           "[{name: b, target: 127.0.0.1:1}]\n"
                           "routes: [{upstream: b, collapse: true}]\n",
                           "listeners: nonsense\nroutes: 7\n"}) {
    const TemporaryFile file(text);
    const Ran ctl = Execute({SINGLEFLIGHT_CTL, "check", file.path()});
    const Ran proxy = Execute({ProxyBinary(), "--check", "--config", file.path()});
    EXPECT_EQ(ctl.status, proxy.status);
    EXPECT_EQ(ctl.out, proxy.out);
    EXPECT_EQ(ctl.err, proxy.err);
  }
}

}  // namespace
}  // namespace singleflight::testing
