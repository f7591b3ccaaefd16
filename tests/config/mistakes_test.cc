// One of each kind of mistake, with the whole line that its author reads.

#include <fstream>

#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Case {
  std::string file;
  std::string mistake;  // after "f.yaml:"
};

void ExpectMistakes(const std::vector<Case>& table) {
  for (const auto& [file, mistake] : table)
    EXPECT_THAT(MistakesIn(file), ElementsAre("f.yaml:" + mistake)) << file;
}

TEST(MistakesTest, TheFilesThatTestsBuildOnAreRight) {
  EXPECT_THAT(MistakesIn(WithOption("")), IsEmpty());
  EXPECT_THAT(MistakesIn(WithUpstreamOption("")), IsEmpty());
  EXPECT_THAT(MistakesIn(WithRouteOption("")), IsEmpty());
  EXPECT_THAT(MistakesIn(WithListener("localhost:1")), IsEmpty());
}

TEST(MistakesTest, UnknownOptionsAreRefusedWithTheNearestAndAllThatAreAllowed) {
  ExpectMistakes({
      {WithOption("drain_timeot: 5s"),
       "4:1: drain_timeot: unknown option (did you mean \"drain_timeout\"?); allowed here: "
       "listeners, upstreams, "
       "routes, cache, reply_marks, limits, health, admin, threads, log, access_log, tracing, "
       "metrics, "
       "reload, "
       "drain_timeout"},
      {WithCollapseOption("maxwaiters: 5"),
       "5:16: routes[0].collapse.maxwaiters: unknown option (did you mean \"max_waiters\"?); "
       "allowed here: "
       "flight_timeout, max_join_age, on_abandon, unary, open_reply_grace, max_waiters, "
       "max_request_bytes, max_reply_bytes"},
      {WithRouteOption("key: {}\n    collapse: {}\n    colapse: true"),
       "7:5: routes[0].colapse: unknown option (did you mean \"collapse\"?); allowed here: match, "
       "upstream, "
       "collapse, cache, key"},
  });
}

TEST(MistakesTest, OptionsThatAreNotBuiltYetAreUnknown) {
  for (const char* option : {"transport: grpc", "shared: {}"}) {
    EXPECT_THAT(MistakesIn(WithOption(option)), ElementsAre(HasSubstr("unknown option"))) << option;
  }
  for (const char* option : {"tls: {}", "retry: {}"}) {
    EXPECT_THAT(MistakesIn(WithRouteOption(option)), ElementsAre(HasSubstr("unknown option")))
        << option;
  }
  for (const char* option : {"mode: shadow", "join: before_start"}) {
    EXPECT_THAT(MistakesIn(WithCollapseOption(option)), ElementsAre(HasSubstr("unknown option")))
        << option;
  }
  EXPECT_THAT(MistakesIn(WithRouteOption("match: {listeners: [a]}")),
              ElementsAre(HasSubstr("routes[0].match.listeners: unknown option")));
}

TEST(MistakesTest, AnOptionStandsOnce) {
  ExpectMistakes({
      {WithOption("threads: 2\nlog: {}\nthreads: 3"),
       "6:1: threads: stands here twice, first in line 4; remove one"},
      {WithCollapseOption("max_waiters: 1, \"max_waiters\": 2"),
       "5:32: routes[0].collapse.max_waiters: stands here twice, first in line 5; remove one"},
      {WithOption("listeners: []"),
       "4:1: listeners: stands here twice, first in line 1; remove one"},
  });
}

