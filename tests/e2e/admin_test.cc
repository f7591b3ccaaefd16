// What the admin service tells, and what its orders do.

#include <csignal>

#include "tests/e2e/admin_fixture.h"
#include "tests/testing/http_get.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::SizeIs;

TEST_F(AdminTest, ItTellsWhatRuns) {
  ServeAdmin({.top = "threads: 2"});
  const v1::Info info = Info();
  EXPECT_EQ(info.pid(), proxy_->pid());
  EXPECT_EQ(info.workers(), 2);
  EXPECT_THAT(info.listeners(), ElementsAre(proxy_->address()));
  EXPECT_THAT(info.version(), HasSubstr("."));
  EXPECT_EQ(info.log_level(), "info");
  EXPECT_FALSE(info.draining());
  EXPECT_GT(info.configured_at().seconds(), 1'700'000'000);
}

TEST_F(AdminTest, StatisticsTellWhatBecameOfCalls) {
  ServeAdmin({.cache = "{ttl: 1h}"});
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(3);
  EXPECT_EQ(Get(&Admin::GetStats).waiters(), 3);
  EXPECT_EQ(Get(&Admin::GetStats).flights(), 1);
  backend_.WaitForHeld(1);
  EXPECT_GT(Get(&Admin::GetStats).upstreams(0).oldest_wait().nanos(), 0);
  backend_.Release();
  WaitAll(herd);
  Ask(kRead, "id-7");
  const v1::Stats stats = Get(&Admin::GetStats);
  const v1::RouteStats& reads = stats.routes(0);
  EXPECT_EQ(reads.route(), "/test.Reads/*");
  EXPECT_EQ(reads.calls(), 4);
  EXPECT_EQ(reads.leaders(), 1);
  EXPECT_EQ(reads.followers(), 2);
  EXPECT_EQ(reads.hits(), 1);
  EXPECT_EQ(reads.saved(), 3);
  EXPECT_EQ(stats.upstreams(0).calls(), 1);
  EXPECT_EQ(stats.upstreams(0).codes(0).code(), "OK");
  EXPECT_EQ(stats.upstreams(0).oldest_wait().nanos(), 0);
  EXPECT_EQ(stats.cache().entries(), 1);
  EXPECT_EQ(stats.cache().stores(), 1);
  EXPECT_GT(stats.resident_bytes(), 1 << 20);
}

TEST_F(AdminTest, AWatcherIsToldAgainAndAgain) {
  ServeAdmin();
  grpc::ClientContext context;
  Prepare(context);
  v1::WatchStatsRequest request;
  request.mutable_interval()->set_nanos(100'000'000);
  const auto reader = admin_->WatchStats(&context, request);
  v1::Stats stats;
  ASSERT_TRUE(reader->Read(&stats));
  EXPECT_EQ(stats.routes(0).calls(), 0);
  Ask(kRead, "id-7");
  do {
    ASSERT_TRUE(reader->Read(&stats));
  } while (stats.routes(0).calls() == 0);
  EXPECT_EQ(stats.routes(0).calls(), 1);
  // What is still watched does not hold up the end of the process, which TearDown awaits.
}

TEST_F(AdminTest, AnIntervalHasBounds) {
  ServeAdmin();
  grpc::ClientContext context;
  Prepare(context);
  v1::WatchStatsRequest request;
  request.mutable_interval()->set_nanos(1'000'000);
  v1::Stats stats;
  const auto reader = admin_->WatchStats(&context, request);
  EXPECT_FALSE(reader->Read(&stats));
  EXPECT_THAT(reader->Finish(), HasStatus(grpc::StatusCode::INVALID_ARGUMENT));
}

TEST_F(AdminTest, OnlySoManyWatch) {
  ServeAdmin();
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::Stats>>> watchers;
  v1::Stats stats;
  const auto watch = [&] {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    Prepare(*contexts.back());
    watchers.push_back(admin_->WatchStats(contexts.back().get(), {}));
    return watchers.back()->Read(&stats);
  };
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(watch()) << i;
  EXPECT_FALSE(watch());
  EXPECT_THAT(watchers.back()->Finish(), HasStatus(grpc::StatusCode::RESOURCE_EXHAUSTED));
  EXPECT_EQ(Refused("watchers"), 1);
  contexts.front()->TryCancel();
  WaitUntil(watch);
}

TEST_F(AdminTest, RoutesAreListedInTheirOrder) {
  ServeAdmin({.collapse = "{flight_timeout: 3s}", .cache = "{ttl: 5s}"});
  const v1::ListRoutesResponse list = Get(&Admin::ListRoutes);
  ASSERT_THAT(list.routes(), SizeIs(2));
  EXPECT_EQ(list.routes(0).route(), "/test.Reads/*");
  EXPECT_EQ(list.routes(0).upstream(), "backend");
  EXPECT_TRUE(list.routes(0).collapses());
  EXPECT_EQ(list.routes(0).flight_timeout().seconds(), 3);
  EXPECT_EQ(list.routes(0).ttl().seconds(), 5);
  EXPECT_EQ(list.routes(1).method(), "/*");
  EXPECT_FALSE(list.routes(1).collapses());
  EXPECT_FALSE(list.routes(1).has_ttl());
}

TEST_F(AdminTest, RoutesAreCalledAsInMetrics) {
  const auto route = [](const std::string& match) {
    return absl::StrCat("  - {match: {", match, "}, upstream: backend, collapse: true}\n");
  };
  proxy_ = std::make_unique<ProxyProcess>(absl::StrCat(
      "listeners: [{address: \"127.0.0.1:0\"}]\nhealth: {address: \"127.0.0.1:0\"}\n",
      "admin: {grpc: \"127.0.0.1:0\"}\nupstreams: [{name: backend, target: \"", backend_.address(),
      "\"}]\nroutes:\n", route("method: /test.Reads/*, authority: shop.example"),
      route("method: /test.Reads/*, authority: \"*.example\""), route("method: /test.Reads/*")));
  Connect(grpc::InsecureChannelCredentials());
  const v1::ListRoutesResponse list = Get(&Admin::ListRoutes);
  const v1::Stats stats = Get(&Admin::GetStats);
  const std::vector<std::string> names = {"shop.example/test.Reads/*", "*.example/test.Reads/*",
                                          "/test.Reads/*"};
  const std::string metrics = HttpGet(proxy_->health(), "/metrics").body;
  for (int i = 0; i < 3; ++i) {
    const std::string& name = names[static_cast<size_t>(i)];
    EXPECT_EQ(list.routes(i).route(), name);
    EXPECT_EQ(stats.routes(i).route(), name);
    EXPECT_THAT(metrics, HasSubstr("singleflight_calls_total{route=\"" + name + "\"}"));
  }
  backend_.Hold();
  Client shopper(proxy_->address(), "shop.example");
  PendingCall call = shopper.Start(kRead, "id-7");
  backend_.WaitForHeld(1);
  EXPECT_EQ(Get(&Admin::ListFlights).flights(0).route(), names[0]);
  backend_.Release();
  call.Wait();
}

TEST_F(AdminTest, FlightsAreListedByTheirWaiters) {
  ServeAdmin();
  backend_.Hold();
  std::vector<PendingCall> one = StartHerd(1, "id-1");
  std::vector<PendingCall> three = StartHerd(3, "id-3");
  v1::ListFlightsResponse list = Get(&Admin::ListFlights);
  EXPECT_EQ(list.total(), 2);
  ASSERT_THAT(list.flights(), SizeIs(2));
  EXPECT_EQ(list.flights(0).waiters(), 3);
  EXPECT_EQ(list.flights(0).method(), kRead);
  EXPECT_EQ(list.flights(0).route(), "/test.Reads/*");
  EXPECT_EQ(list.flights(0).upstream(), "backend");
  EXPECT_THAT(list.flights(0).key(), SizeIs(16));
  EXPECT_LT(list.flights(0).age().seconds(), 60);
  EXPECT_EQ(list.flights(1).waiters(), 1);
  v1::ListFlightsRequest first;
  first.set_limit(1);
  EXPECT_THAT(Get(&Admin::ListFlights, first).flights(), SizeIs(1));
  first.set_order(v1::ListFlightsRequest::ORDER_AGE);
  EXPECT_EQ(Get(&Admin::ListFlights, first).flights(0).waiters(), 1) << "the oldest";
  backend_.WaitForHeld(2);
  backend_.Release();
  WaitAll(one);
  WaitAll(three);
}

TEST_F(AdminTest, APurgeOfAKeySendsTheNextCallUpstream) {
  ServeAdmin({.cache = "{ttl: 1h}"});
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(1);
  v1::PurgeRequest request;
  request.set_key(Get(&Admin::ListFlights).flights(0).key());
  backend_.WaitForHeld(1);
  backend_.Release();
  WaitAll(herd);
  Ask(kRead, "another");
  const v1::PurgeResponse purged = Purge(request);
  EXPECT_EQ(purged.dropped(), 1);
  EXPECT_GT(purged.sequence(), 0);
  Ask(kRead, "another");
  EXPECT_EQ(backend_.calls(), 2);
  Ask(kRead, "id-7");
  EXPECT_EQ(backend_.calls(), 3);
}

TEST_F(AdminTest, APurgeConcernsAMethodOrEverything) {
  ServeAdmin({.cache = "{ttl: 1h}"});
  Ask(kRead, "id-7");
  v1::PurgeRequest request;
  request.set_method("/test.Reads/Other");
  EXPECT_EQ(Purge(request).dropped(), 0);
  request.set_method(kRead);
  EXPECT_EQ(Purge(request).dropped(), 1);
  Ask(kRead, "id-7");
  request.set_all(true);
  EXPECT_EQ(Purge(request).dropped(), 1);
  Ask(kRead, "id-7");
  EXPECT_EQ(backend_.calls(), 3);
}

TEST_F(AdminTest, APurgeConcernsAGroup) {
  ServeAdmin({.cache = "{ttl: 1h}"});
  Answer answer = Ok("kettle");
  answer.initial = {{"cache-groups", "\"kettles\""}};
  backend_.AnswerWith(answer);
  Ask(kRead, "id-7");
  v1::PurgeRequest request;
  request.mutable_group()->set_upstream("backend");
  request.mutable_group()->set_name("pots");
  EXPECT_EQ(Purge(request).dropped(), 0);
  request.mutable_group()->set_name("kettles");
  EXPECT_EQ(Purge(request).dropped(), 1);
  request.mutable_group()->set_upstream("nobody");
  v1::PurgeResponse response;
  EXPECT_THAT(Call(&Admin::Purge, request, &response), HasStatus(grpc::StatusCode::NOT_FOUND));
}

TEST_F(AdminTest, APurgeSaysWhatItConcerns) {
  ServeAdmin();
  v1::PurgeRequest request;
  v1::PurgeResponse response;
  EXPECT_THAT(Call(&Admin::Purge, request, &response),
              HasStatus(grpc::StatusCode::INVALID_ARGUMENT));
  request.set_key("no digest");
  EXPECT_THAT(Call(&Admin::Purge, request, &response),
              HasStatus(grpc::StatusCode::INVALID_ARGUMENT));
  request.set_all(false);
  EXPECT_THAT(Call(&Admin::Purge, request, &response),
              HasStatus(grpc::StatusCode::INVALID_ARGUMENT));
}

TEST_F(AdminTest, AReloadTakesWhatTheFileSaysOrTellsWhyNot) {
  ServeAdmin();
  const std::string admin =
      absl::StrCat("admin: {grpc: \"127.0.0.1:0\", token_file: ", token_file_.path(),
                   "}\nreload: {check_every: 0s}");
  proxy_->Rewrite(Yaml({.top = admin + "\nthreads: no"}));
  v1::ReloadResponse response;
  const grpc::Status refused = Call(&Admin::Reload, {}, &response);
  EXPECT_THAT(refused, HasStatus(grpc::StatusCode::FAILED_PRECONDITION));
  EXPECT_THAT(refused.error_message(), HasSubstr("threads"));
  EXPECT_THAT(Info().refused(), HasSubstr("threads"));
  proxy_->Rewrite(Yaml({.top = admin + "\ndrain_timeout: 9s"}));
  Get(&Admin::Reload);
  EXPECT_EQ(Info().refused(), "");
  EXPECT_THAT(Get(&Admin::ListEvents).events(),
              AllOf(Contains(Property(&v1::Event::kind, "reload")),
                    Contains(Property(&v1::Event::kind, "reload-refused"))));
}

TEST_F(AdminTest, TheLogsLevelChangesUntilTheNextReload) {
  ServeAdmin();
  v1::SetLogLevelRequest request;
  request.set_level("debug");
  EXPECT_EQ(Get(&Admin::SetLogLevel, request).previous(), "info");
  EXPECT_EQ(Info().log_level(), "debug");
  request.set_level("loud");
  v1::SetLogLevelResponse response;
  EXPECT_THAT(Call(&Admin::SetLogLevel, request, &response),
              HasStatus(grpc::StatusCode::INVALID_ARGUMENT));
}

TEST_F(AdminTest, UpstreamsAreListedWithWhatBecomesOfTheirEndpoints) {
  ServeAdmin({.upstream = "max_reconnect_backoff: 1h"});
  EXPECT_EQ(Upstream().endpoints(0).address(), backend_.address());
  EXPECT_EQ(Upstream().endpoints(0).state(), v1::Endpoint::STATE_IDLE);
  backend_.AnswerWith(Failed(absl::StatusCode::kNotFound, "no"));
  Ask(kRead, "id-7");
  const v1::Endpoint ready = Upstream().endpoints(0);
  EXPECT_EQ(ready.state(), v1::Endpoint::STATE_READY);
  EXPECT_EQ(ready.calls(), 1);
  EXPECT_EQ(ready.connections(), 1);
  EXPECT_EQ(ready.last_code(), "NOT_FOUND");
  EXPECT_EQ(ready.last_failure(), "");
  backend_.Stop();
  proxy_->WaitForMetric("singleflight_upstream_connections", Eq(0));
  // The first pauses are short.
  WaitUntil([&] {
    Ask(kRead, "id-8");
    return Upstream().endpoints(0).state() == v1::Endpoint::STATE_FAILING;
  });
  EXPECT_THAT(Upstream().endpoints(0).last_failure(), HasSubstr("refused"));
  EXPECT_THAT(Get(&Admin::ListEvents).events(0).text(), HasSubstr("it fails"));
}

TEST_F(AdminTest, AnEndpointIsTakenOutAndBackIn) {
  Backend other;
  ServeAdmin({.target = absl::StrCat("endpoints: [\"", backend_.address(), "\", \"",
                                     other.address(), "\"]")});
  v1::DrainRequest out;
  out.mutable_endpoint()->set_upstream("backend");
  out.mutable_endpoint()->set_address(backend_.address());
  Get(&Admin::Drain, out);
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(Ask(kWrite, "id-7"), HasCode(absl::StatusCode::kOk));
  }
  EXPECT_EQ(backend_.calls(), 0);
  EXPECT_EQ(other.calls(), 4);
  EXPECT_THAT(Upstream().endpoints(),
              Contains(AllOf(Property(&v1::Endpoint::address, backend_.address()),
                             Property(&v1::Endpoint::state, v1::Endpoint::STATE_DRAINED))));
  v1::DrainRequest in;
  *in.mutable_resume() = out.endpoint();
  Get(&Admin::Drain, in);
  WaitUntil([&] {
    Ask(kWrite, "id-7");
    return backend_.calls() > 0;
  });
  v1::DrainResponse response;
  out.mutable_endpoint()->set_address("127.0.0.1:1");
  EXPECT_THAT(Call(&Admin::Drain, out, &response), HasStatus(grpc::StatusCode::NOT_FOUND));
}

