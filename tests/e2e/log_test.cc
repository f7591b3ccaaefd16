// The log: nobody waits for its reader.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/testing/http_get.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr char kJsonLine[] =
    R"(\{"time":"[^"]+Z","level":"[a-z]+","message":"([^"\\]|\\["\\]|\\u[0-9a-f]{4})*"\})";
constexpr char kDebug[] = "log: {level: debug}";

// A pipe that stderr goes into.
class Pipe {
 public:
  // `flags`: what its writer finds: 0, or O_NONBLOCK.
  explicit Pipe(int flags) {
    if (::pipe(ends_.data()) != 0) throw std::runtime_error("pipe");
    ::fcntl(ends_[0], F_SETFD, FD_CLOEXEC);
    ::fcntl(ends_[1], F_SETFL, flags);
  }
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  // So that it takes nothing more.
  void Fill() {
    const int flags = ::fcntl(ends_[1], F_GETFL);
    ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
    while (::write(ends_[1], "\n", 1) > 0) {
    }
    ::fcntl(ends_[1], F_SETFL, flags);
  }

  // For the shell that starts the writer.
  std::string As(int fd) const { return absl::StrCat(fd, ">&", ends_[1], " ", ends_[1], ">&-"); }
  ProxyProcess::Redirections AsStderr() const { return {As(STDERR_FILENO)}; }

  // All lines that come until one contains `text`.
  std::vector<std::string> LinesTo(absl::string_view text) {
    std::vector<std::string> lines;
    while (lines.empty() || !absl::StrContains(lines.back(), text)) {
      std::string line = NextLine();
      if (!line.empty()) lines.push_back(std::move(line));
    }
    return lines;
  }

 private:
  std::string NextLine() {
    size_t end;
    while ((end = text_.find('\n')) == std::string::npos) {
      char buffer[4096];
      pollfd readable{ends_[0], POLLIN, 0};
      ::poll(&readable, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count()));
      const ssize_t n = readable.revents == 0 ? 0 : ::read(ends_[0], buffer, sizeof(buffer));
      if (n <= 0) throw std::runtime_error("the log says no more than: " + text_);
      text_.append(buffer, static_cast<size_t>(n));
    }
    const std::string line = text_.substr(0, end);
    text_.erase(0, end + 1);
    return line;
  }

  std::array<int, 2> ends_;
  std::string text_;
};

std::vector<std::string> LinesOf(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

class LogTest : public ProxyTest {
 protected:
  void ServeOn(const Pipe& log, const Scenario& scenario) {
    proxy_ = std::make_unique<ProxyProcess>(Yaml(scenario), log.AsStderr());
  }

  // The log tells of each mistake, in one line.
  void RefuseReload(const Scenario& scenario, int mistakes) {
    const char kRefused[] = "singleflight_config_reloads_total{result=\"refused\"}";
    const int64_t before = Metric(kRefused);
    std::string yaml = Yaml(scenario);
    for (int i = 0; i < mistakes; ++i) absl::StrAppend(&yaml, "unknown", i, ": 1\n");
    proxy_->Rewrite(yaml);
    proxy_->Signal(SIGHUP);
    proxy_->WaitForMetric(kRefused, Ge(before + 1));
  }
};

// Once as the system makes pipes, once as one that never lets its writer wait.
class UnreadLogTest : public LogTest, public ::testing::WithParamInterface<int> {
 protected:
  UnreadLogTest() : log_(GetParam()) {}

  Pipe log_;
};

// PITFALLS 49
TEST_P(UnreadLogTest, CallsPagesReloadsAndTheEndGoOn) {
  log_.Fill();
  const Scenario scenario = {.cache = "{ttl: 1h}", .top = kDebug};
  ServeOn(log_, scenario);
  RefuseReload(scenario, 1);
  Reload({.cache = "{ttl: 2h}", .top = kDebug});
  SendRaw(proxy_->address(), "no HTTP/2\r\n\r\n");  // which a worker tells of
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(HttpGet(proxy_->health(), "/livez").status, 200);
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

// PITFALLS 49
TEST_P(UnreadLogTest, ASecondSignalEndsTheProcess) {
  log_.Fill();
  ServeOn(log_, {});
  backend_.Hold();
  PendingCall call = Start(kRead, "id-7");
  backend_.WaitForHeld(1);
  proxy_->Signal(SIGTERM);
  proxy_->WaitForMetric("singleflight_draining", Eq(1));
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 128 + SIGTERM);
}

TEST_P(UnreadLogTest, WhoReadsAgainIsToldHowManyLinesAreMissing) {
  log_.Fill();
  ServeOn(log_, {});
  Reload({.top = "log: {format: json}"});
  // Which is more than may wait.
  while (Metric("singleflight_log_lines_dropped_total") == 0) RefuseReload({}, 3000);
  EXPECT_THAT(log_.LinesTo("not read in time: ").back(), MatchesRegex(kJsonLine));
}

TEST_P(UnreadLogTest, AReadyLineThatNobodyReadsHoldsUpNothing) {
  log_.Fill();
  const TemporaryPath socket;
  const std::string address = "unix:" + socket.path();
  const TemporaryFile file(Yaml({.listeners = "[{address: \"" + address + "\"}]"}));
  ChildProcess proxy({"/bin/bash", "-c", "exec \"$0\" \"$@\" " + log_.As(STDOUT_FILENO),
                      ProxyBinary(), "--config", file.path()});
  const Deadline deadline;
  while (::access(socket.path().c_str(), F_OK) != 0 && !deadline.passed()) proxy.Breathe();
  Client client(address, "backend.example");
  EXPECT_THAT(client.Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.WaitExit(), 0);
}

INSTANTIATE_TEST_SUITE_P(Pipes, UnreadLogTest, ::testing::Values(0, O_NONBLOCK));

TEST_F(LogTest, TheLastLinesAreNotLost) {
  Pipe log(0);
  ServeOn(log, {});
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 0);
  EXPECT_THAT(log.LinesTo("drained").back(), HasSubstr(" info drained"));
}

