// What many clients of the admin service, or large requests, can take: never more than its bounds,
// and never from those who are served.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iterator>

#include "tests/e2e/admin_fixture.h"
#include "tests/testing/http_get.h"

namespace singleflight::testing {
namespace {

using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Le;

class AdminBoundsTest : public AdminTest {
 protected:
  static constexpr int kConnections = 32;
  static constexpr int kThreads = 32;
  static constexpr int kWatchers = 16;

  // On a connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel() const {
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(proxy_->admin(), grpc::InsecureChannelCredentials(), own);
  }

  bool IsAnswered() {
    admin_ = v1::Admin::NewStub(NewChannel());
    v1::Info info;
    return Call(&Admin::GetInfo, {}, &info).ok();
  }

  int ThreadsOfProxy() const {
    const std::filesystem::directory_iterator tasks(absl::StrCat("/proc/", proxy_->pid(), "/task"));
    return static_cast<int>(std::distance(begin(tasks), end(tasks)));
  }
};

TEST_F(AdminBoundsTest, ConnectionsThatSayNothingAreBoundedAndCallsGoOn) {
  ServeAdmin();
  std::vector<int> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(ConnectTo(proxy_->admin()));
  proxy_->WaitForMetric("singleflight_admin_refused_total{door=\"grpc\",reason=\"connections\"}",
                        Eq(100 - kConnections));
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_FALSE(IsAnswered());
  for (const int fd : silent) ::close(fd);
  WaitUntil([&] { return IsAnswered(); });
  EXPECT_THAT(proxy_->err(), HasSubstr("connections are refused: 32 are open (127.0.0.1:"));
}

TEST_F(AdminBoundsTest, WatchersOnManyConnectionsAreBounded) {
  ServeAdmin();
  struct Watcher {
    std::unique_ptr<v1::Admin::Stub> stub;
    std::unique_ptr<grpc::ClientContext> context = std::make_unique<grpc::ClientContext>();
    std::unique_ptr<grpc::ClientReader<v1::Stats>> reader;
  };
  std::vector<Watcher> watchers(kConnections);
  for (Watcher& watcher : watchers) {
    watcher.stub = v1::Admin::NewStub(NewChannel());
    Prepare(*watcher.context);
    watcher.reader = watcher.stub->WatchStats(watcher.context.get(), {});
  }
  const auto told = std::count_if(watchers.begin(), watchers.end(), [](Watcher& watcher) {
    v1::Stats stats;
    return watcher.reader->Read(&stats);
  });
  EXPECT_EQ(told, kWatchers);
  EXPECT_EQ(Refused("watchers"), kConnections - kWatchers);
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(AdminBoundsTest, ManyCallsTogetherTakeABoundedNumberOfThreads) {
  ServeAdmin();
  Info();  // gRPC has begun
  const int before = ThreadsOfProxy();
  constexpr size_t kCalls = 300;
  struct Asked {
    grpc::ClientContext context;
    v1::Stats stats;
    grpc::StatusCode code = grpc::StatusCode::UNKNOWN;
  };
  std::vector<Asked> calls(kCalls);
  std::atomic<size_t> ended = 0;
  for (Asked& call : calls) {
    Prepare(call.context);
    static const v1::GetStatsRequest request;
    admin_->async()->GetStats(&call.context, &request, &call.stats, [&](const grpc::Status& end) {
      call.code = end.error_code();
      ++ended;
    });
  }
  int most = 0;
  while (ended < kCalls) most = std::max(most, ThreadsOfProxy());
  EXPECT_THAT(most, Le(before + kThreads));
  for (const Asked& call : calls) {
    EXPECT_THAT(call.code, AnyOf(grpc::StatusCode::OK, grpc::StatusCode::RESOURCE_EXHAUSTED));
  }
  EXPECT_EQ(Info().pid(), proxy_->pid());
}

TEST_F(AdminBoundsTest, ALargeRequestIsRefusedAndSaidSo) {
  ServeAdmin();
  v1::PurgeRequest request;
  request.set_key(std::string(10 << 20, 'x'));
  v1::PurgeResponse response;
  const grpc::Status refused = Call(&Admin::Purge, request, &response);
  EXPECT_THAT(refused, HasStatus(grpc::StatusCode::RESOURCE_EXHAUSTED));
  EXPECT_THAT(refused.error_message(), HasSubstr("larger than max (10485765 vs. 65536)"));
  EXPECT_EQ(Info().pid(), proxy_->pid());
}

}  // namespace
}  // namespace singleflight::testing