TEST(MistakesTest, ShapesAreRefused) {
  ExpectMistakes({
      {WithOption("log: text"),
       "4:6: log: is a single value; a section is wanted here, try \"log: {level: debug}\""},
      {WithOption("log: [level]"),
       "4:6: log: is a list; a section is wanted here, try \"log: {level: debug}\""},
      {WithOption("log:"), "4:1: log: has no value; give it one or remove it"},
      {WithOption("threads: ~"), "4:1: threads: has no value; give it one or remove it"},
      {WithOption("threads: [4]"), "4:10: threads: is a list; a single value is wanted here"},
      {WithOption("threads: {a: 4}"), "4:10: threads: is a section; a single value is wanted here"},
      {WithOption("threads: !!int 4"),
       "4:10: threads: has the tag \"tag:yaml.org,2002:int\", which means nothing here; remove it"},
      {WithOption("? [a]\n: 4"), "4:3: the name of an option is a single word"},
      {WithBackend("endpoints: h:1"),
       "5:16: upstreams[0].endpoints: is a single value; a list is wanted here, try \"endpoints: "
       "[h:1]\""},
      {WithBackend("endpoints: [[h]]"),
       "5:17: upstreams[0].endpoints[0]: is a list; a single value is wanted here"},
      {"listeners: {address: h:1}\nupstreams: [{name: b, target: h:1}]\nroutes: [{upstream: b}]\n",
       "1:12: listeners: is a section; a list is wanted here, try \"listeners: [{address: "
       "127.0.0.1:8080}]\""},
      {"listeners: [h:1]\nupstreams: [{name: b, target: h:1}]\nroutes: [{upstream: b}]\n",
       "1:13: listeners[0]: is a single value; a section is wanted here, try \"listeners: "
       "[{address: 127.0.0.1:8080}]\""},
      {WithRouteOption("collapse: yes"),
       "5:15: routes[0].collapse: \"yes\" is neither true nor false nor a section of options; "
       "try \"true\""},
      {WithRouteOption("collapse: [a]"),
       "5:15: routes[0].collapse: is a list; a single value is wanted here"},
  });
}

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
      {WithUpstreamOption("load_balancing: least_request"),
       "6:21: upstreams[0].load_balancing: \"least_request\" is unknown; allowed: round_robin"},
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
       "5:13: upstreams[0].target: \"xds:///x\" has an unknown scheme; a target is "
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

TEST(MistakesTest, TheDashboardIsServedNearbyOnly) {
  ExpectMistakes({
      {WithOption("admin: {http: \"0.0.0.0:1\"}"),
       "4:15: admin.http: \"0.0.0.0:1\" can be reached from elsewhere, and the dashboard speaks no "
       "TLS; use 127.0.0.1:9901 or unix:/path, and a tunnel such as kubectl port-forward"},
      {WithOption("admin: {token_file: /nowhere}"),
       "4:8: admin: says no address; add \"http: 127.0.0.1:9901\", \"grpc: 127.0.0.1:9902\", or "
       "both"},
      {WithOption("admin: {grpc: \"unix:/a\", allowed_hosts: [a]}"),
       "4:41: admin.allowed_hosts: does nothing without http; add that or remove it"},
  });
  EXPECT_THAT(MistakesIn(WithOption("admin: {http: \"unix:/run/admin.sock\"}")), IsEmpty());
}

TEST(MistakesTest, WhatIsMissingIsNamedWithAnExample) {
  ExpectMistakes({
      {"upstreams: [{name: b, target: h:1}]\nroutes: [{upstream: b}]\n",
       "1:1: \"listeners\" is missing; add one, such as \"listeners: [{address: "
       "127.0.0.1:8080}]\""},
      {"listeners: []\nupstreams: [{name: b, target: h:1}]\nroutes: [{upstream: b}]\n",
       "1:12: listeners: is empty; add one, such as \"listeners: [{address: 127.0.0.1:8080}]\""},
      {"listeners: [{address: localhost:1}]\nroutes: [{upstream: b}]\n",
       "1:1: \"upstreams\" is missing; add one, such as \"upstreams: [{name: backend, target: "
       "127.0.0.1:50051}]\""},
      {"listeners: [{address: localhost:1}]\nupstreams: [{name: b, target: h:1}]\n",
       "1:1: \"routes\" is missing; add one, such as \"routes: [{match: {method: /*}, upstream: "
       "backend}]\""},
      {"listeners: [{}]\nupstreams: [{name: b, target: h:1}]\nroutes: [{upstream: b}]\n",
       "1:13: listeners[0]: \"address\" is missing; write where to listen, such as \"address: "
       "127.0.0.1:8080\""},
      {"listeners: [{address: localhost:1}]\nupstreams:\n  - target: h:1\nroutes: [{upstream: "
       "b}]\n",
       "3:5: upstreams[0]: \"name\" is missing; give the upstream a name for routes to use"},
      {WithBackend(""),
       "4:5: upstreams[0]: says no backend; add \"target: dns:///host:port\" or a list of "
       "\"endpoints\""},
      {WithBackend("endpoints: []"),
       "5:16: upstreams[0].endpoints: is empty; list at least one host:port"},
      {"listeners: [{address: localhost:1}]\nupstreams: [{name: b, target: h:1}]\nroutes:\n  - "
       "match: "
       "{method: /a/b}\n  - upstream: b\n",
       "4:5: routes[0]: \"upstream\" is missing; name the upstream that serves the route"},
      {WithOption("health: {}"),
       "4:9: health: \"address\" is missing; write where to serve it, such as \"address: "
       "0.0.0.0:9900\", or remove "
       "\"health\""},
      {WithOption("access_log: {errors: true}"),
       "4:13: access_log: \"to\" is missing; write where the lines go: stderr, or the path of a "
       "file"},
      {"", "1:1: the file is empty; it needs \"listeners\", \"upstreams\" and \"routes\""},
      {"# nothing\n",
       "1:1: the file is empty; it needs \"listeners\", \"upstreams\" and \"routes\""},
      {"- a\n",
       "1:1: the file is a list; a section is wanted here, with a line \"option: value\" each"},
  });
}

