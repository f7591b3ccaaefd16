// Mistakes of form, each with the whole line that its author reads: what is no option, no
// section, no YAML.

#include "tests/config/mistakes.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

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
       "methods, flight_timeout, max_join_age, join, on_abandon, unary, open_reply_grace, "
       "max_waiters, "
       "max_request_bytes, max_reply_bytes, hedge"},
      {WithRouteOption("key: {}\n    collapse: {}\n    colapse: true"),
       "7:5: routes[0].colapse: unknown option (did you mean \"collapse\"?); allowed here: match, "
       "upstream, "
       "collapse, cache, invalidates, retry, mode, verify, volatile, key"},
  });
}

TEST(MistakesTest, OptionsThatAreNotBuiltYetAreUnknown) {
  for (const char* option : {"transport: grpc", "shared: {}"}) {
    EXPECT_THAT(MistakesIn(WithOption(option)), ElementsAre(HasSubstr("unknown option"))) << option;
  }
  for (const char* option : {"tls: {}", "mirror: {}"}) {
    EXPECT_THAT(MistakesIn(WithRouteOption(option)), ElementsAre(HasSubstr("unknown option")))
        << option;
  }
  EXPECT_THAT(MistakesIn(WithCollapseOption("mode: shadow")),
              ElementsAre(HasSubstr("unknown option")));
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
       "5:15: routes[0].collapse: \"yes\" is neither true nor false nor idempotent nor a section "
       "of options; "
       "try \"true\""},
      {WithRouteOption("collapse: [a]"),
       "5:15: routes[0].collapse: is a list; a single value is wanted here"},
  });
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
       "1:5: this is not YAML: \":\" stands where no value can begin; put a value that holds \": "
       "\" "
       "in quotes, and begin the options of one section in the same column (the line: a: b: c)"},
      {"listeners: [{address: ${L}}]\n",
       "1:24: this is not YAML: \",\" or \"}\" is missing before this; close each \"{\" and \"[\", "
       "and quote a value with \"${…}\" that stands inside them (the line: listeners: [{address: "
       "${L}}])"},
      {"a: 1\n\tb: 2\n",
       "2:1: this is not YAML: a tab indents here; YAML wants spaces (the line: b: 2)"},
      {"a: *b\n",
       "1:4: this is not YAML: no \"&name\" above defines this; define \"&name\" before \"*name\", "
       "and quote a value that begins with \"*\" (the line: a: *b)"},
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
