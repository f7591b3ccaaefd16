// Callers that compress differently, and what each of them gets.

#include "tests/core/read_path_fixture.h"
#include "tests/wire/deflated.h"

namespace singleflight::core {
namespace {

using wire::Encoding;
using wire::StatusCode;

constexpr char kEncoding[] = "grpc-encoding";
constexpr char kAccepts[] = "grpc-accept-encoding";

const Fields kGzip = {{kEncoding, "gzip"}, {kAccepts, "identity,gzip"}};
const Fields kDeflate = {{kEncoding, "deflate"}, {kAccepts, "deflate"}};
const Fields kPlain = {};  // reads identity alone

std::string Gzipped(absl::string_view message, int level = 9) {
  return Framed(wire::Deflated(Encoding::kGzip, message, level), true);
}

// A caller that does with what it hears what the proxy's calls do.
class Reader final : public Waiter {
 public:
  Reader(ReadPath& path, Route& route, const Fields& metadata) : Waiter(path), route_(route) {
    Fields fields = {{":method", "POST"},
                     {":scheme", "http"},
                     {":path", kGet},
                     {":authority", "shop.example"},
                     {"content-type", "application/grpc"}};
    fields.insert(fields.end(), metadata.begin(), metadata.end());
    request_ = std::make_shared<const model::Request>(
        absl::get<model::Request>(model::ParseRequest(HeadersOf(fields))));
  }

  void Ask(const std::string& frame) {
    const auto take = [&] { return base::Slice(frame); };
    alone_ = path().Serve(route_, {kTrust, request_, frame, take, {}, nullptr}, *this) ==
             Served::kUnreadable;
  }

  const model::Reply& reply() const { return reply_; }
  bool alone() const { return alone_; }  // a hit that it cannot read
  absl::optional<Release> released() const { return released_; }
  absl::string_view sends() const { return sends_.view(); }  // once released
  void Drop() {
    reply_ = model::Reply();
    sends_ = base::Slice();
  }

 private:
  void OnAnswer(const Answer& answer, Counted) override { reply_ = answer.reply; }
  absl::optional<Asker> asker() const override { return Asker{route_, *request_}; }
  void OnTakeover(Takeover) override {}
  void OnReleased(const Question& asked, Release why) override {
    released_ = why;
    sends_ = path().MessageFor(route_, *request_, asked);
  }

  Route& route_;
  std::shared_ptr<const model::Request> request_;
  model::Reply reply_;
  bool alone_ = false;
  absl::optional<Release> released_;
  base::Slice sends_;
};

class EncodingsTest : public ReadPathTest {
 protected:
  EncodingsTest() {
    collapse_->max_request_bytes = 100 << 10;
    collapse_->max_reply_bytes = 1 << 20;
  }

  Reader& Read(const Fields& metadata, const std::string& frame, size_t loop = 0) {
    Reader& reader = readers_.emplace_back(paths(loop), route(), metadata);
    reader.Ask(frame);
    return reader;
  }
  Reader& ReadPlain(size_t loop = 0) { return Read(kPlain, Framed("id-7"), loop); }

  void AnswerGzipped(absl::string_view message, const std::string& encoding = "gzip") {
    AnswerFrame(Gzipped(message), encoding);
  }
  void AnswerFrame(const std::string& frame, const std::string& encoding) {
    upstream_.latest().Begin({{kEncoding, encoding}, {"x-first", "1"}});
    upstream_.latest().Data(frame);
    upstream_.latest().End({{"x-last", "2"}});
    Settle();
  }

  void ExpectDecoded(const Reader& reader, absl::string_view message) {
    EXPECT_THAT(reader.reply(), IsOkWith(message));
    EXPECT_EQ(reader.reply().body, Framed(message));
    EXPECT_EQ(reader.reply().initial.Count(kEncoding), 0);
    EXPECT_EQ(reader.reply().initial.Find("x-first"), "1");
    EXPECT_EQ(reader.reply().trailing.Find("x-last"), "2");
  }
  void ExpectAsItCame(const Reader& reader, absl::string_view message) {
    EXPECT_EQ(reader.reply().body, Gzipped(message));
    EXPECT_EQ(reader.reply().initial.Find(kEncoding), "gzip");
  }

  uint64_t Inflated(size_t loop = 0) { return metrics(loop).reply_inflation.inflated.value(); }
  uint64_t RepliesRefused(InflationRefusal why) {
    return metrics().reply_inflation.refusals.of(why);
  }
  uint64_t RequestsRefused(InflationRefusal why) {
    return metrics().request_inflation.refusals.of(why);
  }

  void TearDown() override {
    for (Reader& reader : readers_) reader.Drop();
    ReadPathTest::TearDown();
  }

