// What makes two calls identical (docs/semantics.md §3).

#include "server/model/key.h"

#include <iterator>
#include <set>

#include "server/core/waiter.h"
#include "tests/model/blocks.h"

namespace singleflight::model {
namespace {

const std::string kChain(kChainMarker);

class KeyTest : public ::testing::Test {
 protected:
  Key KeyOf(const Fields& fields, absl::string_view message = "id-7",
            absl::string_view authority = "catalog:50051") {
    return KeyPolicy(rules_, "catalog", 7, fingerprints_)
        .MakeKey(1, RequestOf(fields), authority, message);
  }
  // Whether two calls that differ in these fields only would share one upstream call.
  bool Meet(const Fields& a, const Fields& b) { return KeyOf(a) == KeyOf(b); }

  KeyRules rules_;
  Fingerprints fingerprints_;
};

TEST_F(KeyTest, EqualCallsMeet) {
  EXPECT_TRUE(Meet({}, {}));
  EXPECT_TRUE(Meet({{"x-page", "2"}}, {{"x-page", "2"}}));
}

TEST_F(KeyTest, MessagesTellCallsApart) { EXPECT_FALSE(KeyOf({}, "id-7") == KeyOf({}, "id-8")); }

TEST_F(KeyTest, MethodsTellCallsApart) {
  EXPECT_FALSE(Meet({{":path", "/a/b"}}, {{":path", "/a/c"}}));
}

TEST_F(KeyTest, TheAuthorityAsSentUpstreamTellsCallsApart) {
  EXPECT_FALSE(KeyOf({}, "id-7", "a") == KeyOf({}, "id-7", "b"));
  EXPECT_TRUE(Meet({{":authority", "a"}}, {{":authority", "b"}}));  // replaced on the way
}

TEST_F(KeyTest, TheCaseOfAnAuthorityDoesNotTellCallsApart) {
  for (const size_t size : {3, 8, 9, 17}) {
    const std::string plain(size, 'z');
    for (size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string authority = plain, folded = plain;
        authority[at] = static_cast<char>(c);
        folded[at] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
        const Key key = KeyOf({}, "id-7", authority);
        EXPECT_TRUE(key == KeyOf({}, "id-7", folded)) << c << " at " << at;
        EXPECT_EQ(key == KeyOf({}, "id-7", plain), folded == plain) << c << " at " << at;
      }
    }
  }
}

TEST_F(KeyTest, NoFormatMeansProto) {
  EXPECT_TRUE(
      Meet({{"content-type", "application/grpc"}}, {{"content-type", "application/grpc+proto"}}));
  EXPECT_FALSE(
      Meet({{"content-type", "application/grpc"}}, {{"content-type", "application/grpc+json"}}));
  EXPECT_FALSE(Meet({{"content-type", "application/grpc+proto"}},
                    {{"content-type", "application/grpc;a=b"}}));
}

// PITFALLS 17
TEST_F(KeyTest, CredentialsTellCallersApart) {
  for (const char* name :
       {"authorization", "cookie", "x-api-key", "x-auth-user", "x-csrf-token", "x-client-secret"}) {
    EXPECT_FALSE(Meet({{name, "ann"}}, {{name, "bob"}})) << name;
    EXPECT_FALSE(Meet({{name, "ann"}}, {})) << name;
  }
}

// PITFALLS 17
TEST_F(KeyTest, CredentialsStayInTheKeyUnderOnly) {
  rules_.mode = KeyRules::Mode::kOnly;
  rules_.names = {"x-page"};
  EXPECT_FALSE(Meet({{"authorization", "ann"}}, {{"authorization", "bob"}}));
  EXPECT_FALSE(Meet({{"x-csrf-token", "1"}}, {{"x-csrf-token", "2"}}));
}

// PITFALLS 17
TEST_F(KeyTest, CredentialsStayInTheKeyWhenTheyAreIgnored) {
  rules_.names = {"authorization"};
  EXPECT_FALSE(Meet({{"authorization", "ann"}}, {{"authorization", "bob"}}));
}

TEST_F(KeyTest, CredentialsLeaveTheKeyWhereTheRouteSaysSo) {
  rules_.share_across_credentials = true;
  EXPECT_TRUE(Meet({{"authorization", "ann"}}, {{"authorization", "bob"}}));
  EXPECT_FALSE(Meet({{"x-page", "1"}}, {{"x-page", "2"}}));
}

// PITFALLS 17
TEST_F(KeyTest, ACredentialThatOnlyNamesCountsWhateverElseIsShared) {
  rules_.mode = KeyRules::Mode::kOnly;
  rules_.names = {"x-tenant-token"};
  rules_.share_across_credentials = true;
  EXPECT_FALSE(Meet({{"x-tenant-token", "1"}}, {{"x-tenant-token", "2"}}));
  EXPECT_TRUE(Meet({{"authorization", "ann"}}, {{"authorization", "bob"}}));
}

// PITFALLS 18
TEST_F(KeyTest, TheBytesDecideWhenHashesCollide) {
  const Key a{42, "one"}, b{42, "two"};
  EXPECT_EQ(KeyHash()(a), KeyHash()(b));
  EXPECT_FALSE(a == b);
}

// PITFALLS 19
TEST_F(KeyTest, WhereOnePartEndsAndTheNextBeginsTellsCallsApart) {
  EXPECT_FALSE(Meet({{"x-a", "bc"}}, {{"x-ab", "c"}}));
  EXPECT_FALSE(KeyOf({}, "c", "ab") == KeyOf({}, "bc", "a"));
  EXPECT_FALSE(KeyOf({}, "7x-a1") == KeyOf({{"x-a", "1"}}, "7"));
  EXPECT_FALSE(Meet({{"x-a", "1"}, {"x-a", "2"}}, {{"x-a", "12"}}));
  EXPECT_FALSE(Meet({{"x-a", ""}, {"x-b", ""}}, {{"x-a", "x-b"}}));
  EXPECT_FALSE(Meet({{":path", "/ab/c"}}, {{":path", "/a/bc"}}));
}

// PITFALLS 20
TEST_F(KeyTest, PartsOfAnyLengthTellCallsApart) {
  for (const size_t size : {126, 127, 128, 129, 16'382, 16'383, 16'384, 16'385}) {
    const std::string all(size + 300, '\1');
    std::set<std::string> distinct;
    for (size_t i = 0; i < 300; ++i) {  // the same bytes, cut elsewhere
      const absl::string_view authority(all.data(), i), message(all.data(), size + 300 - i);
      distinct.insert(KeyOf({}, message, authority).bytes);
    }
    EXPECT_EQ(distinct.size(), 300) << size;
  }
}

TEST_F(KeyTest, AShortPartCostsOneByteBesideItsOwn) {
  EXPECT_EQ(KeyOf({{"x-page", "2"}}).bytes.size(), KeyOf({}).bytes.size() + 1 + 6 + 1 + 1);
}

TEST_F(KeyTest, TraceHeadersAndRequestIdsDoNotTellCallsApart) {
  for (const char* name :
       {"traceparent", "b3", "x-request-id", "user-agent", "x-amzn-trace-id", "date",
        "grpc-previous-rpc-attempts", "cache-control", "x-b3-flags", "x-datadog-tags",
        "sentry-trace", "newrelic", "x-correlation-id", "ot-tracer-spanid"}) {
    EXPECT_TRUE(Meet({{name, "1"}}, {{name, "2"}})) << name;
    EXPECT_TRUE(Meet({{name, "1"}}, {})) << name;
  }
  EXPECT_TRUE(Meet({{"grpc-trace-bin", "AQ"}}, {{"grpc-trace-bin", "Ag"}}));
}

// PITFALLS 28
TEST_F(KeyTest, HowBinaryValuesAreJoinedDoesNotTellCallsApart) {
  EXPECT_TRUE(Meet({{"x-bin", "YQ,Yg"}}, {{"x-bin", "YQ"}, {"x-bin", "Yg"}}));
  EXPECT_FALSE(Meet({{"x-bin", "YQ,Yg"}}, {{"x-bin", "Yg,YQ"}}));
}

// PITFALLS 20
TEST_F(KeyTest, DeadlinesAndTransportFieldsDoNotTellCallsApart) {
  EXPECT_TRUE(Meet({{"grpc-timeout", "20m"}}, {{"grpc-timeout", "2S"}}));
  EXPECT_TRUE(Meet({{"te", "trailers"}}, {{"te", ""}}));
  EXPECT_TRUE(Meet({{"content-length", "9"}}, {}));
  EXPECT_TRUE(Meet({{":scheme", "http"}}, {{":scheme", "https"}}));
}

TEST_F(KeyTest, UnknownMetadataTellsCallsApart) {
  for (const char* name :
       {"x-page", "accept-language", "baggage", "x-forwarded-for", "x-envoy-internal"}) {
    EXPECT_FALSE(Meet({{name, "1"}}, {{name, "2"}})) << name;
    EXPECT_FALSE(Meet({{name, ""}}, {})) << name;
  }
}

// PITFALLS 52
TEST_F(KeyTest, TheTracestateOfATracerDoesNotTellCallsApart) {
  EXPECT_TRUE(Meet({{"tracestate", "dd=s:1;p:67a8"}}, {{"tracestate", "dd=s:1;p:b2ff"}}));
  EXPECT_TRUE(Meet({{"tracestate", "dd=s:1;p:67a8"}}, {}));
  EXPECT_TRUE(Meet({{"tracestate", "dd=s:1, mesh=v2"}}, {{"tracestate", "mesh=v2"}}));
  EXPECT_TRUE(Meet({{"tracestate", "es=s:1"}, {"tracestate", "mesh=v2"}},
                   {{"tracestate", "mesh=v2"}, {"tracestate", "33@nr=0"}}));
}

TEST_F(KeyTest, OtherMembersOfATracestateTellCallsApart) {
  EXPECT_FALSE(Meet({{"tracestate", "mesh=v1"}}, {{"tracestate", "mesh=v2"}}));
  EXPECT_FALSE(Meet({{"tracestate", "dd=s:1,mesh=v1"}}, {{"tracestate", "dd=s:1,mesh=v2"}}));
  EXPECT_FALSE(Meet({{"tracestate", "dd=s:1,mesh=v1"}}, {{"tracestate", "dd=s:1"}}));
  EXPECT_FALSE(Meet({{"tracestate", "a=1,b=1,dd=1"}}, {{"tracestate", "b=1,a=1,dd=1"}}));
  EXPECT_FALSE(Meet({{"tracestate", "dd=1,a=1"}, {"tracestate", "dd=1,b=1"}},
                    {{"tracestate", "dd=1,b=1"}, {"tracestate", "dd=1,a=1"}}));
}

TEST_F(KeyTest, ATracestateThatIsIgnoredDoesNotCountAtAll) {
  rules_.names = {"tracestate"};
  EXPECT_TRUE(Meet({{"tracestate", "mesh=v1"}}, {{"tracestate", "mesh=v2"}}));
}

TEST_F(KeyTest, UnderOnlyATracestateCountsByMember) {
  rules_.mode = KeyRules::Mode::kOnly;
  EXPECT_TRUE(Meet({{"tracestate", "mesh=v1"}}, {{"tracestate", "mesh=v2"}}));
  rules_.names = {"tracestate"};
  EXPECT_FALSE(Meet({{"tracestate", "mesh=v1"}}, {{"tracestate", "mesh=v2"}}));
  EXPECT_TRUE(Meet({{"tracestate", "dd=1"}}, {{"tracestate", "dd=2"}}));
}

TEST_F(KeyTest, NoiseThatIsToCountTellsCallsApart) {
  rules_.counted = {"x-request-id", "tracestate", "ot-tracer-spanid"};
  EXPECT_FALSE(Meet({{"x-request-id", "1"}}, {{"x-request-id", "2"}}));
  EXPECT_FALSE(Meet({{"tracestate", "dd=1"}}, {{"tracestate", "dd=2"}}));
  EXPECT_FALSE(Meet({{"ot-tracer-spanid", "1"}}, {{"ot-tracer-spanid", "2"}}));
  EXPECT_TRUE(Meet({{"traceparent", "1"}}, {{"traceparent", "2"}}));
  EXPECT_FALSE(Meet({{"x-page", "1"}}, {{"x-page", "2"}}));
}

TEST_F(KeyTest, WhatIsToCountCountsThoughASetIgnoresIt) {
  rules_.names = *MetadataSet("@proxy-headers");
  rules_.counted = {"x-forwarded-for"};
  EXPECT_FALSE(Meet({{"x-forwarded-for", "1"}}, {{"x-forwarded-for", "2"}}));
  EXPECT_TRUE(Meet({{"x-forwarded-host", "1"}}, {{"x-forwarded-host", "2"}}));
}

// PITFALLS 17
TEST_F(KeyTest, ACredentialThatIsToCountCountsWhateverElseIsShared) {
  rules_.counted = {"x-tenant-token"};
  rules_.share_across_credentials = true;
  EXPECT_FALSE(Meet({{"x-tenant-token", "1"}}, {{"x-tenant-token", "2"}}));
  EXPECT_TRUE(Meet({{"authorization", "ann"}}, {{"authorization", "bob"}}));
}

// A reply that varies by it may not be kept.
TEST_F(KeyTest, WhatCountsInPartIsNotSaidToCount) {
  EXPECT_FALSE(KeyPolicy({}, "catalog", 7, fingerprints_).Counts("tracestate"));
  EXPECT_TRUE(KeyPolicy({}, "catalog", 7, fingerprints_).Counts("x-page"));
}

TEST_F(KeyTest, IgnoredMetadataDoesNotTellCallsApart) {
  rules_.names = {"x-device-id"};
  EXPECT_TRUE(Meet({{"x-device-id", "1"}}, {{"x-device-id", "2"}}));
  EXPECT_FALSE(Meet({{"x-page", "1"}}, {{"x-page", "2"}}));
}

TEST_F(KeyTest, UnderOnlyNothingElseTellsCallsApart) {
  rules_.mode = KeyRules::Mode::kOnly;
  rules_.names = {"x-page"};
  EXPECT_TRUE(Meet({{"accept-language", "de"}}, {{"accept-language", "en"}}));
  EXPECT_FALSE(Meet({{"x-page", "1"}}, {{"x-page", "2"}}));
}

TEST_F(KeyTest, EncodingsDoNotTellCallsApartWhoseMessagesAreNotCompressed) {
  for (KeyRules::Mode mode : {KeyRules::Mode::kAllButNoise, KeyRules::Mode::kOnly}) {
    rules_.mode = mode;
    EXPECT_TRUE(Meet({{"grpc-encoding", "gzip"}}, {}));
    EXPECT_TRUE(Meet({{"grpc-encoding", "identity"}}, {}));
    EXPECT_TRUE(Meet({{"grpc-accept-encoding", "gzip"}}, {{"grpc-accept-encoding", "identity"}}));
  }
}

// PITFALLS 22
TEST_F(KeyTest, EncodingsTellCallsApartWhoseMessagesAreCompressedWhateverTheRules) {
  const std::string compressed("\1\0\0\0\1x", 6);
  for (KeyRules::Mode mode : {KeyRules::Mode::kAllButNoise, KeyRules::Mode::kOnly}) {
    rules_.mode = mode;
    EXPECT_FALSE(KeyOf({{"grpc-encoding", "snappy"}}, compressed) == KeyOf({}, compressed));
    EXPECT_FALSE(KeyOf({{"grpc-accept-encoding", "gzip"}}, compressed) == KeyOf({}, compressed));
    EXPECT_TRUE(KeyOf({{"grpc-encoding", "snappy"}}, compressed) ==
                KeyOf({{"grpc-encoding", "snappy"}}, compressed));
  }
}

// The flag says which form it is.
TEST_F(KeyTest, ACompressedMessageEqualsNoneThatIsNot) {
  EXPECT_FALSE(KeyOf({}, std::string("\1\0\0\0\1x", 6)) ==
               KeyOf({}, std::string("\0\0\0\0\1x", 6)));
}

TEST_F(KeyTest, AnEncodingThatOnlyNamesCountsAlways) {
  rules_.mode = KeyRules::Mode::kOnly;
  rules_.names = {"grpc-accept-encoding"};
  EXPECT_FALSE(Meet({{"grpc-accept-encoding", "gzip"}}, {}));
}

TEST_F(KeyTest, TheChainMarkerTellsCallsApartWhateverTheRules) {
  EXPECT_FALSE(Meet({{kChain, "hop-1"}}, {}));
  rules_.mode = KeyRules::Mode::kOnly;
  EXPECT_FALSE(Meet({{kChain, "hop-1"}}, {}));
  EXPECT_FALSE(Meet({{kChain, "hop-1"}}, {{kChain, "hop-1, hop-1"}}));
}

TEST_F(KeyTest, TheOrderOfANamesValuesCountsAndTheirNumber) {
  EXPECT_FALSE(Meet({{"x-a", "1"}, {"x-a", "2"}}, {{"x-a", "2"}, {"x-a", "1"}}));
  EXPECT_FALSE(Meet({{"x-a", "1"}, {"x-a", "1"}}, {{"x-a", "1"}}));
}

TEST_F(KeyTest, TheOrderBetweenNamesDoesNotCount) {
  EXPECT_TRUE(
      Meet({{"x-a", "1"}, {"x-b", "2"}, {"x-a", "3"}}, {{"x-b", "2"}, {"x-a", "1"}, {"x-a", "3"}}));
}

TEST_F(KeyTest, TheSeedChangesTheHashAndNotTheBytes) {
  const Key a = KeyPolicy({}, "catalog", 1, fingerprints_).MakeKey(1, RequestOf(), "a", "id-7");
  const Key b = KeyPolicy({}, "catalog", 2, fingerprints_).MakeKey(1, RequestOf(), "a", "id-7");
  EXPECT_NE(a.hash, b.hash);
  EXPECT_EQ(a.bytes, b.bytes);
}

constexpr uint32_t kTrust = 1;

class FingerprintTest : public ::testing::Test {
 protected:
  std::string BytesUnder(const KeyRules& rules, absl::string_view upstream = "catalog",
                         uint32_t trust = kTrust) {
    return KeyPolicy(rules, upstream, 7, fingerprints_)
        .MakeKey(trust, RequestOf(), "a", "id-7")
        .bytes;
  }

