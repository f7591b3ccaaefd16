#include "server/config/load.h"

#include <string>

#include "absl/time/time.h"
#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kEverything[] = R"(
listeners:
  - address: "[::1]:8080"
  - address: unix:/tmp/proxy.sock
upstreams:
  - name: catalog
    target: dns:///catalog.example:50051
    load_balancing: least_request
    health_check: {service: shop.v1.Catalog, interval: 1s, timeout: 2s}
    ejection: {failures: 2, time: 3s, max_share: 25%, slow_start: 0s}
    authority: catalog.internal
    connect_timeout: 250ms
    max_reconnect_backoff: 1m
    dns_refresh: 1h
    ping_after: 20s
    ping_timeout: 2s
    max_connections_per_endpoint: 2
    max_pending_calls: 3
    max_flights: 4
    max_held_bytes: 64KiB
    max_reply_header_bytes: 96KiB
    release_concurrency: 5
    breaker: {calls: 6, pending: 7, connections: 8}
    concurrency: {limit: adaptive, min: 9, max: 11, max_wait: 12ms}
  - name: list
    endpoints: ["10.0.0.1:1", "[::1]:2", "unix:/x"]
    authority: preserve
    ejection: false
    health_check: true
  - name: mesh
    transport: grpc
    target: xds:///mesh.example
routes:
  - match: {method: /shop.v1.Catalog/Get*, authority: "*.example:443"}
    upstream: catalog
    collapse:
      flight_timeout: 1m30s
      max_join_age: 2s
      on_abandon: complete
      open_reply_grace: 3s
      max_waiters: 10
      max_request_bytes: 2MiB
      max_reply_bytes: 512B
    key:
      metadata: {ignore: [x-b, x-a, x-b]}
      share_across_credentials: true
  - upstream: list
    collapse: false
health: {address: 0.0.0.0:9900}
threads: 4
log: {level: warning, format: json}
access_log: {to: /var/log/a.log, format: json, errors: true, slower_than: 250ms, sample: 0.5%}
drain_timeout: 0s
)";

TEST(LoadTest, ReadsListenersAndTheRestOfTheTopLevel) {
  const Config config = Right(kEverything);
  ASSERT_EQ(config.listeners.size(), 2u);
  EXPECT_EQ(config.listeners[0].address, "[::1]:8080");
  EXPECT_EQ(config.listeners[1].address, "unix:/tmp/proxy.sock");
  EXPECT_EQ(config.health.address, "0.0.0.0:9900");
  EXPECT_EQ(config.threads, 4);
  EXPECT_EQ(config.log.level, LogLevel::kWarning);
  EXPECT_EQ(config.log.format, LogFormat::kJson);
  EXPECT_EQ(config.drain_timeout, absl::ZeroDuration());
}

TEST(LoadTest, ReadsTheAccessLog) {
  EXPECT_FALSE(Right(WithOption("")).access_log.has_value()) << "off by default";
  const auto options = Right(kEverything).access_log;
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->to, "/var/log/a.log");
  EXPECT_EQ(options->format, proxy::AccessLogFormat::kJson);
  EXPECT_TRUE(options->errors);
  EXPECT_EQ(options->slower_than, absl::Milliseconds(250));
  EXPECT_EQ(options->sample, 5'000u);
}

