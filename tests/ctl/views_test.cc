// What the commands that ask show of the proxy's answers.

#include "tests/ctl/ctl_fixture.h"

namespace singleflight::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

using ViewsTest = CtlTest;

constexpr char kStats[] = R"(
  at {seconds: 100} uptime {seconds: 11040}
  routes {route: "/shop.v1.Catalog/Get*" calls: 1000 hits: 600 followers: 300 leaders: 100 saved: 890
          saved_bytes: 1048576
          codes {code: "OK" count: 990} codes {code: "NOT_FOUND" count: 2}
          codes {code: "UNAVAILABLE" count: 8}
          latencies {role: "hit" histogram {bounds: [0.001, 0.1] counts: [600, 0, 0]}}
          latencies {role: "follower" histogram {bounds: [0.001, 0.1] counts: [0, 400, 0]}}}
  routes {route: "/*" relays: 7 calls: 7}
  upstreams {upstream: "catalog" calls: 107 unanswered: 1 active: 3 pending: 2 connections: 1 oldest_wait {seconds: 7}
             first_byte {bounds: [0.001, 0.1] counts: [0, 100, 0]}
             whole {bounds: [0.001, 0.1] counts: [0, 0, 100]}}
  cache {entries: 12 bytes: 3072 max_bytes: 268435456 stores: 100 evictions: 80 expired: 7 purged: 1}
  unrouted: 4 connections: 9 waiters: 5 flights: 3 buffered_bytes: 2048 max_buffered_bytes: 1048576
  resident_bytes: 10485760)";

