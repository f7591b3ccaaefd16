// RFC 9113 §8.2 and §8.3, field by field.

#include "server/http2/request_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/http2/ends.h"

namespace singleflight::http2 {
namespace {

using testing::Fields;

// The first thing that is wrong with a block.
std::string Verdict(const Fields& fields, bool trailers = false, bool end = false) {
  RequestRules rules;
  rules.Begin(trailers);
  for (const auto& [name, value] : fields) {
    const absl::string_view wrong = rules.Judge(name, value);
    if (!wrong.empty()) return std::string(wrong);
  }
  return std::string(rules.JudgeEnd(end));
}

Fields With(const Fields& more) { return testing::RequestFields("/s/M", more); }

// What a client on a Unix socket calls its server, or leaves out.
TEST(RequestRulesTest, AnyAuthorityIsTaken) {
  Fields fields = testing::RequestFields();
  for (const char* authority :
       {"", "/run/catalog.sock", "@abstract", "me@shop:1", "a b", "[::1]:1"}) {
    fields[3] = {":authority", authority};
    EXPECT_EQ(Verdict(fields), "") << authority;
  }
  fields.erase(fields.begin() + 3);
  EXPECT_EQ(Verdict(fields), "");
}

TEST(RequestRulesTest, TabsAndObsTextMayStandInValuesAndControlsMayNot) {
  for (int c = 0; c < 256; ++c) {
    const bool allowed = c == '\t' || (c >= 0x20 && c != 0x7f);
    for (size_t at = 0; at < 17; ++at) {
      std::string value(17, 'v');
      value[at] = static_cast<char>(c);
      EXPECT_EQ(Verdict(With({{"x-a", value}})).empty(), allowed) << c << " at " << at;
    }
  }
}

TEST(RequestRulesTest, NamesAreTokensInLowerCase) {
  for (const char* name : {"x", "x-a_b.c", "0", "!#$%&'*+-.^_`|~"}) {
    EXPECT_EQ(Verdict(With({{name, ""}})), "") << name;
  }
  for (const char* name : {"", "X-a", "x a", "x:", "x\x7f", "x\xc3\xa4", "x(", "x\n"}) {
    EXPECT_NE(Verdict(With({{name, ""}})), "") << name;
  }
}

TEST(RequestRulesTest, ACharacterThatNoNameHasIsSeenWhereverItIs) {
  constexpr absl::string_view kMarks = "!#$%&'*+-.^_`|~";
  for (int c = 0; c < 256; ++c) {
    const bool allowed = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                         kMarks.find(static_cast<char>(c)) != kMarks.npos;
    for (size_t size : {1, 3, 5, 12, 16, 19}) {
      for (size_t at = 0; at < size; ++at) {
        std::string name(size, 'n');
        name[at] = static_cast<char>(c);
        EXPECT_EQ(Verdict(With({{name, ""}})).empty(), allowed) << c << " at " << at;
      }
    }
  }
}

TEST(RequestRulesTest, PseudoHeaderFieldsStandFirstAndOnce) {
  EXPECT_EQ(Verdict(With({{":path", "/s/N"}})), "a pseudo-header field behind others");
  EXPECT_EQ(Verdict({{":path", "/a"}, {":path", "/b"}}), "a pseudo-header field twice");
  EXPECT_EQ(Verdict({{":status", "200"}}), "a pseudo-header field that no request has");
  EXPECT_EQ(Verdict({{":path", ""}}), "an empty pseudo-header field");
  EXPECT_EQ(Verdict({{":method", "POST"}, {":scheme", "http"}}), "no :method, :scheme or :path");
  EXPECT_EQ(Verdict({{":method", "CONNECT"}, {":authority", "a:1"}}), "");
  EXPECT_EQ(Verdict({{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}}),
            "a malformed CONNECT");
}

TEST(RequestRulesTest, FieldsOfAConnectionAreNoneOfARequest) {
  for (const char* name :
       {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"}) {
    EXPECT_EQ(Verdict(With({{name, "x"}})), "a field that belongs to a connection") << name;
  }
  EXPECT_EQ(Verdict(With({{"te", "Trailers"}})), "");
  EXPECT_EQ(Verdict(With({{"te", "gzip"}})), "a te other than trailers");
}

TEST(RequestRulesTest, AContentLengthIsOneNumber) {
  EXPECT_EQ(Verdict(With({{"content-length", "5"}})), "");
  EXPECT_EQ(Verdict(With({{"content-length", "0"}}), false, true), "");
  EXPECT_EQ(Verdict(With({{"content-length", "5"}}), false, true), "a content-length and no body");
  EXPECT_EQ(Verdict(With({{"content-length", "5"}, {"content-length", "5"}})),
            "content-length twice");
  for (const char* value : {"", "x", "+5", "-5", " 5", "5 ", "0x5", "99999999999999999999"}) {
    EXPECT_EQ(Verdict(With({{"content-length", value}})), "a content-length that is no number")
        << value;
  }
}

TEST(RequestRulesTest, WhatStandsBehindTheBodyHasNoPseudoHeadersAndEndsIt) {
  EXPECT_EQ(Verdict({{"x-checksum", "7"}}, true, true), "");
  EXPECT_EQ(Verdict({{"x-checksum", "7"}}, true, false), "a second header block that ends nothing");
  EXPECT_EQ(Verdict({{":path", "/a"}}, true, true), "a pseudo-header field behind the body");
  EXPECT_EQ(Verdict({{"content-length", "7"}}, true, true), "a content-length behind the body");
}

}  // namespace
}  // namespace singleflight::http2
