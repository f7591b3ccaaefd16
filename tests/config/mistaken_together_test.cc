// Options that are right by themselves and wrong together, with the whole line that their author
// reads.

#include "tests/config/mistakes.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(MistakesTest, TheDashboardFromElsewhereWantsCertificates) {
  ExpectMistakes({
      {WithOption("admin: {http: \"0.0.0.0:1\"}"),
       "4:15: admin.http: \"0.0.0.0:1\" can be reached from elsewhere, where clients have to show "
       "certificates; add \"tls\" with a \"client_ca\", or use 127.0.0.1:9901 or unix:/path"},
      {WithOption("admin: {token_file: /nowhere}"),
       "4:8: admin: says no address; add \"http: 127.0.0.1:9901\", \"grpc: 127.0.0.1:9902\", or "
       "both"},
      {WithOption("admin: {grpc: \"unix:/a\", allowed_hosts: [a]}"),
       "4:41: admin.allowed_hosts: does nothing without http; add that or remove it"},
  });
  EXPECT_THAT(MistakesIn(WithOption("admin: {http: \"unix:/run/admin.sock\"}")), IsEmpty());
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
      {WithRouteOption("collapse: {join: before_start}\n    cache: {ttl: 5s}"),
       "6:12: routes[0].cache: keeps replies, and each was sent before the next caller came, which "
       "\"collapse: {join: before_start}\" rules out; remove one of them"},
      {WithRouteOption("collapse: {join: before_start, on_abandon: complete}"),
       "5:48: routes[0].collapse.on_abandon: lets a call go on for newcomers, and under \"join: "
       "before_start\" none may join a call that was sent; remove one of them"},
      {WithRouteOption("key: {metadata: {ignore: [a]}}"),
       "5:10: routes[0].key: does nothing on a route that neither collapses nor caches; add "
       "\"collapse: true\" or \"cache: {ttl: 5s}\", or remove it"},
      {WithRouteOption("collapse: false\n    key: {share_across_credentials: true}"),
       "6:10: routes[0].key: does nothing on a route that neither collapses nor caches; add "
       "\"collapse: true\" or \"cache: {ttl: 5s}\", or remove it"},
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

}  // namespace
}  // namespace singleflight::config