TEST_F(AdminTest, WithAllEndpointsTakenOutCallsSayWhy) {
  ServeAdmin();
  Ask(kWrite, "id-7");
  v1::DrainRequest out;
  out.mutable_endpoint()->set_upstream("backend");
  out.mutable_endpoint()->set_address(backend_.address());
  EXPECT_EQ(Get(&Admin::Drain, out).connections(), 1);
  EXPECT_THAT(Ask(kWrite, "id-7"), FailedWith(absl::StatusCode::kUnavailable, HasSubstr("drain")));
  EXPECT_EQ(Check("backend"), health::HealthCheckResponse::NOT_SERVING);
  proxy_->WaitForMetric("singleflight_upstream_connections", Eq(0));
}

TEST_F(AdminTest, TheProcessDrainsByCommand) {
  ServeAdmin();
  backend_.Hold();
  PendingCall call = Start(kWrite, "id-7");
  backend_.WaitForHeld(1);
  v1::DrainRequest request;
  request.set_process(true);
  EXPECT_EQ(Get(&Admin::Drain, request).connections(), 1);
  EXPECT_TRUE(Info().draining());
  EXPECT_EQ(Check(""), health::HealthCheckResponse::NOT_SERVING);
  v1::ReloadResponse response;
  EXPECT_THAT(Call(&Admin::Reload, {}, &response),
              HasStatus(grpc::StatusCode::FAILED_PRECONDITION));
  backend_.Release();
  EXPECT_THAT(call.Wait(), HasCode(absl::StatusCode::kOk));
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

}  // namespace
}  // namespace singleflight::testing
