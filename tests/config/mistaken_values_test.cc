// Values that are wrong by themselves, each with the whole line that its author reads.

#include <fstream>

#include "tests/config/mistakes.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MistakesTest, ValuesAreRefusedWithWhatWouldBeRight) {
  ExpectMistakes({
      {WithCollapseOption("flight_timeout: 5x"),
       "5:32: routes[0].collapse.flight_timeout: \"5x\" is not a duration; try \"5s\""},
      {WithCollapseOption("flight_timeout: 5"),
       "5:32: routes[0].collapse.flight_timeout: \"5\" is not a duration; try \"5s\""},
      {WithCollapseOption("max_join_age: 0s"),
       "5:30: routes[0].collapse.max_join_age: \"0s\" is out of range; allowed are 1ms to 24h"},
      {WithOption("drain_timeout: 25h"),
       "4:16: drain_timeout: \"25h\" is out of range; allowed are 0s to 24h"},
      {WithUpstreamOption("dns_refresh: 10ms"),
       "6:18: upstreams[0].dns_refresh: \"10ms\" is out of range; allowed are 100ms to 24h"},
      {WithCollapseOption("max_reply_bytes: 16MB"),
       "5:33: routes[0].collapse.max_reply_bytes: \"16MB\" is not a size; try \"16MiB\""},
      {WithCollapseOption("max_reply_bytes: 0"),
       "5:33: routes[0].collapse.max_reply_bytes: \"0\" is out of range; allowed are 1B to 2GiB"},
      {WithCollapseOption("max_request_bytes: 3GiB"),
       "5:35: routes[0].collapse.max_request_bytes: \"3GiB\" is out of range; allowed are 1B to "
       "2GiB"},
      {WithUpstreamOption("max_held_bytes: 2TiB"),
       "6:21: upstreams[0].max_held_bytes: \"2TiB\" is out of range; allowed are 1B to 1TiB"},
      {WithCollapseOption("unary: true, open_reply_grace: 2s"),
       "5:47: routes[0].collapse.open_reply_grace: does nothing beside unary: true; remove one of "
       "them"},
      {WithCollapseOption("max_waiters: 0"),
       "5:29: routes[0].collapse.max_waiters: \"0\" is not a whole number from 1 to 16777216"},
      {WithCollapseOption("max_waiters: -1"),
       "5:29: routes[0].collapse.max_waiters: \"-1\" is not a whole number from 1 to 16777216"},
      {WithUpstreamOption("max_connections_per_endpoint: 1025"),
       "6:35: upstreams[0].max_connections_per_endpoint: \"1025\" is not a whole number from 1 to "
       "1024"},
      {WithOption("threads: 0"),
       "4:10: threads: \"0\" is neither \"auto\" nor a whole number from 1 to 1024"},
      {WithCollapseOption("on_abandon: abort"),
       "5:28: routes[0].collapse.on_abandon: \"abort\" is unknown; allowed: cancel, complete"},
      {WithUpstreamOption("breaker: {calls: 0}"),
       "6:22: upstreams[0].breaker.calls: \"0\" is not a whole number from 1 to 16777216"},
      {WithUpstreamOption("concurrency: {limit: fast}"),
       "6:26: upstreams[0].concurrency.limit: \"fast\" is neither \"adaptive\" nor a whole number "
       "from 1 to 16777216"},
      {WithUpstreamOption("concurrency: {max_wait: 1s}"),
       "6:18: upstreams[0].concurrency: \"limit\" is missing; write how many calls may be in the "
       "air, or \"adaptive\""},
      {WithUpstreamOption("concurrency: {limit: 5, max: 9}"),
       "6:34: upstreams[0].concurrency.max: is for \"limit: adaptive\" only; remove one of them"},
      {WithUpstreamOption("concurrency: {limit: adaptive, min: 9, max: 8}"),
       "6:41: upstreams[0].concurrency.min: is more than \"max\": 9 and 8"},
      {WithUpstreamOption("concurrency: {limit: adaptive, max: 5}"),
       "6:18: upstreams[0].concurrency: is more than \"max\": 10 and 5"},
      {WithUpstreamOption("breaker: {}"),
       "6:14: upstreams[0].breaker: bounds nothing; name one of \"calls\", \"pending\" and "
       "\"connections\""},
      {WithUpstreamOption("load_balancing: random"),
       "6:21: upstreams[0].load_balancing: \"random\" is unknown; allowed: round_robin, "
       "least_request, pick_first"},
      {WithUpstreamOption("ejection: on"),
       "6:15: upstreams[0].ejection: \"on\" is neither true nor false nor a section of options; "
       "try "
       "\"true\""},
      {WithUpstreamOption("ejection: {max_share: 50}"),
       "6:27: upstreams[0].ejection.max_share: \"50\" is not a part of a hundred; try \"1%\"; "
       "allowed "
       "are 0.0001% to 100%"},
      {WithUpstreamOption("load_balancing: pick_first\n    health_check: true"),
       "7:19: upstreams[0].health_check: would connect to every endpoint, and load_balancing: "
       "pick_first to one only; remove one of the two"},
      {WithOption("log: {level: warn}"),
       "4:14: log.level: \"warn\" is unknown (did you mean \"warning\"?); allowed: debug, info, "
       "warning, error"},
      {WithOption("log: {level: inof}"),
       "4:14: log.level: \"inof\" is unknown; allowed: debug, info, warning, error"},
      {WithOption("log: {format: jsn}"),
       "4:15: log.format: \"jsn\" is unknown (did you mean \"json\"?); allowed: text, json"},
      {WithOption("access_log: {to: access.log}"),
       "4:18: access_log.to: \"access.log\" is neither stderr nor the path of a file from / on; "
       "write where the lines go, such as \"to: /var/log/singleflight/access.log\""},
      {WithOption("access_log: {to: stderr, sample: 0.01}"),
       "4:34: access_log.sample: \"0.01\" is not a part of a hundred; try \"1%\"; allowed are "
       "0.0001% to 100%"},
      {WithUpstreamOption("authority: a/b"),
       "6:16: upstreams[0].authority: \"a/b\" is no authority; use \"default\", \"preserve\" or a "
       "name such as "
       "\"catalog.example:443\""},
      {WithRouteOption("match: {authority: u@h}"),
       "5:24: routes[0].match.authority: \"u@h\" is no authority; use a name such as "
       "\"catalog.example\" or \"*.example\""},
      {WithRouteOption("match: {method: a.B/C}"),
       "5:21: routes[0].match.method: \"a.B/C\" does not begin with \"/\"; try \"/a.B/C\""},
      {WithListener("localhost"),
       "1:23: listeners[0].address: \"localhost\" has no port; try \"localhost:8080\""},
      {WithBackend("target: xds:///x"),
       "5:13: upstreams[0].target: \"xds:///x\" is for gRPC to resolve; add \"transport: grpc\" to "
       "the upstream"},
      {WithBackend("target: zookeeper://x/y"),
       "5:13: upstreams[0].target: \"zookeeper://x/y\" has an unknown scheme; a target is "
       "dns:///host:port, host:port, "
       "ipv4:…, ipv6:… or unix:/path"},
      {WithBackend("endpoints: [h:1, \"dns:///h:1\"]"),
       "5:22: upstreams[0].endpoints[1]: \"dns:///h:1\" has a scheme; try \"h:1\""},
      {WithOption("health: {address: \"unix:/x\"}"),
       "4:19: health.address: \"unix:/x\" is no TCP address, which probes need; try "
       "\"0.0.0.0:9900\""},
      {WithOption("admin: {http: localhost}"),
       "4:15: admin.http: \"localhost\" has no port; try \"localhost:8080\""},
      {WithOption("admin: {http: \"127.0.0.1:1\", allowed_hosts: [\"a/b\"]}"),
       "4:46: admin.allowed_hosts[0]: \"a/b\" is no host; use a name such as \"proxy.example\" or "
       "\"proxy.example:8443\""},
      {WithUpstreamOption("authority: default\n  - {name: \"a b\", target: h:1}"),
       "7:12: upstreams[1].name: \"a b\" is no name; use 1 to 128 visible ASCII characters without "
       "spaces"},
      {WithOption("health: {address: \"localhost:1\\n\"}"),
       "4:19: health.address: \"localhost:1\\n\" has the port \"1\\n\"; a port is a number from 0 "
       "to "
       "65535"},
  });
}