TEST_F(ViewsTest, StatsAreFactsRoutesAndUpstreams) {
  admin_.answer = kStats;
  EXPECT_EQ(Ctl({"stats"}).out,
            R"(up        3 h 4 min
saved     88.4 % of 1,007 calls, 1.0 MiB
now       3 flights, 5 waiters, 9 connections
memory    10.0 MiB; 2.0 KiB of 1.0 MiB held for calls
cache     12 entries, 3.0 KiB of 256 MiB; 100 stored, 80 evicted, 7 expired, 1 purged
no route  4 calls

ROUTE                  CALLS   SAVED     P50      P99  HITS  FOLLOWED  LED  RELAYED  ALONE  REFUSED  BYTES SAVED  ERRORS
/shop.v1.Catalog/Get*  1,000  89.0 %  833 µs  97.5 ms   600       300  100        0      0        0      1.0 MiB  UNAVAILABLE 8, NOT_FOUND 2
/*                         7   0.0 %       –        –     0         0    0        7      0        0          0 B

UPSTREAM  CALLS  ACTIVE  PENDING  OLDEST WAIT       P50       P99  UNANSWERED  FIRST BYTE P50  CONNECTIONS  ERRORS
catalog     107       3        2        7.0 s  > 100 ms  > 100 ms           1         50.5 ms            1
)");
}

TEST_F(ViewsTest, StatsFitATerminal) {
  admin_.answer = kStats;
  terminal_ = {true, 60, 24, false};
  const std::string text = Ctl({"stats"}).out;
  EXPECT_THAT(text, HasSubstr("/shop.v1.Catalog/Get*  1,000  89.0 %"));
  EXPECT_THAT(text, Not(HasSubstr("BYTES SAVED")));
  EXPECT_THAT(text, Not(HasSubstr("\033")));
}

TEST_F(ViewsTest, ColoursAreForTerminalsThatHaveThem) {
  admin_.answer = kStats;
  terminal_ = {true, 200, 24, true};
  EXPECT_THAT(Ctl({"stats"}).out, HasSubstr("\033[32m89.0 %\033[0m"));
}

TEST_F(ViewsTest, JsonIsTheWholeMessageOnOneLine) {
  admin_.answer = kStats;
  const std::string text = Ctl({"stats", "--json"}).out;
  EXPECT_THAT(text, MatchesRegex("\\{[^\n]*\\}\n"));
  EXPECT_THAT(text, AllOf(HasSubstr("\"savedBytes\":\"1048576\""), HasSubstr("\"bypasses\":\"0\""),
                          HasSubstr("\"uptime\":\"11040s\"")));
}

TEST_F(ViewsTest, InfoIsFacts) {
  admin_.answer =
      "version: '0.4.0' started_at {seconds: 0} uptime {seconds: 65} pid: 4711 workers: 2 "
      "config_path: '/etc/singleflight/proxy.yaml' configured_at {seconds: 60} "
      "listeners: '127.0.0.1:8080' listeners: 'unix:/run/x.sock' log_level: 'info' draining: true "
      "refused: 'proxy.yaml:3:1: no\\nproxy.yaml:9:1: nor that'";
  EXPECT_EQ(Ctl({"info"}).out,
            "version        0.4.0\n"
            "up             1 min 5 s, since 1970-01-01 00:00:00\n"
            "process        4711, 2 workers\n"
            "configuration  /etc/singleflight/proxy.yaml, in force since 1970-01-01 00:01:00\n"
            "log level      info\n"
            "listens on     127.0.0.1:8080\n"
            "listens on     unix:/run/x.sock\n"
            "draining       yes\n"
            "refused        proxy.yaml:3:1: no\n"
            "               proxy.yaml:9:1: nor that\n");
}

TEST_F(ViewsTest, TopIsByCallsOrByBytes) {
  admin_.answer =
      "keys {key: '0123456789abcdef' route: '/*' method: '/a.B/C' count: 2048 error: 3}";
  EXPECT_EQ(Ctl({"top", "--limit", "5", "--route", "/*"}).out,
            "KEY               CALLS  ±  METHOD  ROUTE\n"
            "0123456789abcdef  2,048  3  /a.B/C  /*\n");
  EXPECT_EQ(admin_.asked(), "by: BY_CALLS limit: 5 route: \"/*\"");
  EXPECT_THAT(Ctl({"top", "--by", "saved-bytes"}).out, HasSubstr("2.0 KiB"));
  EXPECT_EQ(admin_.asked(), "by: BY_SAVED_BYTES");
}

TEST_F(ViewsTest, FlightsSayHowManyThereAre) {
  admin_.answer =
      "flights {key: '0123456789abcdef' route: '/*' method: '/a.B/C' upstream: 'catalog' "
      "age {nanos: 250000000} waiters: 12} total: 1203";
  EXPECT_EQ(Ctl({"flights"}).out,
            "KEY               WAITERS     AGE  METHOD  UPSTREAM  ROUTE\n"
            "0123456789abcdef       12  250 ms  /a.B/C  catalog   /*\n"
            "1 of 1,203 in the air\n");
}

TEST_F(ViewsTest, RoutesSayWhatTheyDo) {
  admin_.answer =
      "routes {route: '/a.B/Get*' method: '/a.B/Get*' upstream: 'catalog' collapses: true "
      "caches: true ttl {seconds: 5} flight_timeout {seconds: 15}} "
      "routes {route: '/*' method: '/*' authority: 'shop' upstream: 'catalog'}";
  EXPECT_EQ(Ctl({"routes"}).out,
            "ROUTE      UPSTREAM  COLLAPSE         CACHE  AUTHORITY  METHOD\n"
            "/a.B/Get*  catalog   yes, for 15.0 s  5.0 s  any        /a.B/Get*\n"
            "/*         catalog   no               no     shop       /*\n");
}

TEST_F(ViewsTest, RoutesSayWhatComparingHasFound) {
  admin_.answer =
      "routes {route: '/a.B/Get*' method: '/a.B/Get*' upstream: 'catalog' shadow: true "
      "would_be_hits: 1200 would_be_followers: 3 compared: 1203} "
      "routes {route: '/*' method: '/*' upstream: 'catalog' sharing: SHARING_STOPPED compared: 64 "
      "differed: 4 difference: 'message field 3; the requests differ in x-lang'}";
  EXPECT_THAT(
      Ctl({"routes"}).out,
      HasSubstr("\nCOMPARED ROUTE  MODE    SHARES   WOULD SAVE  COMPARED  DIFFERED  LATEST "
                "DIFFERENCE\n"
                "/a.B/Get*       shadow  nothing       1,203     1,203         0\n"
                "/*              verify  stopped           –        64         4  message field 3; "
                "the requests differ in x-lang\n"));
}

TEST_F(ViewsTest, UpstreamsHaveARowForEachEndpoint) {
  admin_.answer =
      "upstreams {upstream: 'catalog' target: 'dns:///catalog:1' "
      "  endpoints {address: '10.0.0.7:1' state: STATE_READY calls: 1203 active: 2 connections: 2 "
      "             last_code: 'OK'}"
      "  endpoints {address: '10.0.0.8:1' state: STATE_SILENT last_failure: 'no answer to a "
      "PING'} "
      "  bounds {bound: 'breaker.calls' used: 1000 max: 1000 met: true} "
      "  schema {source: 'reflection' methods: 1203}} "
      "upstreams {upstream: 'stock' target: 'dns:///stock:1' resolve_error: 'no such name' "
      "  schema {source: '/shop.binpb' failure: 'unreachable'}}";
  EXPECT_EQ(Ctl({"upstreams"}).out,
            "ENDPOINT            STATE       FOR  CALLS  ACTIVE  LAST CODE  CONNECTIONS  LAST "
            "FAILURE\n"
            "catalog/10.0.0.7:1  ready         –  1,203       2  OK                   2\n"
            "catalog/10.0.0.8:1  silent        –      0       0  –                    0  no answer "
            "to a PING\n"
            "stock               no address                                              "
            "dns:///stock:1: no such name\n"
            "\n"
            "BOUND                   USED     OF  MET\n"
            "catalog breaker.calls  1,000  1,000  now\n"
            "\n"
            "SCHEMA OF   METHODS  FOR  FROM         LAST FAILURE\n"
            "catalog       1,203    –  reflection\n"
            "stock      none yet    –  /shop.binpb  unreachable\n");
}

TEST_F(ViewsTest, WhyNamesTheSplitAndItsCure) {
  admin_.answer =
      "splits {route: '/a.B/Get*' kind: KIND_METADATA name: 'x-device-id' calls: 1203 "
      "        cure: 'key: {metadata: {ignore: [x-device-id]}}'} "
      "splits {route: '/a.B/Get*' kind: KIND_CREDENTIAL name: 'authorization' calls: 9} "
      "splits {route: '/a.B/Get*' kind: KIND_FIELD name: '2' method: '/a.B/GetItem' calls: 8} "
      "splits {route: '/a.B/Get*' kind: KIND_FIELD name: '1, 3.2' method: '/a.B/GetItem' calls: 7 "
      "        field_names: 'id, context.trace'} "
      "splits {route: '/a.B/Get*' kind: KIND_FIELD name: 'message' method: '/a.B/GetAll' calls: 6}";
  const std::string text = Ctl({"why"}).out;
  EXPECT_THAT(text, HasSubstr("/a.B/Get*  header x-device-id                            1,203"));
  EXPECT_THAT(text, HasSubstr("/a.B/Get*  credential authorization                          9"));
  EXPECT_THAT(text, HasSubstr("/a.B/Get*  field 2 of GetItem                                8"));
  EXPECT_THAT(text, HasSubstr("/a.B/Get*  fields 1, 3.2 (id, context.trace) of GetItem      7"));
  EXPECT_THAT(text, HasSubstr("/a.B/Get*  the message of GetAll                             6"));
  EXPECT_THAT(text, HasSubstr("to let them meet, in the route:\n"
                              "  /a.B/Get*, header x-device-id:\n"
                              "    key: {metadata: {ignore: [x-device-id]}}\n"));
}

TEST_F(ViewsTest, EventsHaveTheirTime) {
  admin_.answer = "events {at {seconds: 0} kind: 'purge' subject: '/a.B/C' text: 'It was purged.'}";
  EXPECT_EQ(Ctl({"events", "--limit", "1"}).out,
            "TIME                 KIND   SUBJECT  WHAT\n"
            "1970-01-01 00:00:00  purge  /a.B/C   It was purged.\n");
  EXPECT_EQ(admin_.asked(), "limit: 1");
}

TEST_F(ViewsTest, WhereThereIsNothingItSaysSo) {
  EXPECT_EQ(Ctl({"top"}).out, "No key has been asked for yet.\n");
  EXPECT_EQ(Ctl({"flights"}).out, "No flight is in the air.\n");
  EXPECT_EQ(Ctl({"why"}).out, "Nothing kept calls apart that were equal but for it.\n");
  EXPECT_EQ(Ctl({"events"}).out, "Nothing has happened yet.\n");
}

TEST_F(ViewsTest, WhatAClientCalledItsHeaderDoesNothingToTheTerminal) {
  admin_.answer = "splits {route: '/*' kind: KIND_METADATA name: '\\033[2J' cure: '\\033[2J'}";
  EXPECT_THAT(Ctl({"why"}).out, Not(HasSubstr("\033")));
}

}  // namespace
}  // namespace singleflight::ctl
