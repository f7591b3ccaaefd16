// How durations, sizes, addresses and patterns are written: the pure functions, by table.

#include "absl/time/time.h"
#include "server/config/address.h"
#include "server/config/pattern.h"
#include "server/config/scalars.h"
#include "server/config/suggest.h"
#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::HasSubstr;

TEST(DurationTest, WholeNumbersWithUnitsInOrder) {
  const std::pair<const char*, absl::Duration> table[] = {
      {"250ms", absl::Milliseconds(250)},
      {"5s", absl::Seconds(5)},
      {"1m", absl::Minutes(1)},
      {"1h", absl::Hours(1)},
      {"1m30s", absl::Seconds(90)},
      {"0s", absl::ZeroDuration()},
      {"1h2m3s4ms", absl::Hours(1) + absl::Minutes(2) + absl::Seconds(3) + absl::Milliseconds(4)},
  };
  for (const auto& [text, duration] : table) {
    EXPECT_EQ(ParseDuration(text), duration) << text;
    EXPECT_EQ(DurationText(duration), text);
  }
}

TEST(DurationTest, EverythingElseIsRefusedWithTheNearestSpelling) {
  const std::pair<const char*, const char*> table[] = {
      {"5", "5s"},
      {"5x", "5s"},
      {"5 s", "5s"},
      {"5S", "5s"},
      {"5sec", "5s"},
      {"1.5s", "1s500ms"},
      {"5min", "5m"},
      {"2d", "48h"},
      {"10msec", "10ms"},
      {"3 hours", "3h"},
      {"", "5s"},
      {"s", "5s"},
      {"-5s", "5s"},
      {"inf", "5s"},
      {"5s5s", "5s"},
      {"5s1m", "5s"},
      {"1e3s", "1s"},
      {"0.1ms", "1ms"},
      {"1us", "1s"},
      {"99999999999999999999s", "5s"},
      {"1125899906842625ms", "5s"},
  };
  for (const auto& [text, cure] : table) {
    EXPECT_FALSE(ParseDuration(text).has_value()) << text;
    EXPECT_EQ(SuggestDuration(text), cure) << text;
  }
}

TEST(SizeTest, WholeNumbersWithBinaryUnits) {
  const std::pair<const char*, uint64_t> table[] = {
      {"0B", 0},
      {"512B", 512},
      {"64KiB", 64u << 10},
      {"1MiB", 1 << 20},
      {"2GiB", uint64_t{2} << 30},
      {"1TiB", uint64_t{1} << 40},
  };
  for (const auto& [text, bytes] : table) {
    EXPECT_EQ(ParseSize(text), bytes) << text;
    EXPECT_EQ(SizeText(bytes), text);
  }
}

TEST(SizeTest, APlainNumberCountsBytes) { EXPECT_EQ(ParseSize("1048576"), 1u << 20); }

TEST(SizeTest, EverythingElseIsRefusedWithTheNearestSpelling) {
  const std::pair<const char*, const char*> table[] = {
      {"64KB", "64KiB"},     {"64K", "64KiB"}, {"64kib", "64KiB"}, {"1 MiB", "1MiB"},
      {"1.5MiB", "1536KiB"}, {"1G", "1GiB"},   {"5 bytes", "5B"},  {"", "1MiB"},
      {"-1", "1MiB"},        {"many", "1MiB"}, {"5X", "5MiB"},     {"99999999TiB", "1MiB"},
  };
  for (const auto& [text, cure] : table) {
    EXPECT_FALSE(ParseSize(text).has_value()) << text;
    EXPECT_EQ(SuggestSize(text), cure) << text;
  }
}

TEST(PercentTest, IsReadAsSoManyOfAMillion) {
  const std::pair<const char*, uint32_t> table[] = {
      {"100%", 1'000'000}, {"1%", 10'000},      {"0.5%", 5'000},
      {"0.0001%", 1},      {"12.25%", 122'500}, {"99.9999%", 999'999},
  };
  for (const auto& [text, parts] : table) EXPECT_EQ(ParsePercent(text), parts) << text;
}

TEST(PercentTest, EverythingElseIsRefused) {
  for (const char* text : {"", "%", "1", "0%", "0.0%", "101%", "100.0001%", "1 %", "-1%", "+1%",
                           ".5%", "1.%", "0.00001%", "1,5%", "1%%", "1e1%"}) {
    EXPECT_FALSE(ParsePercent(text).has_value()) << text;
  }
}

TEST(WholeTest, DigitsOnly) {
  EXPECT_EQ(ParseWhole("007"), 7u);
  for (const char* text :
       {"", "+1", "-1", " 1", "1 ", "1_000", "0x10", "1.0", "18446744073709551616"}) {
    EXPECT_FALSE(ParseWhole(text).has_value()) << text;
  }
}

TEST(AddressTest, ListenersTakeHostPortBracketsAndUnixPaths) {
  for (const char* text : {"127.0.0.1:8080", "0.0.0.0:0", "localhost:65535", "[::1]:8080", "[::]:0",
                           "unix:/run/x.sock"}) {
    EXPECT_EQ(ListenerAddressMistake(text), "") << text;
  }
}