TEST(MistakesTest, WhatGrpcSeesToItselfIsRefusedBesideItsTransport) {
  ExpectMistakes({
      {WithUpstreamOption("transport: quic"),
       "6:16: upstreams[0].transport: \"quic\" is unknown; allowed: native, grpc"},
      {WithUpstreamOption("transport: grpc\n    load_balancing: round_robin"),
       "7:21: upstreams[0].load_balancing: is for the native transport; remove it, or \"transport: "
       "grpc\", whose connections and calls are gRPC's own"},
      {WithUpstreamOption("transport: grpc\n    dns_refresh: 1m"),
       "7:18: upstreams[0].dns_refresh: is for the native transport; remove it, or \"transport: "
       "grpc\", whose connections and calls are gRPC's own"},
      {WithUpstreamOption("transport: grpc\n    max_connections_per_endpoint: 2"),
       "7:35: upstreams[0].max_connections_per_endpoint: is for the native transport; remove it, "
       "or \"transport: "
       "grpc\", whose connections and calls are gRPC's own"},
      {WithUpstreamOption("transport: grpc\n    max_pending_calls: 2"),
       "7:24: upstreams[0].max_pending_calls: is for the native transport; remove it, or "
       "\"transport: "
       "grpc\", whose connections and calls are gRPC's own"},
      {WithUpstreamOption("transport: grpc\n    breaker: {calls: 2}"),
       "7:14: upstreams[0].breaker: is for the native transport; remove it, or \"transport: "
       "grpc\", whose connections and calls are gRPC's own"},
      {WithUpstreamOption("transport: grpc\n    concurrency: {limit: 2}"),
       "7:18: upstreams[0].concurrency: is for the native transport; remove it, or \"transport: "
       "grpc\", whose connections and calls are gRPC's own"},
      {WithUpstreamOption("transport: grpc\n    ejection: true"),
       "7:15: upstreams[0].ejection: is for the native transport; remove it, or \"transport: "
       "grpc\", whose connections and calls are gRPC's own"},
      {WithUpstreamOption("transport: grpc\n    health_check: true"),
       "7:19: upstreams[0].health_check: is for the native transport; remove it, or \"transport: "
       "grpc\", whose connections and calls are gRPC's own"},
      {WithBackend("transport: grpc\n    endpoints: [h:1]"),
       "6:16: upstreams[0].endpoints: is for the native transport; beside \"transport: grpc\" "
       "write \"target: ipv4:127.0.0.1:50051,127.0.0.1:50052\""},
      {WithBackend("transport: grpc\n    target: xds:///"),
       "6:13: upstreams[0].target: \"xds:///\" has no name; write three slashes and a name, such "
       "as \"xds:///catalog\""},
      {WithBackend("transport: grpc\n    target: dns://8.8.8.8"),
       "6:13: upstreams[0].target: \"dns://8.8.8.8\" has no name; try \"dns:///name:50051\", or "
       "\"dns://server/name:50051\""},
      {WithBackend("transport: grpc\n    target: zookeeper://x/y"),
       "6:13: upstreams[0].target: \"zookeeper://x/y\" has an unknown scheme; a target is "
       "dns:///host:port, host:port, ipv4:…, ipv6:… or unix:/path, and with \"transport: grpc\" "
       "xds:///name, google-c2p:///name, dns://server/host:port or unix-abstract:name"},
  });
}