TEST(MistakesTest, OptionsThatExcludeEachOtherAreRefused) {
  ExpectMistakes({
      {WithUpstreamOption("endpoints: [h:1]"),
       "6:16: upstreams[0].endpoints: stands beside \"target\"; an upstream has one of the two, "
       "remove the other"},
      {WithRouteOption("collapse: true\n    key: {metadata: {ignore: [a], only: [b]}}"),
       "6:41: routes[0].key.metadata.only: stands beside \"ignore\"; a route has one of the two, "
       "remove the other"},
      {WithRouteOption("collapse: true\n    key: {metadata: {count: [a], only: [b]}}"),
       "6:40: routes[0].key.metadata.only: stands beside \"count\"; a route has one of the two, "
       "remove the other"},
      {WithRouteOption("collapse: true\n    key: {metadata: {ignore: [date], count: [date]}}"),
       "6:46: routes[0].key.metadata.count[0]: \"date\" stands in \"ignore\" too; remove one"},
      {WithRouteOption("key: {metadata: {ignore: [a]}}"),
       "5:10: routes[0].key: does nothing on a route that neither collapses nor caches; add "
       "\"collapse: true\" or \"cache: {ttl: 5s}\", or remove it"},
      {WithRouteOption("collapse: false\n    key: {share_across_credentials: true}"),
       "6:10: routes[0].key: does nothing on a route that neither collapses nor caches; add "
       "\"collapse: true\" or \"cache: {ttl: 5s}\", or remove it"},
  });
}

