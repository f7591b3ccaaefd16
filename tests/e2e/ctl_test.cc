// singleflightctl against the real proxy.

#include <google/protobuf/util/json_util.h>

#include <csignal>

#include "absl/strings/str_cat.h"
#include "singleflight/admin/v1/admin.pb.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
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
  for (const char* text :
       {"listeners: [{address: 127.0.0.1:0}]\nupstreams: [{name: b, target: 127.0.0.1:1}]\n"
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