  Fingerprints fingerprints_;
};

// PITFALLS 33
TEST_F(FingerprintTest, KeysOfDifferentRulesNeverMeet) {
  using Mode = KeyRules::Mode;
  const KeyRules all[] = {{Mode::kAllButNoise, {}, false},
                          {Mode::kAllButNoise, {}, true},
                          {Mode::kAllButNoise, {"x-a"}, false},
                          {Mode::kAllButNoise, {"x-a", "x-b"}, false},
                          {Mode::kAllButNoise, {"x-ax-b"}, false},
                          {Mode::kAllButNoise, {}, false, {"x-a"}},
                          {Mode::kAllButNoise, {"x-b"}, false, {"x-a"}},
                          {Mode::kOnly, {}, false},
                          {Mode::kOnly, {"x-a"}, false}};
  std::set<std::string> distinct;
  for (const KeyRules& rules : all) distinct.insert(BytesUnder(rules));
  EXPECT_EQ(distinct.size(), std::size(all));
}

// PITFALLS 33
TEST_F(FingerprintTest, KeysOfDifferentUpstreamsNeverMeet) {
  EXPECT_NE(BytesUnder({}, "catalog"), BytesUnder({}, "orders"));
}

// PITFALLS 17, PITFALLS 33
TEST_F(FingerprintTest, KeysOfCallersThatAreTrustedDifferentlyNeverMeet) {
  EXPECT_NE(BytesUnder({}, "catalog", 1), BytesUnder({}, "catalog", 2));
  const uint32_t catalog = fingerprints_.NumberOf("as a trust");
  EXPECT_NE(BytesUnder({}, "catalog", catalog), BytesUnder({}, "orders", catalog));
}

// PITFALLS 33
TEST_F(FingerprintTest, TheOrderOfTheNamesInTheRulesDoesNotCount) {
  EXPECT_EQ(BytesUnder({KeyRules::Mode::kOnly, {"x-a", "x-b"}, false}),
            BytesUnder({KeyRules::Mode::kOnly, {"x-b", "x-a"}, false}));
}

// PITFALLS 33
TEST_F(FingerprintTest, KeysOfEqualRulesMeet) {
  const KeyRules rules = {KeyRules::Mode::kOnly, {"x-a"}, false};
  EXPECT_EQ(BytesUnder(rules, "catalog", 2), BytesUnder(rules, "catalog", 2));
  EXPECT_EQ(BytesUnder(rules), BytesUnder({KeyRules::Mode::kOnly, {"x-a", "x-a"}, false}));
}

// PITFALLS 33
TEST(FingerprintsTest, TheSameBytesHaveTheSameNumberAndDifferentOnesHaveNot) {
  Fingerprints fingerprints;
  std::set<uint32_t> numbers = {0};
  for (int i = 0; i < 1000; ++i) {
    const std::string bytes(static_cast<size_t>(i), '\0');
    EXPECT_TRUE(numbers.insert(fingerprints.NumberOf(bytes)).second);
    EXPECT_EQ(fingerprints.NumberOf(bytes), fingerprints.NumberOf(bytes));
  }
}

TEST_F(FingerprintTest, TheLengthOfAFingerprintIsNotTheKeys) {
  EXPECT_EQ(BytesUnder({}, std::string(1000, 'x')).size(), BytesUnder({}, "").size());
}

class IgnoredFieldsTest : public KeyTest {
 protected:
  IgnoredFieldsTest() { rules_.ignored_fields = {{2}, {3, 1}}; }