TEST(LoadTest, ReadsUpstreams) {
  const Config config = Right(kEverything);
  ASSERT_EQ(config.upstreams.size(), 3u);
  const upstream::UpstreamOptions& catalog = config.upstreams[0];
  EXPECT_EQ(catalog.name, "catalog");
  EXPECT_EQ(catalog.target, "dns:///catalog.example:50051");
  EXPECT_EQ(catalog.authority_rule, upstream::AuthorityRule::kFixed);
  EXPECT_EQ(catalog.authority, "catalog.internal");
  EXPECT_EQ(catalog.connect_timeout, absl::Milliseconds(250));
  EXPECT_EQ(catalog.max_reconnect_backoff, absl::Minutes(1));
  EXPECT_EQ(catalog.dns_refresh, absl::Hours(1));
  EXPECT_EQ(catalog.ping_after, absl::Seconds(20));
  EXPECT_EQ(catalog.load_balancing, upstream::LoadBalancing::kLeastRequest);
  EXPECT_EQ(catalog.ping_timeout, absl::Seconds(2));
  EXPECT_EQ(catalog.max_connections_per_endpoint, 2u);
  EXPECT_EQ(catalog.max_pending_calls, 3u);
  EXPECT_EQ(catalog.max_flights, 4u);
  EXPECT_EQ(catalog.max_held_bytes, 65536u);
  EXPECT_EQ(catalog.max_reply_header_bytes, 98304u);
  EXPECT_EQ(catalog.release_concurrency, 5u);
  EXPECT_EQ(catalog.breaker, (upstream::BreakerOptions{6, 7, 8}));
  EXPECT_FALSE(config.upstreams[1].breaker.on()) << "by default";
  EXPECT_EQ(catalog.concurrency,
            (upstream::ConcurrencyOptions{0, true, 9, 11, absl::Milliseconds(12)}));
  EXPECT_FALSE(config.upstreams[1].concurrency.on()) << "by default";
  EXPECT_EQ(Right(WithUpstreamOption("concurrency: {limit: 3}")).upstreams[0].concurrency.limit,
            3u);
  EXPECT_THAT(config.upstreams[1].endpoints, ElementsAre("10.0.0.1:1", "[::1]:2", "unix:/x"));
  const upstream::EjectionOptions ejection{2, absl::Seconds(3), 250'000, absl::ZeroDuration()};
  EXPECT_EQ(catalog.ejection, ejection);
  const upstream::HealthCheckOptions health{"shop.v1.Catalog", absl::Seconds(1), absl::Seconds(2)};
  EXPECT_EQ(catalog.health_check, health);
  EXPECT_EQ(config.upstreams[1].health_check, upstream::HealthCheckOptions());
  EXPECT_EQ(config.upstreams[1].ejection, absl::nullopt);
  EXPECT_EQ(config.upstreams[1].authority_rule, upstream::AuthorityRule::kPreserve);
  EXPECT_EQ(config.upstreams[1].transport, upstream::Transport::kNative);
  EXPECT_EQ(config.upstreams[2].transport, upstream::Transport::kGrpc);
  EXPECT_EQ(config.upstreams[2].target, "xds:///mesh.example");
}

TEST(LoadTest, ReadsRoutes) {
  const Config config = Right(kEverything);
  ASSERT_EQ(config.routes.size(), 2u);
  const core::RouteOptions& route = config.routes[0];
  EXPECT_EQ(route.match.method, "/shop.v1.Catalog/Get*");
  EXPECT_EQ(route.match.authority, "*.example:443");
  EXPECT_EQ(route.upstream, "catalog");
  ASSERT_TRUE(route.collapse.has_value());
  EXPECT_EQ(route.collapse->flight_timeout, absl::Seconds(90));
  EXPECT_EQ(route.collapse->max_join_age, absl::Seconds(2));
  EXPECT_EQ(route.collapse->on_abandon, core::OnAbandon::kComplete);
  EXPECT_EQ(route.collapse->open_reply_grace, absl::Seconds(3));
  EXPECT_FALSE(route.collapse->unary);
  EXPECT_EQ(route.collapse->max_waiters, 10u);
  EXPECT_EQ(route.collapse->max_request_bytes, 2u << 20);
  EXPECT_EQ(route.collapse->max_reply_bytes, 512u);
  EXPECT_FALSE(config.routes[1].collapse.has_value());
  EXPECT_EQ(config.routes[1].match.method, "/*");
}

TEST(LoadTest, ReadsKeyRulesSortedAndEachNameOnce) {
  const model::KeyRules key = Right(kEverything).routes[0].key;
  EXPECT_EQ(key.mode, model::KeyRules::Mode::kAllButNoise);
  EXPECT_THAT(key.names, ElementsAre("x-a", "x-b"));
  EXPECT_TRUE(key.share_across_credentials);
}

TEST(LoadTest, WhichFlightsACallerMayJoinIsRead) {
  const auto join = [](const std::string& option) {
    return Right(WithRouteOption(option)).routes.at(0).collapse->join;
  };
  EXPECT_EQ(join("collapse: true"), core::JoinRule::kInFlight);
  EXPECT_EQ(join("collapse: {join: in_flight}"), core::JoinRule::kInFlight);
  EXPECT_EQ(join("collapse: {join: before_start}"), core::JoinRule::kBeforeStart);
  EXPECT_EQ(join("collapse: {join: before_start, on_abandon: cancel}"),
            core::JoinRule::kBeforeStart);
}

TEST(LoadTest, CollapseTrueMeansCollapseWithItsDefaults) {
  const Config config = Right(WithRouteOption("collapse: true"));
  ASSERT_TRUE(config.routes[0].collapse.has_value());
  EXPECT_EQ(config.routes[0].collapse->flight_timeout, absl::Seconds(15));
}

TEST(LoadTest, CollapseDeclaresMethodsUnary) {
  const Config config = Right(WithCollapseOption("unary: true"));
  EXPECT_TRUE(config.routes[0].collapse->unary);
}

TEST(LoadTest, CollapseTakesAnEmptySection) {
  EXPECT_TRUE(Right(WithRouteOption("collapse: {}")).routes[0].collapse.has_value());
}

TEST(LoadTest, OnlyNamesWhatCountsEvenWhenItNamesNothing) {
  const Config config = Right(WithRouteOption("collapse: true\n    key: {metadata: {only: []}}"));
  EXPECT_EQ(config.routes[0].key.mode, model::KeyRules::Mode::kOnly);
  EXPECT_THAT(config.routes[0].key.names, IsEmpty());
}

TEST(LoadTest, NamedSetsOfMetadataAreExpanded) {
  const Config config =
      Right(WithRouteOption("collapse: true\n    key: {metadata: {ignore: [\"@baggage\", x-z]}}"));
  EXPECT_THAT(config.routes[0].key.names, ElementsAre("baggage", "tracestate", "x-z"));
}

TEST(LoadTest, CountNamesNoiseThatCountsBesideWhatIsIgnored) {
  const Config config = Right(WithRouteOption(
      "collapse: true\n    key: {metadata: {ignore: [\"@baggage\"], count: [date, baggage]}}"));
  EXPECT_EQ(config.routes[0].key.mode, model::KeyRules::Mode::kAllButNoise);
  EXPECT_THAT(config.routes[0].key.names, ElementsAre("baggage", "tracestate"));
  EXPECT_THAT(config.routes[0].key.counted, ElementsAre("baggage", "date"));
}

TEST(LoadTest, FieldsOfMessagesThatDoNotCountAreRead) {
  const Config config =
      Right(WithRouteOption("collapse: true\n    key: {message: {ignore: [1, \"3.2\", 3.10]}}"));
  EXPECT_THAT(config.routes[0].key.ignored_fields,
              ElementsAre(ElementsAre(1), ElementsAre(3, 2), ElementsAre(3, 10)));
}

TEST(LoadTest, OnlyMayNameCredentials) {
  EXPECT_THAT(
      MistakesIn(WithRouteOption("collapse: true\n    key: {metadata: {only: [authorization]}}")),
      IsEmpty());
}

TEST(LoadTest, WithoutAuthorityTheTargetDecides) {
  EXPECT_EQ(Right(WithOption("")).upstreams[0].authority_rule, upstream::AuthorityRule::kTarget);
  EXPECT_EQ(Right(WithUpstreamOption("authority: default")).upstreams[0].authority_rule,
            upstream::AuthorityRule::kTarget);
}

TEST(LoadTest, ThreadsMayBeAuto) { EXPECT_EQ(Right(WithOption("threads: auto")).threads, 0); }

TEST(LoadTest, QuotedNumbersAreNumbers) {
  EXPECT_EQ(Right(WithOption("threads: \"3\"")).threads, 3);
}

TEST(LoadTest, AliasesStandForWhatTheyName) {
  const Config config = Right(WithRoutes({
      "match: {method: /a/b}, collapse: &short {flight_timeout: 1s}",
      "match: {method: /a/c}, collapse: *short",
  }));
  EXPECT_EQ(config.routes[1].collapse->flight_timeout, absl::Seconds(1));
}

TEST(LoadTest, AByteOrderMarkAndCarriageReturnsDoNotMatter) {
  EXPECT_EQ(Right("\xEF\xBB\xBFthreads: 2\r\n" + WithOption("")).threads, 2);
}

TEST(LoadTest, AMissingFileIsNamedWithTheCause) {
  const auto loaded = LoadFile("/nonexistent/proxy.yaml");
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(loaded.status().message()),
              HasSubstr("/nonexistent/proxy.yaml: cannot be read: No such file or directory"));
}

TEST(LoadTest, ADirectoryIsNoFile) {
  EXPECT_THAT(std::string(LoadFile("/").status().message()),
              HasSubstr("/: is a folder; name the file in it"));
}

}  // namespace
}  // namespace singleflight::config
