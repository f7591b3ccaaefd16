// The line of one call, byte by byte.

#include "server/proxy/access_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"

namespace singleflight::proxy {
namespace {

using ::testing::HasSubstr;

std::string LineOf(AccessLogFormat format, const AccessRecord& record) {
  std::string line(kLongestAccessLine, '#');
  line.resize(static_cast<size_t>(WriteAccessLine(format, record, line.data()) - line.data()));
  return line;
}

// With every field. The page for users shows it.
AccessRecord Whole() {
  AccessRecord call;
  call.time = "2026-11-28T01:02:03.004Z";
  call.route = "/shop.v1.Catalog/Get*";
  call.method = "/shop.v1.Catalog/GetItem";
  call.role = "follower";
  call.code = "OK";
  call.duration_us = 18250;
  call.received = 57;
  call.sent = 2048;
  call.upstream = "catalog";
  call.endpoint = "10.0.0.7:50051";
  call.peer = "10.1.2.3:41022";
  call.key = model::KeyDigest{0x0af7651916cd43dd};
  call.trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  call.leader = "0af7651916cd43dd8448eb211c80319c";
  return call;
}

constexpr char kText[] =
    "2026-11-28T01:02:03.004Z route=/shop.v1.Catalog/Get* method=/shop.v1.Catalog/GetItem "
    "role=follower code=OK duration_us=18250 received=57 sent=2048 upstream=catalog "
    "endpoint=10.0.0.7:50051 peer=10.1.2.3:41022 key=0af7651916cd43dd "
    "trace=4bf92f3577b34da6a3ce929d0e0e4736 leader=0af7651916cd43dd8448eb211c80319c\n";
constexpr char kJson[] =
    R"({"time":"2026-11-28T01:02:03.004Z","route":"/shop.v1.Catalog/Get*",)"
    R"("method":"/shop.v1.Catalog/GetItem","role":"follower","code":"OK","duration_us":18250,)"
    R"("received":57,"sent":2048,"upstream":"catalog","endpoint":"10.0.0.7:50051",)"
    R"("peer":"10.1.2.3:41022","key":"0af7651916cd43dd",)"
    R"("trace":"4bf92f3577b34da6a3ce929d0e0e4736","leader":"0af7651916cd43dd8448eb211c80319c"})";

TEST(AccessRecordTest, HasItsFieldsInOneOrder) {
  EXPECT_EQ(LineOf(AccessLogFormat::kText, Whole()), kText);
  EXPECT_EQ(LineOf(AccessLogFormat::kJson, Whole()), std::string(kJson) + "\n");
}

TEST(AccessRecordTest, WhatACallHasNotIsLeftOut) {
  AccessRecord call;
  call.time = "2026-11-28T01:02:03.004Z";
  EXPECT_EQ(LineOf(AccessLogFormat::kText, call),
            "2026-11-28T01:02:03.004Z duration_us=0 received=0 sent=0\n");
  EXPECT_EQ(LineOf(AccessLogFormat::kJson, call),
            "{\"time\":\"2026-11-28T01:02:03.004Z\",\"duration_us\":0,\"received\":0,"
            "\"sent\":0}\n");
}

TEST(AccessRecordTest, NothingThatAClientSendsEndsALineOrAField) {
  AccessRecord call = Whole();
  const std::string method = std::string("/a/b\n {\"x\":1}=\\\x1b\x7f\0\xff", 19);
  call.method = method;
  const std::string escaped = R"(/a/b\u000a\u0020{\u0022x\u0022:1}=\u005c\u001b\u007f\u0000\u00ff)";
  EXPECT_THAT(LineOf(AccessLogFormat::kText, call), HasSubstr(" method=" + escaped + " role="));
  EXPECT_THAT(LineOf(AccessLogFormat::kJson, call),
              HasSubstr("\"method\":\"" + escaped + "\",\"role\""));
}

TEST(AccessRecordTest, LongTextsAreCutOff) {
  AccessRecord call;
  const std::string text(1000, '\n');
  call.time = "2026-11-28T01:02:03.004Z";
  call.route = call.method = call.role = call.code = text;
  call.upstream = call.endpoint = call.peer = call.trace = call.leader = text;
  call.key = model::KeyDigest{~uint64_t{0}};
  call.duration_us = call.received = call.sent = ~uint64_t{0};
  for (const AccessLogFormat format : {AccessLogFormat::kText, AccessLogFormat::kJson}) {
    const std::string line = LineOf(format, call);
    EXPECT_LE(line.size(), kLongestAccessLine);
    EXPECT_GT(line.size(), 9 * 6 * kLongestAccessText);
  }
}

std::string Page() {
  std::stringstream text;
  text << std::ifstream(SINGLEFLIGHT_DOCS "/logs.md").rdbuf();
  return text.str();
}

TEST(AccessRecordTest, ThePageForUsersShowsBothLines) {
  EXPECT_THAT(Page(), HasSubstr(std::string("\n") + kText));
  EXPECT_THAT(Page(), HasSubstr(std::string("\n") + kJson + "\n"));
}

TEST(AccessRecordTest, ThePageForUsersExplainsEachFieldInTheOrderOfTheLine) {
  const auto names = [](const std::string& text, const char* pattern) {
    std::vector<std::string> found;
    const std::regex regex(pattern, std::regex::multiline);
    for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
      found.push_back((*at)[1]);
    }
    return found;
  };
  const std::string page = Page();
  const size_t table = page.find("| field | of the access log |");
  ASSERT_NE(table, std::string::npos);
  const std::string rows = page.substr(table, page.find("\n\n", table) - table);
  EXPECT_EQ(names(rows, R"(^\| `(\w+)` \|)"), names(kJson, R"xx("(\w+)":)xx"));
}

}  // namespace
}  // namespace singleflight::proxy