  // As on the wire, with `flag` before it.
  static std::string Framed(const std::string& message, char flag = 0) {
    return std::string({flag, 0, 0, 0, static_cast<char>(message.size())}) + message;
  }
  bool MeetAs(const std::string& a, const std::string& b, const Fields& fields = {}) {
    return KeyOf(fields, a) == KeyOf(fields, b);
  }

  // Fields 1 and 2, and 1 and 4 of the message in field 3.
  const std::string ann_ = Framed(
      "\x08\x07\x12\x03"
      "ann"
      "\x1a\x04\x08\x01\x20\x05");
  const std::string robert_ = Framed(
      "\x08\x07\x12\x06"
      "robert"
      "\x1a\x04\x08\x02\x20\x05");
  const std::string nobody_ = Framed("\x08\x07\x1a\x02\x20\x05");
};

TEST_F(IgnoredFieldsTest, CallsThatDifferInThemOnlyMeet) {
  EXPECT_TRUE(MeetAs(ann_, robert_));
  EXPECT_TRUE(MeetAs(ann_, nobody_));
  EXPECT_TRUE(MeetAs(ann_, robert_, {{"content-type", "application/grpc+proto"}}));
}

TEST_F(IgnoredFieldsTest, OtherFieldsTellCallsApart) {
  EXPECT_FALSE(MeetAs(ann_, Framed("\x08\x08\x1a\x02\x20\x05")));
  EXPECT_FALSE(MeetAs(ann_, Framed("\x08\x07\x1a\x02\x20\x06")));
  EXPECT_FALSE(MeetAs(ann_, Framed("\x08\x07")));
}

TEST_F(IgnoredFieldsTest, OtherFormatsCountWhole) {
  for (const char* type : {"application/grpc+json", "application/grpc;charset=x"}) {
    EXPECT_FALSE(MeetAs(ann_, robert_, {{"content-type", type}})) << type;
  }
}

TEST_F(IgnoredFieldsTest, WhatCannotBeTakenApartCountsWholeAndMeetsNothingElse) {
  const auto compressed = [](std::string message) { return message.replace(0, 1, "\x01"); };
  EXPECT_FALSE(MeetAs(compressed(ann_), compressed(robert_)));
  EXPECT_TRUE(MeetAs(compressed(ann_), compressed(ann_)));
  EXPECT_FALSE(MeetAs(Framed("\x12\x03"
                             "an"),
                      Framed("\x12\x03"
                             "bo")));
  EXPECT_FALSE(MeetAs("", Framed("")));
  // With the bytes of the key's own form.
  EXPECT_FALSE(MeetAs(nobody_, std::string("\x02\x08\x07\x1a\x02\x20\x05")));
}

// Of two numbers, and a message with a number in it.
std::shared_ptr<const CanonicalForm> FormOfThree(
    CanonicalField::Shape shape = CanonicalField::Shape::kImplicit) {
  using Kind = CanonicalField::Kind;
  CanonicalMessage outer, inner;
  outer.fields = {{1, Kind::kInt64, shape, 0, 0},
                  {2, Kind::kBytes, shape, 0, 0},
                  {3, Kind::kMessage, CanonicalField::Shape::kExplicit, 0, 1}};
  inner.fields = {{1, Kind::kInt64, shape, 0, 0}, {4, Kind::kInt64, shape, 0, 0}};
  return std::make_shared<const CanonicalForm>(std::vector<CanonicalMessage>{outer, inner});
}

class CanonicalKeyTest : public IgnoredFieldsTest {
 protected:
  CanonicalKeyTest() {
    rules_.ignored_fields.clear();
    rules_.form = FormOfThree();
  }