std::string Ignoring(const std::string& name) {
  return WithRouteOption("collapse: true\n    key: {metadata: {ignore: [" + name + "]}}");
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

TEST(MistakesTest, MetadataThatNoRuleTouchesIsRefused) {
  for (const char* name : {"content-type", "host", "singleflight-chain"}) {
    EXPECT_THAT(MistakesIn(Ignoring(name)),
                ElementsAre(absl::StrCat("f.yaml:6:31: routes[0].key.metadata.ignore[0]: \"", name,
                                         "\" always counts; remove it")));
  }
  for (const char* option : {"only", "count"}) {
    EXPECT_THAT(
        MistakesIn(WithRouteOption(
            absl::StrCat("collapse: true\n    key: {metadata: {", option, ": [grpc-timeout]}}"))),
        ElementsAre(HasSubstr("\"grpc-timeout\" is made anew by every hop and never counts; "
                              "remove it")));
  }
}

TEST(MistakesTest, CredentialsAreIgnoredOnlyWhereSharingIsSaid) {
  for (const char* name : {"authorization", "cookie", "x-auth-user", "my-token", "x-api-key"}) {
    EXPECT_THAT(
        MistakesIn(Ignoring(name)),
        ElementsAre(absl::StrCat(
            "f.yaml:6:31: routes[0].key.metadata.ignore[0]: \"", name,
            "\" says who asks, and callers would get each other's replies; remove it, or add "
            "\"share_across_credentials: true\" to \"key\" if all may see the same")));
  }
  EXPECT_THAT(MistakesIn(WithRouteOption("collapse: true\n    key: {share_across_credentials: "
                                         "true, metadata: {ignore: [cookie]}}")),
              IsEmpty());
}

std::string WithAccess(const std::string& address, const std::string& options) {
  return absl::StrCat("listeners: [{address: \"", address, "\", ", options,
                      "}]\nupstreams: [{name: b, target: h:1}]\nroutes: [{upstream: b}]\n");
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

TEST(MistakesTest, OnlyUnixSocketsHaveAModeAndAGroup) {
  ExpectMistakes({
      {WithAccess("127.0.0.1:1", "mode: \"0660\""),
       "1:44: listeners[0].mode: is for Unix sockets only; remove it, or listen on "
       "\"unix:/path\""},
      {WithAccess("127.0.0.1:1", "group: daemon"),
       "1:45: listeners[0].group: is for Unix sockets only; remove it, or listen on "
       "\"unix:/path\""},
  });
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

std::string Looping(const std::string& listener, const std::string& backend) {
  return absl::StrCat("listeners: [{address: \"", listener, "\"}]\nroutes: [{upstream: b}]\n",
                      "upstreams: [{name: b, ", backend, "}]\n");
}

TEST(MistakesTest, AnUpstreamThatLeadsBackToTheProxyIsRefused) {
  ExpectMistakes({
      {Looping("127.0.0.1:8080", "target: 127.0.0.1:8080"),
       "3:31: upstreams[0].target: \"127.0.0.1:8080\" leads back to this proxy, which listens "
       "there (listeners[0].address in line 1); write the address of the backend"},
      {Looping("unix:/run/a", "endpoints: [h:1, \"unix:/run/a\"]"),
       "3:40: upstreams[0].endpoints[1]: \"unix:/run/a\" leads back to this proxy, which listens "
       "there (listeners[0].address in line 1); write the address of the backend"},
  });
  for (const auto& [listener, backend] : std::vector<std::pair<std::string, std::string>>{
           {"0.0.0.0:1", "target: dns:///localhost:1"},
           {"0.0.0.0:1", "target: LocalHost.:1"},
           {"[::]:1", "target: \"ipv4:10.9.8.7:1,127.0.0.1:1\""},
           {"[::]:1", "target: \"ipv6:[::1]:1\""},
           {"localhost:1", "endpoints: [\"0.0.0.0:1\"]"}}) {
    EXPECT_THAT(MistakesIn(Looping(listener, backend)), ElementsAre(HasSubstr("leads back")))
        << listener << " " << backend;
  }
}

TEST(MistakesTest, AnUpstreamBesideTheProxyIsRight) {
  for (const auto& [listener, backend] : std::vector<std::pair<std::string, std::string>>{
           {"127.0.0.1:1", "target: 127.0.0.1:2"},
           {"127.0.0.1:1", "target: 127.0.0.2:1"},
           {"127.0.0.1:0", "target: 127.0.0.1:1"},
           {"0.0.0.0:1", "target: catalog.example:1"},
           {"unix:/run/a", "target: \"unix:/run/b\""}}) {
    EXPECT_THAT(MistakesIn(Looping(listener, backend)), IsEmpty()) << listener << " " << backend;
  }
  EXPECT_THAT(MistakesIn("listeners: [{address: \"[::]:1\"}, {address: 127.0.0.1:1}]\n"
                         "upstreams: [{name: b, target: 127.0.0.2:1}]\nroutes: [{upstream: b}]\n"),
              IsEmpty())
      << "[::] is for IPv6 alone there";
}

TEST(MistakesTest, NamesAndAddressesAreTakenOnce) {
  ExpectMistakes({
      {WithUpstreamOption("authority: default\n  - {name: b, target: g:1}"),
       "7:12: upstreams[1].name: \"b\" is the name of upstreams[0].name in line 4 too; give each "
       "upstream its own"},
      {"listeners: [{address: \"[fd00::1]:1\"},\n {address: \"[FD00::1]:1\"}]\nupstreams: [{name: "
       "b, target: "
       "h:1}]\nroutes: [{upstream: b}]\n",
       "2:12: listeners[1].address: \"[FD00::1]:1\" is taken by listeners[0].address in line 1; "
       "choose "
       "another port"},
      {"listeners: [{address: \"[::1]:1\"},\n {address: \"[0:0::1]:1\"}]\nupstreams: [{name: b, "
       "target: h:1}]\nroutes: [{upstream: b}]\n",
       "2:12: listeners[1].address: \"[0:0::1]:1\" is taken by listeners[0].address in line 1; "
       "choose "
       "another port"},
      {WithListener("localhost:1") + "health: {address: 127.0.0.1:1}\n",
       "4:19: health.address: \"127.0.0.1:1\" is taken by listeners[0].address in line 1; choose "
       "another "
       "port"},
  });
  EXPECT_THAT(
      MistakesIn(
          "listeners: [{address: localhost:0}, {address: localhost:0}, {address: \"unix:/a\"}, "
          "{address: \"unix:/A\"}]\n"
          "upstreams: [{name: b, target: h:1}]\nroutes: [{upstream: b}]\n"),
      IsEmpty());
}

TEST(MistakesTest, ARouteNamesAnUpstreamThatExists) {
  const std::string file =
      "listeners: [{address: localhost:1}]\nupstreams: [{name: catalog, target: h:1}]\n";
  ExpectMistakes({
      {file + "routes: [{upstream: catalogue}]\n",
       "3:21: routes[0].upstream: no upstream has the name \"catalogue\" (did you mean "
       "\"catalog\"?); add it to "
       "\"upstreams\" or use one that is there"},
  });
}

TEST(MistakesTest, AMistakeIsNotReportedAgainByWhatDependsOnIt) {
  EXPECT_EQ(MistakesIn(
                "listeners: [{address: localhost:1}]\nupstreams: [{nmae: b, target: h:1}]\nroutes: "
                "[{upstream: b}]\n")
                .size(),
            2u);
  EXPECT_EQ(MistakesIn(WithRoutes({"match: {metod: /a/b}", "match: {method: /a/c}"})).size(), 1u);
  EXPECT_EQ(MistakesIn(WithRouteOption("collapse: maybe\n    key: {}")).size(), 1u);
}

TEST(MistakesTest, WhatIsNotYamlIsToldByLineAndColumn) {
  ExpectMistakes({
      {"a: b: c\n",
       "1:5: this is not YAML: illegal map value; put a value that holds \": \" in quotes"},
      {"listeners: [{address: ${L}}]\n",
       "1:24: this is not YAML: end of map flow not found; close each \"{\" and \"[\", and quote "
       "a "
       "value with "
       "\"${…}\" that stands inside them"},
      {"a: 1\n\tb: 2\n", "2:1: this is not YAML: a tab indents here; YAML wants spaces"},
      {"a: *b\n",
       "1:4: this is not YAML: the referenced anchor is not defined; define \"&name\" before "
       "\"*name\", and quote a "
       "value that begins with \"*\""},
      {WithOption("---\nthreads: 4"),
       "4:1: a second document begins here; keep one, remove the \"---\""},
  });
}

TEST(MistakesTest, AllAreReportedTogetherInTheOrderOfTheFile) {
  EXPECT_THAT(
      MistakesIn(R"(threads: many
listeners: [{address: 8080}]
routes:
  - match: {method: /a/*}
    upstream: catalogue
    collapse: {flight_timeout: 5x, max_waiter: 1}
  - match: {method: /a/b}
    upstream: catalog
upstreams:
  - name: catalog
    target: catalog
    tsl: {}
)"),
      ElementsAre(StartsWith("f.yaml:1:10: threads: \"many\" is neither"),
                  StartsWith("f.yaml:2:23: listeners[0].address: \"8080\" has no host"),
                  StartsWith("f.yaml:5:15: routes[0].upstream: no upstream has the name"),
                  StartsWith("f.yaml:6:32: routes[0].collapse.flight_timeout: \"5x\" is not"),
                  StartsWith("f.yaml:6:36: routes[0].collapse.max_waiter: unknown option"),
                  StartsWith("f.yaml:7:12: routes[1].match: is never reached"),
                  StartsWith("f.yaml:11:13: upstreams[0].target: \"catalog\" has no port"),
                  StartsWith("f.yaml:12:5: upstreams[0].tsl: unknown option")));
}

}  // namespace
}  // namespace singleflight::config
