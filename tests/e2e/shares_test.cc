// What one client may take of what all clients share.

#include "tests/testing/proxy_fixture.h"
#include "tests/testing/raw_calls.h"

namespace singleflight::testing {
namespace {

using std::chrono::seconds;
using ::testing::Eq;
using ::testing::HasSubstr;

class SharesTest : public ProxyTest {
 protected:
  // The backend behind a second proxy that lets in so many calls at a time on a connection.
  void ServeStreams(int streams, const std::string& upstream) {
    narrow_ = std::make_unique<ProxyProcess>(
        Yaml({.top = "limits: {max_concurrent_streams: " + std::to_string(streams) + "}"}));
    Serve({.upstream = "max_connections_per_endpoint: 1\n    " + upstream,
           .target = "target: \"" + narrow_->address() + "\"",
           .top = "threads: 1"});
  }
  void TearDown() override {
    ProxyTest::TearDown();
    narrow_.reset();
  }

  // Relays that say nothing after their headers.
  void OpenSilent(RawClient& client, int calls) {
    for (int i = 0; i < calls; ++i) client.Open({.head = UpstreamHead(kWrite), .ends = false});
  }

  std::unique_ptr<ProxyProcess> narrow_;
};

TEST_F(SharesTest, AThousandSilentRelaysOfOneClientDoNotKeepOthersFromTheBackend) {
  ServeStreams(100, "");
  RawClient greedy(proxy_->address());
  OpenSilent(greedy, 1000);
  greedy.Until([this] {
    return Metric("singleflight_upstream_calls_active") +
               Metric("singleflight_upstream_calls_pending") ==
           1000;
  });
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(Ask(kWrite, "id-7", {.timeout = seconds(20)}), IsOkWith("reply to id-7"));
  }
  EXPECT_EQ(Metric("singleflight_upstream_calls_active"), 75);
}

TEST_F(SharesTest, OneClientDoesNotKeepOthersFromWaiting) {
  ServeStreams(4, "max_pending_calls: 40");
  RawClient greedy(proxy_->address());
  OpenSilent(greedy, 1);  // makes the connection
  greedy.Until([this] { return Metric("singleflight_upstream_calls_active") == 1; });
  OpenSilent(greedy, 99);
  const std::string refused = "singleflight_upstream_unanswered_total{reason=\"client_share\"}";
  greedy.Until([&] { return Metric(refused) == 100 - 3 - 30; });
  EXPECT_THAT(Ask(kWrite, "id-7", {.timeout = seconds(20)}), IsOkWith("reply to id-7"));
}

}  // namespace
}  // namespace singleflight::testing