  // As ann_, with its fields in another order and a default written.
  const std::string turned_ = Framed(
      "\x1a\x04\x20\x05\x08\x01\x12\x03"
      "ann"
      "\x08\x07");
};

// PITFALLS 21
TEST_F(CanonicalKeyTest, SerializationsOfOneMessageMeetAndOthersDoNot) {
  EXPECT_TRUE(MeetAs(ann_, turned_));
  EXPECT_FALSE(MeetAs(ann_, robert_));
  rules_.form = nullptr;
  EXPECT_FALSE(MeetAs(ann_, turned_));
}

TEST_F(CanonicalKeyTest, FieldsAreLeftOutOfTheFormToo) {
  rules_.ignored_fields = {{2}, {3, 1}};
  EXPECT_TRUE(MeetAs(turned_, robert_));
  EXPECT_TRUE(MeetAs(turned_, nobody_));
}

TEST_F(CanonicalKeyTest, WhatHasNoFormCountsAsItComes) {
  const std::string twice = Framed("\x08\x07\x08\x07"), once = Framed("\x08\x07");
  EXPECT_FALSE(MeetAs(twice, once));
  EXPECT_TRUE(MeetAs(twice, twice));
  for (const char* type : {"application/grpc+json", "application/grpc;charset=x"}) {
    EXPECT_FALSE(MeetAs(ann_, turned_, {{"content-type", type}})) << type;
  }
  // With the bytes of the key's own form.
  EXPECT_FALSE(MeetAs(ann_, "\x03" + ann_.substr(5)));
}

TEST_F(CanonicalKeyTest, WhatHasNoFormStillIsWithoutItsFields) {
  rules_.ignored_fields = {{2}};
  EXPECT_TRUE(MeetAs(Framed("\x08\x07\x08\x07\x12\x01x"), Framed("\x08\x07\x08\x07")));
}

// PITFALLS 33
TEST_F(CanonicalKeyTest, KeysOfAnotherSchemaNeverMeet) {
  const std::string empty = Framed("");
  const Key here = KeyOf({}, empty);
  rules_.form = FormOfThree(CanonicalField::Shape::kExplicit);
  EXPECT_FALSE(KeyOf({}, empty) == here);
  rules_.form = FormOfThree();
  EXPECT_TRUE(KeyOf({}, empty) == here);
}

// PITFALLS 33
TEST_F(IgnoredFieldsTest, KeysOfOtherRulesNeverMeet) {
  std::set<std::string> distinct;
  const std::vector<std::vector<FieldPath>> all = {{}, {{2}}, {{3, 1}}, {{2}, {3, 1}}, {{2, 3, 1}}};
  for (const std::vector<FieldPath>& fields : all) {
    rules_.ignored_fields = fields;
    distinct.insert(KeyOf({}, nobody_).bytes);
  }
  EXPECT_EQ(distinct.size(), all.size());
}

// A place in the flight table, nothing more.
struct Place final : core::Flights::Waiter {
  void OnLanded(const model::Reply* reply) override { got = *reply; }
  model::Reply got;
};

// PITFALLS 18
TEST(FlightTableTest, KeysWithOneHashAndDifferentBytesFlyApart) {
  core::Flights flights;
  Place one, two;
  auto first = flights.Join(Key{42, "one"}, one, {});
  auto second = flights.Join(Key{42, "two"}, two, {});
  ASSERT_TRUE(first.landing);
  ASSERT_TRUE(second.landing);
  const auto reply = MakeStatusReply(wire::StatusCode::kOk, "");
  first.landing.Land(reply);
  EXPECT_EQ(one.got.owner, reply.owner);
  EXPECT_FALSE(two.got);
  second.landing.Land({});
}

}  // namespace
}  // namespace singleflight::model