TEST(MistakesTest, MetadataNamesAreExactAndInLowerCase) {
  ExpectMistakes({
      {Ignoring("X-Device"),
       "6:31: routes[0].key.metadata.ignore[0]: \"X-Device\" is not in lower case; write "
       "\"x-device\""},
      {Ignoring("\":path\""),
       "6:31: routes[0].key.metadata.ignore[0]: \":path\" is a pseudo-header, which is no "
       "metadata "
       "and always counts; remove it"},
      {Ignoring("x-*"),
       "6:31: routes[0].key.metadata.ignore[0]: \"x-*\" holds a \"*\"; write each name out, or a "
       "set: @proxy-headers, @baggage"},
      {Ignoring("a b"),
       "6:31: routes[0].key.metadata.ignore[0]: \"a b\" is no metadata name; use lower-case "
       "letters, digits, \"-\", \"_\" and \".\""},
      {Ignoring("\"@bagage\""),
       "6:31: routes[0].key.metadata.ignore[0]: \"@bagage\" is no set of metadata names (did you "
       "mean \"@baggage\"?); there are @proxy-headers and @baggage"},
  });
}

TEST(MistakesTest, FieldsOfMessagesAreNamedByPaths) {
  const auto ignoring = [](const std::string& paths) {
    return WithRouteOption("collapse: true\n    key: {message: {ignore: [" + paths + "]}}");
  };
  const std::string cure =
      " is no path of fields; write the numbers that the .proto file gives them, \"3\", or \"3.2\" "
      "for field 2 of the message in field 3; or, with a schema, their names, "
      "\"context.request_id\" (16 at most)";
  ExpectMistakes({
      {ignoring("request-id"), "6:30: routes[0].key.message.ignore[0]: \"request-id\"" + cure},
      {ignoring("context.1"), "6:30: routes[0].key.message.ignore[0]: \"context.1\"" + cure},
      {ignoring("context."), "6:30: routes[0].key.message.ignore[0]: \"context.\"" + cure},
      {ignoring("0"), "6:30: routes[0].key.message.ignore[0]: \"0\"" + cure},
      {ignoring("1, 3., 2"), "6:33: routes[0].key.message.ignore[1]: \"3.\"" + cure},
      {ignoring("3, \"3.2\""),
       "6:33: routes[0].key.message.ignore[1]: \"3.2\" and \"3\" are one in the other; remove the "
       "longer one"},
  });
  std::string many = "1";
  for (int i = 2; i <= 65; ++i) absl::StrAppend(&many, ", ", i);
  EXPECT_THAT(
      MistakesIn(ignoring(many)),
      ElementsAre(AllOf(HasSubstr("key.message.ignore[64]: is one more than the 64 fields"))));
}