TEST(AddressTest, WhatIsNoListenerAddressIsToldFromWhatWouldBe) {
  const std::pair<std::string, const char*> table[] = {
      {"", "is no address; try \"0.0.0.0:8080\""},
      {"localhost", "has no port; try \"localhost:8080\""},
      {"8080", "has no host; try \"0.0.0.0:8080\""},
      {":8080", "has no host; try \"0.0.0.0:8080\""},
      {"*:8080", "has no host; try \"0.0.0.0:8080\""},
      {"localhost:", "has the port \"\"; a port is a number from 0 to 65535"},
      {"localhost:65536", "has the port \"65536\"; a port is a number from 0 to 65535"},
      {"localhost:http", "has the port \"http\""},
      {"localhost:-1", "has the port \"-1\""},
      {"::1", "has no port; try \"[::1]:8080\""},
      {"fd00::1:2:8080:x",
       "has too many colons; an IPv6 address stands in brackets, try \"[fd00::1:2:8080]:x\""},
      {"http://h:80", "has a scheme; try \"h:80\""},
      {"proxy.example:80",
       "has a host that is no IP address; try \"0.0.0.0\", \"127.0.0.1\" or \"localhost\""},
      {"[::1", "has no closing bracket"},
      {"[::1]", "has no port; try \"[::1]:8080\""},
      {"[::1]8080", "has no port; try \"[::1]:8080\""},
      {"[1.2.3.4]:80", "has no IPv6 address between its brackets"},
      {"unix:", "has no absolute path; try \"unix:/run/singleflight.sock\""},
      {"unix:x.sock", "has no absolute path"},
      {absl::StrCat("unix:/", std::string(107, 'a')),
       "has a path of 108 bytes; a Unix socket allows 107"},
      {"unix:/a b", "has a path with white space"},
  };
  for (const auto& [text, mistake] : table)
    EXPECT_THAT(ListenerAddressMistake(text), HasSubstr(mistake)) << text;
}

TEST(AddressTest, AUnixPathMayFillTheSocketAddress) {
  EXPECT_EQ(ListenerAddressMistake(absl::StrCat("unix:/", std::string(106, 'a'))), "");
}

TEST(AddressTest, HealthIsServedOnTcpOnly) {
  EXPECT_EQ(HealthAddressMistake("0.0.0.0:0"), "");
  EXPECT_THAT(HealthAddressMistake("unix:/x"), HasSubstr("is no TCP address"));
}

TEST(AddressTest, EndpointsMayBeNames) {
  for (const char* text :
       {"my_host-1.example:1", "absolute.example.:1", "10.0.0.1:2", "[::1]:3", "unix:/x"}) {
    EXPECT_EQ(EndpointMistake(text), "") << text;
  }
  const std::pair<std::string, const char*> table[] = {
      {"300.1.1.1:80", "has a host that is no IPv4 address"},
      {"a b:80", "has a host that is no name and no IP address"},
      {".:80", "has a host that is no IPv4 address"},
      {".corp.example:80", "has a host with nothing beside a dot"},
      {"a..b:80", "has a host with nothing beside a dot"},
      {absl::StrCat(std::string(254, 'a'), ":80"), "has a host of more than 253 characters"},
      {"h:0", "has the port \"0\"; a port is a number from 1 to 65535"},
  };
  for (const auto& [text, mistake] : table) {
    EXPECT_THAT(EndpointMistake(text), HasSubstr(mistake)) << text;
  }
}

TEST(AddressTest, TargetsTakeTheSchemesOfGrpc) {
  for (const char* text :
       {"h:1", "dns:///h:1", "dns:///[::1]:1", "1.2.3.4:5", "[::1]:5", "ipv4:1.2.3.4:5",
        "ipv4:1.2.3.4:5,6.7.8.9:10", "ipv6:[::1]:5,[::2]:6", "unix:/x"}) {
    EXPECT_EQ(TargetMistake(text), "") << text;
  }
}

TEST(AddressTest, WhatIsNoTargetIsToldFromWhatWouldBe) {
  const std::pair<const char*, const char*> table[] = {
      {"dns:h:1", "dns has three slashes, try \"dns:///name:50051\""},
      {"dns://resolver/h:1", "dns has three slashes"},
      {"dns:///h", "has no port; try \"h:50051\""},
      {"h:0", "has the port \"0\"; a port is a number from 1 to 65535"},
      {"xds:///h", "is for gRPC to resolve; add \"transport: grpc\" to the upstream"},
      {"zookeeper:///h",
       "has an unknown scheme; a target is dns:///host:port, host:port, ipv4:…, ipv6:… or "
       "unix:/path"},
      {"https://h:1", "has a scheme, which a target goes without; try \"h:1\" with \"tls: true\""},
      {"https://h/path", "try \"h:443\" with \"tls: true\" beside it"},
      {"http://h:50051", "has a scheme, which a target goes without; try \"h:50051\""},
      {"grpc://h:1/", "try \"h:1\""},
      {"http://", "has an unknown scheme"},
      {"unix:///run/x", "has too many slashes; try \"unix:/run/x\""},
      {"unix-abstract:x", "is an abstract socket, which only has a name; use one with a path"},
      {"unix:@x", "is an abstract socket"},
      {"ipv4:h:1", "has no IPv4 address with a port in every place"},
      {"ipv4:1.2.3.4", "has no port; try \"1.2.3.4:50051\""},
      {"ipv4:1.2.3.4:5,", "has no IPv4 address with a port in every place"},
      {"ipv6:::1:5", "has no IPv6 address in brackets with a port in every place"},
      {"ipv6:[::1]", "has no port"},
      {"", "is no address; try \"127.0.0.1:50051\""},
  };
  for (const auto& [text, mistake] : table)
    EXPECT_THAT(TargetMistake(text), HasSubstr(mistake)) << text;
}