  std::deque<Reader> readers_;
};

// Which callers share a flight.

TEST_F(EncodingsTest, CallersOfEveryEncodingShareOneUpstreamCallThatGetsTheLeadersBytes) {
  Read(kGzip, Gzipped("id-7"));
  Read(kGzip, Gzipped("id-7", 0));
  Read(kGzip, Framed("id-7"));
  Read(kDeflate, Framed(wire::Deflated(Encoding::kDeflate, "id-7"), true));
  Read({{kEncoding, "identity"}}, Framed("id-7"));
  ReadPlain();
  ASSERT_EQ(upstream_.calls(), 1);
  EXPECT_EQ(upstream_.latest().sent(), Gzipped("id-7"));
  EXPECT_EQ(upstream_.latest().head().request->fields().Find(kEncoding), "gzip");
  Answer("blue kettle");
  for (const Reader& reader : readers_) EXPECT_THAT(reader.reply(), IsOkWith("blue kettle"));
}

TEST_F(EncodingsTest, DifferentMessagesDoNotMeetHoweverTheyAreEncoded) {
  Read(kGzip, Gzipped("id-7"));
  Read(kGzip, Gzipped("id-8"));
  Read(kPlain, Framed("id-9"));
  Read(kPlain, Framed(wire::Deflated(Encoding::kGzip, "id-7")));  // these very bytes, meant so
  EXPECT_EQ(upstream_.live(), 4);
  for (size_t i = 0; i < 4; ++i) AnswerCall(i, "blue kettle");
}

// PITFALLS 22
TEST_F(EncodingsTest, WhatCannotBeInflatedMeetsOnlyItsLike) {
  struct Row {
    Fields metadata;
    std::string frame;
    InflationRefusal why;
  };
  const Row rows[] = {
      {{{kEncoding, "snappy"}}, Framed("??", true), InflationRefusal::kEncoding},
      {{}, Gzipped("id-7"), InflationRefusal::kEncoding},
      {{{kEncoding, "identity"}}, Gzipped("id-7"), InflationRefusal::kEncoding},
      {{{kEncoding, "gzip"}, {kEncoding, "deflate"}}, Gzipped("id-7"), InflationRefusal::kEncoding},
      {kGzip, Framed("??", true), InflationRefusal::kCorrupt},
      {kGzip, Framed("", true), InflationRefusal::kCorrupt},
      {kDeflate, Gzipped("id-7"), InflationRefusal::kCorrupt},
      {kGzip, Gzipped(std::string(100 << 10, 'x')), InflationRefusal::kPastBound}};
  ReadPlain();
  Read(kGzip, Gzipped("id-7"));
  for (size_t i = 0; i < std::size(rows); ++i) {
    const uint64_t before = RequestsRefused(rows[i].why);
    Read(rows[i].metadata, rows[i].frame);
    EXPECT_EQ(upstream_.calls(), i + 2) << "row " << i;
    Read(rows[i].metadata, rows[i].frame);
    EXPECT_EQ(upstream_.calls(), i + 2) << "row " << i;
    EXPECT_EQ(RequestsRefused(rows[i].why), before + 2) << "row " << i;
  }
  for (size_t i = 0; i < upstream_.calls(); ++i) AnswerCall(i, "blue kettle");
}

// Which caller gets what.

// PITFALLS 22
TEST_F(EncodingsTest, WhoDoesNotAcceptTheEncodingGetsTheReplyDecoded) {
  Reader& leader = Read(kGzip, Framed("id-7"));
  Reader& reads_gzip = Read(kGzip, Framed("id-7"));
  Reader& plain = ReadPlain();
  Reader& deflate = Read(kDeflate, Framed("id-7"));
  Reader& elsewhere = ReadPlain(1);
  AnswerGzipped("blue kettle");
  ExpectAsItCame(leader, "blue kettle");
  ExpectAsItCame(reads_gzip, "blue kettle");
  ExpectDecoded(plain, "blue kettle");
  ExpectDecoded(deflate, "blue kettle");
  ExpectDecoded(elsewhere, "blue kettle");
}

// PITFALLS 22
TEST_F(EncodingsTest, TheLeaderGetsTheBytesAsTheyCameWhateverHeAccepts) {
  Reader& leader = ReadPlain();
  AnswerGzipped("blue kettle");
  ExpectAsItCame(leader, "blue kettle");
}

TEST_F(EncodingsTest, AnEncodingIsNotNamedToWhoDoesNotAcceptItWhereNothingIsCompressed) {
  Read(kGzip, Framed("id-7"));
  Reader& plain = ReadPlain();
  AnswerFrame(Framed("blue kettle"), "gzip");
  ExpectDecoded(plain, "blue kettle");
  EXPECT_EQ(Inflated(), 0);
}

TEST_F(EncodingsTest, AReplyWithoutAMessageIsReadByEveryone) {
  Read(kGzip, Framed("id-7"));
  Reader& plain = ReadPlain();
  upstream_.latest().Begin({{kEncoding, "snappy"}});
  upstream_.latest().End({}, StatusCode::kNotFound);
  Settle();
  EXPECT_EQ(plain.reply().status(), StatusCode::kNotFound);
  EXPECT_EQ(plain.reply().initial.Count(kEncoding), 0);
}

TEST_F(EncodingsTest, AThousandFollowersCostOneInflationOnEachLoop) {
  Read(kGzip, Framed("id-7"));
  for (int i = 0; i < 1000; ++i) ReadPlain(i % 2);
  AnswerGzipped(std::string(100 << 10, 'x'));
  for (size_t i = 1; i < readers_.size(); ++i) {
    ASSERT_EQ(readers_[i].reply().body.data(), readers_[2 - i % 2].reply().body.data());
  }
  EXPECT_EQ(Inflated(0), 1);
  EXPECT_EQ(Inflated(1), 1);
}

// PITFALLS 14
TEST_F(EncodingsTest, ALargeDecodedReplyCountsAsHeldOnceAndWhileItIsBeingWritten) {
  Read(kGzip, Framed("id-7"));
  for (int i = 0; i < 3; ++i) ReadPlain();
  AnswerGzipped(std::string(100 << 10, 'x'));
  EXPECT_GE(shared().held_bytes.load(), 100 << 10);
  EXPECT_LE(shared().held_bytes.load(), 150 << 10);
  for (Reader& reader : readers_) reader.Drop();
  EXPECT_EQ(shared().held_bytes.load(), 0);
}

// PITFALLS 14
TEST_F(EncodingsTest, ASmallDecodedReplyCountsToo) {
  Read(kGzip, Framed("id-7"));
  ReadPlain();
  AnswerGzipped(std::string(1000, 'x'));
  EXPECT_GE(shared().held_bytes.load(), 1000);
  for (Reader& reader : readers_) reader.Drop();
  EXPECT_EQ(shared().held_bytes.load(), 0);
}

// PITFALLS 14
TEST_F(EncodingsTest, WhoseDecodedReplyWouldBePastTheBoundIsReleased) {
  max_held_bytes_ = 64 << 10;
  Read(kGzip, Framed("id-7"));
  Reader& plain = ReadPlain();
  AnswerGzipped(std::string(100 << 10, 'x'));
  EXPECT_EQ(plain.released(), Release::kReplyEncoding);
  EXPECT_EQ(RepliesRefused(InflationRefusal::kNoRoom), 1);
}

// PITFALLS 29
TEST_F(EncodingsTest, WhoCanNeitherReadTheReplyNorGetItDecodedIsReleased) {
  struct Row {
    std::string encoding, frame;
    InflationRefusal why;
  };
  const Row rows[] = {{"snappy", Framed("??", true), InflationRefusal::kEncoding},
                      {"gzip", Framed("??", true), InflationRefusal::kCorrupt},
                      {"gzip", Gzipped(std::string(1 << 20, 'x')), InflationRefusal::kPastBound}};
  for (const Row& row : rows) {
    Reader& leader = Read(kGzip, Framed("id-7"));
    Reader* followers[] = {&ReadPlain(), &ReadPlain()};
    AnswerFrame(row.frame, row.encoding);
    EXPECT_EQ(leader.reply().body, row.frame);
    for (Reader* follower : followers) {
      EXPECT_EQ(follower->released(), Release::kReplyEncoding);
      EXPECT_EQ(follower->sends(), Framed("id-7"));
    }
    EXPECT_EQ(RepliesRefused(row.why), 1) << "a refusal is remembered as well";
  }
}

TEST_F(EncodingsTest, WhoAcceptsAnUnknownEncodingGetsTheReplyAsItCame) {
  Read(kGzip, Framed("id-7"));
  Reader& follower = Read({{kAccepts, "snappy"}}, Framed("id-7"));
  AnswerFrame(Framed("??", true), "snappy");
  EXPECT_EQ(follower.reply().body, Framed("??", true));
  EXPECT_EQ(follower.reply().initial.Find(kEncoding), "snappy");
}

// What the released send.

// PITFALLS 22
TEST_F(EncodingsTest, AReleasedCallerSendsNothingThatOnlyTheLeadersEncodingExplains) {
  Read(kGzip, Gzipped("id-7"));
  Reader& like_the_leader = Read(kGzip, Gzipped("id-7", 0));
  Reader& plain = ReadPlain();
  Reader& deflate = Read(kDeflate, Framed(wire::Deflated(Encoding::kDeflate, "id-7"), true), 1);
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("one") + Framed("two"));
  Settle();
  EXPECT_EQ(like_the_leader.sends(), Gzipped("id-7"));
  EXPECT_EQ(plain.sends(), Framed("id-7"));
  EXPECT_EQ(deflate.sends(), Framed("id-7"));
}

// A server that does not know an encoding says UNIMPLEMENTED, which concerns its users only.
TEST_F(EncodingsTest, ARefusalOfTheLeadersEncodingIsNotForThoseWhoUseAnother) {
  Reader& leader = Read(kGzip, Gzipped("id-7"));
  Reader& like_the_leader = Read(kGzip, Gzipped("id-7"));
  Reader& plain = ReadPlain();
  upstream_.latest().TrailersOnly(StatusCode::kUnimplemented, {{kAccepts, "identity"}});
  Settle();
  EXPECT_EQ(leader.reply().status(), StatusCode::kUnimplemented);
  EXPECT_EQ(like_the_leader.reply().status(), StatusCode::kUnimplemented);
  EXPECT_EQ(plain.released(), Release::kReplyEncoding);
  EXPECT_EQ(plain.sends(), Framed("id-7"));
}

TEST_F(EncodingsTest, AMethodThatIsNotThereIsNotThereForAnyone) {
  ReadPlain();
  Reader& follower = Read(kGzip, Gzipped("id-7"));
  upstream_.latest().TrailersOnly(StatusCode::kUnimplemented);
  Settle();
  EXPECT_EQ(follower.reply().status(), StatusCode::kUnimplemented);
}

// What is kept.

class KeptEncodingsTest : public EncodingsTest {
 protected:
  KeptEncodingsTest() { cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false}; }
};

