// Callers whose flight could not be shared, before a backend that hangs.

#include <atomic>
#include <csignal>
#include <memory>
#include <set>

#include "absl/strings/str_replace.h"
#include "tests/testing/proxy_fixture.h"
#include "tests/testing/raw_calls.h"

namespace singleflight::testing {
namespace {

using ::testing::Eq;

// A backend whose first reply to a message is for its caller alone. It has no other for "stuck",
// and answers "fine" as often as it is asked.
class ReleasedTest : public ProxyTest {
 protected:
  void SetUp() override { Serve(scenario_); }

  // So many callers of one flight, each with a credential of its own.
  std::vector<int32_t> Herd(const std::string& message, int callers) {
    const int64_t aboard = Metric("singleflight_waiters");
    std::vector<int32_t> calls;
    for (int i = 0; i < callers; ++i) {
      calls.push_back(
          client_->Open(RawCall(kRead, message, {{"authorization", std::to_string(i)}})));
    }
    client_->Until([&] { return Metric("singleflight_waiters") == aboard + callers; });
    return calls;
  }
  void LetAnswer(std::atomic<bool>& message) {
    message = true;
    server_.LookAgain();
  }
  void Until(const std::string& metric, int64_t value) {
    client_->Until([&] { return Metric(metric) == value; });
  }

  // Two are let through and hang, one waits.
  std::vector<int32_t> GetStuck() {
    std::vector<int32_t> herd = Herd("stuck", 4);
    LetAnswer(stuck_);
    Until("singleflight_release_active", 2);
    Until("singleflight_release_queue", 1);
    return herd;
  }

  std::atomic<bool> stuck_{false}, fine_{false};
  std::set<std::string> seen_;  // the server's thread
  RawServer server_{[this](const RawSeen& request) -> std::optional<RawMessage> {
    const bool fine = request.body == Framed("fine");
    if (!request.ended || !(fine ? fine_ : stuck_)) return std::nullopt;
    const bool first = seen_.insert(request.body).second;
    if (!first && !fine) return std::nullopt;
    RawMessage reply = RawReply("kettle");
    if (first) reply.head.push_back({"set-cookie", "a=b"});
    return reply;
  }};
  const Scenario scenario_ = {
      .key = "{metadata: {ignore: [authorization]}, share_across_credentials: true}",
      .upstream = "release_concurrency: 2",
      .target = "target: \"" + server_.address() + "\""};
  std::unique_ptr<RawClient> client_;
};

// PITFALLS 14
TEST_F(ReleasedTest, CallsThatHangHoldUpNoCallerOfAnotherKey) {
  client_ = std::make_unique<RawClient>(proxy_->address());
  GetStuck();
  const std::vector<int32_t> fine = Herd("fine", 3);
  LetAnswer(fine_);
  for (const int32_t call : fine) EXPECT_EQ(client_->Wait(call).Value("grpc-status"), "0");
  EXPECT_EQ(Metric("singleflight_release_queue"), 1);
  client_.reset();
}

// PITFALLS 16: and its connection; the upstream's last calls are among those that the gate knew.
TEST_F(ReleasedTest, AnUpstreamMayGoWhileItsCallersAreBeforeItsGate) {
  client_ = std::make_unique<RawClient>(proxy_->address());
  GetStuck();
  const char kApplied[] = "singleflight_config_reloads_total{result=\"applied\"}";
  const int64_t before = Metric(kApplied);
  proxy_->Rewrite(absl::StrReplaceAll(Yaml(scenario_), {{"backend", "renamed"}}));
  proxy_->Signal(SIGHUP);
  proxy_->WaitForMetric(kApplied, Eq(before + 1));
  client_.reset();
}

}  // namespace
}  // namespace singleflight::testing