TEST(MistakesTest, AModeIsFourOctalDigitsByWhichSomebodyMayConnect) {
  ExpectMistakes({
      {WithAccess("unix:/s", "mode: 660"),
       "1:40: listeners[0].mode: \"660\" is no mode; write four octal digits, the first of them 0, "
       "such as \"0660\""},
      {WithAccess("unix:/s", "mode: rw-rw----"),
       "1:40: listeners[0].mode: \"rw-rw----\" is no mode; write four octal digits, the first of "
       "them 0, such as \"0660\""},
      {WithAccess("unix:/s", "mode: \"0444\""),
       "1:40: listeners[0].mode: \"0444\" lets nobody connect, which takes the right to write; try "
       "\"0660\""},
  });
  for (const char* wrong : {"\"\"", "0668", "1777", "00660", "0x1b0"}) {
    EXPECT_THAT(MistakesIn(WithAccess("unix:/s", absl::StrCat("mode: ", wrong))),
                ElementsAre(HasSubstr("is no mode")))
        << wrong;
  }
}

TEST(MistakesTest, AGroupIsOneThatThereIs) {
  EXPECT_THAT(MistakesIn(WithAccess("unix:/s", "group: \"a b\"")),
              ElementsAre(HasSubstr("\"a b\" is no group; write its name or its number")));
  const std::string file = ::testing::TempDir() + "group.yaml";
  std::ofstream(file) << WithAccess("unix:/s", "group: no-such-group");
  EXPECT_THAT(std::string(LoadFile(file).status().message()),
              HasSubstr("1:41: listeners[0].group: \"no-such-group\" is the name of no group here; "
                        "create it, or write the name or the number of one that is there"));
  std::ofstream(file) << WithAccess("unix:/s", "group: root");
  EXPECT_EQ(LoadFile(file).status(), absl::OkStatus());
}

TEST(MistakesTest, AModeIsReadAsOctal) {
  const Config config = Right(WithAccess("unix:/s", "mode: \"0620\", group: 7"));
  EXPECT_EQ(config.listeners[0].access.mode, 0620u);
  EXPECT_EQ(config.listeners[0].access.group, "7");
}

}  // namespace
}  // namespace singleflight::config