// PITFALLS 22
TEST_F(KeptEncodingsTest, AnEntryIsReadByCallersOfEveryEncoding) {
  Read(kGzip, Gzipped("id-7"));
  AnswerGzipped("blue kettle");
  ExpectAsItCame(Read(kGzip, Framed("id-7")), "blue kettle");
  ExpectDecoded(ReadPlain(), "blue kettle");
  ExpectDecoded(ReadPlain(1), "blue kettle");
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(KeptEncodingsTest, HitsOneAfterTheOtherCostOneInflation) {
  Reader& first = Read(kGzip, Framed("id-7"));
  AnswerGzipped(std::string(100 << 10, 'x'));
  first.Drop();
  for (int i = 0; i < 10; ++i) {
    Reader& hit = ReadPlain();
    EXPECT_THAT(hit.reply(), IsOkWith(std::string(100 << 10, 'x')));
    hit.Drop();
    EXPECT_EQ(shared().held_bytes.load(), 0);
  }
  EXPECT_EQ(Inflated(), 1);
}

TEST_F(KeptEncodingsTest, TwoEntriesAreNotTakenForEachOther) {
  Read(kGzip, Framed("id-7"));
  AnswerGzipped("blue kettle");
  Read(kGzip, Framed("id-8"));
  AnswerGzipped("red kettle");
  for (int i = 0; i < 3; ++i) {
    ExpectDecoded(Read(kPlain, Framed("id-7")), "blue kettle");
    ExpectDecoded(Read(kPlain, Framed("id-8")), "red kettle");
  }
}

TEST_F(KeptEncodingsTest, AnEntryThatTookThePlaceOfAnotherIsNotTakenForIt) {
  for (const char* message : {"blue kettle", "red kettle"}) {
    Read(kGzip, Framed("id-7"));
    AnswerGzipped(message);
    ExpectDecoded(ReadPlain(), message);
    store_.Purge(cache::EverythingScope());
  }
}

TEST_F(KeptEncodingsTest, AHitThatCannotBeReadGoesAlone) {
  Read(kGzip, Framed("id-7"));
  AnswerGzipped("blue kettle", "snappy");
  EXPECT_TRUE(ReadPlain().alone());
  EXPECT_FALSE(Read({{kAccepts, "snappy"}}, Framed("id-7")).alone());
  EXPECT_EQ(RepliesRefused(InflationRefusal::kEncoding), 1);
}

TEST_F(KeptEncodingsTest, WhatVariesWithEncodingsIsKept) {
  Read(kGzip, Framed("id-7"));
  Answer("blue kettle", {{"vary", "Grpc-Accept-Encoding, grpc-encoding"}});
  EXPECT_THAT(ReadPlain().reply(), IsOkWith("blue kettle"));
}

}  // namespace
}  // namespace singleflight::core