TEST_F(LogTest, EveryLineIsJsonWhereTheConfigurationSaysSo) {
  const std::string yaml = Yaml({.top = "log: {format: json, level: debug}"});
  const TemporaryFile file(yaml);
  ChildProcess proxy({ProxyBinary(), "--config", file.path()});
  const std::string ready = proxy.ReadLine();
  EXPECT_THAT(ready, AllOf(MatchesRegex(absl::StrCat(kJsonLine, "\n")),
                           HasSubstr("singleflight-proxy ready: listening on 127.0.0.1:")));
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.WaitExit(), 0);
  EXPECT_THAT(LinesOf(proxy.err()), Each(MatchesRegex(kJsonLine)));
}

TEST_F(LogTest, WhyItCannotStartIsJsonToo) {
  const Backend taken;
  const TemporaryFile file(Yaml(
      {.listeners = "[{address: \"" + taken.address() + "\"}]", .top = "log: {format: json}"}));
  ChildProcess proxy({ProxyBinary(), "--config", file.path()});
  EXPECT_EQ(proxy.WaitExit(), 2);
  EXPECT_THAT(LinesOf(proxy.err()), Each(MatchesRegex(kJsonLine)));
  EXPECT_THAT(LinesOf(proxy.err()).back(), HasSubstr("cannot bind " + taken.address()));
}

TEST_F(LogTest, MistakesOfAFileThatWantsJsonAreJsonToo) {
  const TemporaryFile file(Yaml({.top = "log: {format: json}\nthreads: none\nnothing: 1"}));
  for (const std::string option : {"--config", "--check --config"}) {
    ChildProcess proxy(
        {"/bin/sh", "-c", "exec \"$0\" " + option + " \"$1\"", ProxyBinary(), file.path()});
    EXPECT_EQ(proxy.WaitExit(), 2);
    EXPECT_THAT(LinesOf(proxy.err()),
                ElementsAre(AllOf(MatchesRegex(kJsonLine), HasSubstr("threads: ")),
                            AllOf(MatchesRegex(kJsonLine), HasSubstr("nothing: unknown option"))));
  }
}

// The next socket would become what is written to as the log.
TEST_F(LogTest, DescriptorsThatAreClosedAtTheStartAreOpenedOnDevNull) {
  proxy_ = std::make_unique<ProxyProcess>(Yaml({.top = kDebug}),
                                          ProxyProcess::Redirections{"0<&- 2>&-"});
  for (const int fd : {STDIN_FILENO, STDERR_FILENO}) {
    char name[100] = "";
    const std::string link = absl::StrCat("/proc/", proxy_->pid(), "/fd/", fd);
    EXPECT_GT(::readlink(link.c_str(), name, sizeof(name) - 1), 0);
    EXPECT_STREQ(name, "/dev/null");
  }
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(LogTest, ADiskThatIsFullIsNoReasonToEnd) {
  proxy_ = std::make_unique<ProxyProcess>(Yaml({.top = kDebug}),
                                          ProxyProcess::Redirections{"2>/dev/full"});
  RefuseReload({}, 1);
  proxy_->WaitForMetric("singleflight_log_lines_dropped_total", Ge(1));
}

TEST_F(LogTest, SignalsThatMeanNothingDoNothing) {
  Serve();
  for (const int signal : {SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGXFSZ}) {
    proxy_->Signal(signal);
  }
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

}  // namespace
}  // namespace singleflight::testing