TEST(PatternTest, MethodsBeginWithASlashAndHaveTwoPartsOrMore) {
  for (const char* text : {"/*", "/a.B/C", "/a.B/*", "/a*", "/*/Get*", "/a.B/Get$",
                           "/*Catalog/Get*Item", "/api/a.B/C", "/api/v2/a.B/Get*", "/a/.../c"}) {
    EXPECT_EQ(MethodPatternMistake(text), "") << text;
  }
  const std::pair<const char*, const char*> table[] = {
      {"*", "does not begin with \"/\"; try \"/*\""},
      {"a.B/C", "try \"/a.B/C\""},
      {"", "try \"/*\""},
      {"/", "matches no call"},
      {"/a", "matches no call"},
      {"/a/", "ends with \"/\", as no method does; try a \"*\" behind it"},
      {"/*/", "ends with \"/\""},
      {"//a", "has \"//\", which no method has; write one \"/\""},
      {"/a//b*", "has \"//\""},
      {"/../a/b", "has the segment \"..\", which no method has; remove it"},
      {"/a/./b", "has the segment \".\""},
      {"/a/b?x", "has a character that no method has"},
      {"/a/b c", "has a character that no method has"},
      {"/a/ü", "has a character that no method has"},
  };
  for (const auto& [text, mistake] : table)
    EXPECT_THAT(MethodPatternMistake(text), HasSubstr(mistake)) << text;
}

core::MatchOptions Match(const std::string& method,
                         absl::optional<std::string> authority = absl::nullopt) {
  core::MatchOptions match;
  match.method = method;
  match.authority = authority;
  return match;
}

TEST(PatternTest, AnEarlierMethodPatternCoversALaterOne) {
  const std::pair<const char*, const char*> covered[] = {
      {"/*", "/a/b"},     {"/*", "/*"},      {"/a/*", "/a/b*"}, {"/a/*c", "/a/b*c"},
      {"/*b*", "/a*b/c"}, {"/a/**", "/a/*"}, {"/a/b", "/a/b"},
  };
  for (const auto& [earlier, later] : covered)
    EXPECT_TRUE(Covers(Match(earlier), Match(later))) << earlier << " " << later;
  const std::pair<const char*, const char*> open[] = {
      {"/a/b", "/*"},     {"/a/b*", "/a/*"}, {"/a/*c", "/a/c*"},
      {"/ab*ba", "/aba"}, {"/*ab*", "/a*b"}, {"/a/B", "/a/b"},
  };
  for (const auto& [earlier, later] : open)
    EXPECT_FALSE(Covers(Match(earlier), Match(later))) << earlier << " " << later;
}

TEST(PatternTest, AnAuthorityPatternCoversWithoutCaseAndWithoutPort) {
  using Authority = absl::optional<std::string>;
  const auto covers = [](Authority earlier, Authority later) {
    return Covers(Match("/*", earlier), Match("/*", later));
  };
  EXPECT_TRUE(covers(absl::nullopt, "a.example"));
  EXPECT_TRUE(covers("*", absl::nullopt));
  EXPECT_TRUE(covers("A.example", "a.Example"));
  EXPECT_TRUE(covers("*.example", "a.example:443"));
  EXPECT_TRUE(covers("[::1]", "[::1]:443"));
  EXPECT_FALSE(covers("a.example", absl::nullopt));
  EXPECT_FALSE(covers("a.example:443", "a.example"));
  EXPECT_FALSE(covers("a.example:443", "a.example:80"));
  EXPECT_FALSE(covers("*:443", "a.example"));
}

TEST(SuggestTest, OnlyWhatAFewKeystrokesTurnIntoIt) {
  const std::vector<std::string> known = {"flight_timeout", "max_waiters", "key"};
  EXPECT_EQ(DidYouMean("flight_time", known), " (did you mean \"flight_timeout\"?)");
  EXPECT_EQ(DidYouMean("maxwaiters", known), " (did you mean \"max_waiters\"?)");
  EXPECT_EQ(DidYouMean("Key", known), " (did you mean \"key\"?)");
  EXPECT_EQ(DidYouMean("cache", known), "");
  EXPECT_EQ(DidYouMean(std::string(1000, 'k'), known), "");
}

}  // namespace
}  // namespace singleflight::config
