// Writes of a route with `invalidates`: which groups they drop, when, and when not.

#include <deque>

#include "tests/proxy/call_fixture.h"
#include "tests/wire/fields.h"

namespace singleflight::proxy::testing {
namespace {

using core::WideInvalidation;
using Kind = core::UpstreamFailure::Kind;

constexpr char kRead[] = "/shop.Items/Get";
constexpr char kUpdate[] = "/shop.Items/Update";
constexpr size_t kWrites = 3;  // the route, by index

std::string Item(uint64_t id) { return wire::Number(1, id); }
std::string Change(uint64_t id) { return wire::Text(2, Item(id)) + wire::Text(3, "green"); }

class WriteTest : public CallTest {
 protected:
  void SetUp() override {
    CallTest::SetUp();
    core::RouteOptions reads;
    reads.match.method = kRead;
    reads.collapse = core::CollapseOptions();
    reads.cache = cache::FreshnessRules{absl::Hours(1), absl::nullopt, false};
    reads.tags = {*model::ParseFieldTemplate("item:{1}").parsed};
    routes_.Add(reads, 0, shared_, model::KeyPolicy(reads.key, "items", 7, fingerprints_));
    core::RouteOptions writes;
    writes.match.method = kUpdate;
    writes.invalidates = {*model::ParseFieldTemplate("item:{2.1}").parsed};
    writes.retry = retry_;
    routes_.Add(writes, 0, shared_, model::KeyPolicy(writes.key, "items", 7, fingerprints_));
    upstream_.trip_of_new = [this] { return trip_; };
  }

  // What is read then, from what is kept or, if it is not, of that value.
  std::string Read(uint64_t id, const std::string& value) {
    const size_t before = upstream_.calls();
    auto reader = Ask(kRead, Item(id));
    if (upstream_.calls() > before) Upstream([&](FakeCall& call) { call.Answer(value); });
    return reader->body.substr(5);
  }

  void Keep() {
    Read(7, "blue");
    Read(8, "red");
  }
  uint64_t Wide(WideInvalidation why) {
    return metrics_.routes[kWrites]->wide_invalidations.of(why);
  }

  // The call of the writer, whose upstream call is the latest now.
  std::shared_ptr<Ear> Write(uint64_t id = 7, const Fields& more = {}) {
    auto writer = Ask(kUpdate, Change(id), more);
    write_ = &upstream_.latest();
    return writer;
  }
  template <typename What>
  void Backend(const What& what) {
    what(*write_);
    Settle();
  }

  absl::optional<core::RetryOptions> retry_;
  core::UpstreamTrip trip_ = [] {
    core::UpstreamTrip sent;
    sent.sent = base::Instant(std::chrono::hours(1));
    return sent;
  }();
  FakeCall* write_ = nullptr;
};

TEST_F(WriteTest, AWriterReadsWhatItWroteAndOthersKeepWhatTheyHad) {
  Keep();
  auto writer = Write();
  EXPECT_EQ(write_->sent(), Framed(Change(7)));
  EXPECT_EQ(Read(7, "too late"), "blue") << "nothing is dropped before there is a reply";
  Backend([](FakeCall& call) { call.Answer("done"); });
  EXPECT_THAT(writer, IsOkWith(Framed("done")));
  EXPECT_EQ(Read(7, "green"), "green");
  EXPECT_EQ(Read(8, "too late"), "red");
  EXPECT_EQ(metrics_.routes[kWrites]->invalidations.value(), 1u);
}

// The first pieces of a reply may come before the work is done.
TEST_F(WriteTest, WhatWasReadMeanwhileIsDroppedBeforeEachPieceOfTheReply) {
  Keep();
  auto writer = Write();
  writer->on_headers = [&] { EXPECT_FALSE(store_.TakeCensus().entries == 2) << "dropped before"; };
  Backend([](FakeCall& call) { call.Begin(); });
  EXPECT_EQ(Read(7, "still blue"), "still blue");
  EXPECT_EQ(Read(7, "too late"), "still blue");
  Backend([](FakeCall& call) { call.Data(Framed("done")); });
  EXPECT_EQ(writer->body, Framed("done"));
  EXPECT_EQ(Read(7, "nearly green"), "nearly green");
  Backend([](FakeCall& call) { call.End(); });
  EXPECT_EQ(Read(7, "green"), "green");
  EXPECT_EQ(Read(7, "too late"), "green");
  EXPECT_EQ(metrics_.routes[kWrites]->invalidations.value(), 1u) << "counted once";
}

// PITFALLS 32
TEST_F(WriteTest, AReaderAfterItJoinsNoFlightFromBefore) {
  auto early = Ask(kRead, Item(7));
  FakeCall& old = upstream_.latest();
  Write();
  Backend([](FakeCall& call) { call.Answer("done"); });
  EXPECT_EQ(Read(7, "green"), "green");
  old.Answer("blue");
  Settle();
  EXPECT_THAT(early, IsOkWith(Framed("blue")));
  EXPECT_EQ(Read(7, "too late"), "green");
}

TEST_F(WriteTest, AnErrorOfTheBackendDropsToo) {
  Keep();
  auto writer = Write();
  Backend([](FakeCall& call) { call.TrailersOnly(wire::StatusCode::kInternal); });
  EXPECT_EQ(StatusOf(*writer), "13");
  EXPECT_EQ(Read(7, "half green"), "half green");
}

TEST_F(WriteTest, AWriteWhoseOutcomeIsUnknownDrops) {
  for (const Kind kind : {Kind::kLost, Kind::kReset, Kind::kRefused}) {
    Keep();
    auto writer = Write();
    Backend([&](FakeCall& call) { call.Fail(kind); });
    EXPECT_TRUE(writer->ended || writer->closed.has_value());
    EXPECT_EQ(Read(7, "green"), "green") << static_cast<int>(kind);
    store_.Purge(cache::EverythingScope());
  }
}

TEST_F(WriteTest, AWriteWhoseCallerLeavesOrWhoseDeadlinePassesDrops) {
  Keep();
  Reset(*Write());
  EXPECT_TRUE(write_->cancelled());
  EXPECT_EQ(Read(7, "green"), "green");
  auto late = Write(7, {{"grpc-timeout", "10m"}});
  late->on_headers = [&] {
    EXPECT_EQ(store_.TakeCensus().entries, 1u) << "dropped before its caller is told";
  };
  Advance(10);
  EXPECT_EQ(StatusOf(*late), "4");
  EXPECT_EQ(Read(7, "red"), "red");
}

TEST_F(WriteTest, AWriteThatCertainlyDidNotBeginDropsNothing) {
  Keep();
  auto refused = Write();
  Backend([](FakeCall& call) { call.Fail(Kind::kNotStarted); });
  EXPECT_EQ(StatusOf(*refused), "14");
  EXPECT_EQ(Read(7, "too late"), "blue");
  trip_ = {};
  for (const Kind kind : {Kind::kUnreachable, Kind::kNoRoom, Kind::kCallersOwn}) {
    auto unsent = Write();
    Backend([&](FakeCall& call) { call.Fail(kind); });
    EXPECT_TRUE(unsent->ended);
    EXPECT_EQ(Read(7, "too late"), "blue") << static_cast<int>(kind);
  }
  Reset(*Write());
  EXPECT_EQ(Read(7, "too late"), "blue") << "it had not been sent when its caller left";
}

class RetriedWriteTest : public WriteTest {
 protected:
  RetriedWriteTest() { retry_ = core::RetryOptions(); }
};

TEST_F(RetriedWriteTest, AnEarlierAttemptMayHaveDoneWhatTheLastOneDidNotBegin) {
  Keep();
  auto writer = Write();
  Backend([](FakeCall& call) { call.Fail(Kind::kLost); });
  const size_t first = upstream_.calls();
  trip_ = {};
  Advance(50);
  ASSERT_EQ(upstream_.calls(), first + 1) << "it is sent again";
  EXPECT_EQ(Read(7, "too late"), "blue") << "nobody has been told of anything";
  upstream_.call(first).Fail(Kind::kUnreachable);
  Settle();
  EXPECT_EQ(StatusOf(*writer), "14");
  EXPECT_EQ(Read(7, "green"), "green");
}

TEST_F(WriteTest, AMessageInPiecesIsReadAsItPasses) {
  Keep();
  auto writer = Open(kUpdate);
  write_ = &upstream_.latest();
  const std::string frame = Framed(Change(7));
  for (const char byte : frame) Send(*writer, std::string(1, byte));
  EXPECT_EQ(write_->sent(), frame) << "nothing is held back";
  Backend([](FakeCall& call) { call.Take(Framed(Change(7)).size()); });
  Finish(*writer);
  Backend([](FakeCall& call) { call.Answer("done"); });
  EXPECT_EQ(Read(7, "green"), "green");
  EXPECT_EQ(Read(8, "too late"), "red");
}

TEST_F(WriteTest, AStreamOfMessagesDropsEveryGroup) {
  Keep();
  auto writer = Open(kUpdate);
  write_ = &upstream_.latest();
  Send(*writer, Framed(Change(9)));
  Send(*writer, Framed(Change(7)));
  Send(*writer, Framed(Change(7)));
  Backend([](FakeCall& call) { call.Begin(); });
  EXPECT_EQ(Read(7, "green"), "green");
  EXPECT_EQ(Read(8, "pink"), "pink");
  EXPECT_EQ(Wide(WideInvalidation::kSecondMessage), 1u);
  Finish(*writer);
  Backend([](FakeCall& call) { call.End(); });
  EXPECT_EQ(Read(7, "greener"), "greener");
}

TEST_F(WriteTest, AnAnswerBeforeTheMessageDropsEveryGroup) {
  Keep();
  auto writer = Open(kUpdate);
  write_ = &upstream_.latest();
  Send(*writer, Framed(Change(9)).substr(0, 6));
  Backend([](FakeCall& call) { call.TrailersOnly(wire::StatusCode::kInternal); });
  EXPECT_EQ(Read(7, "green"), "green");
  EXPECT_EQ(Read(8, "pink"), "pink");
  EXPECT_EQ(Wide(WideInvalidation::kNoMessage), 1u);
}

TEST_F(WriteTest, WhatIsNoMessageDropsEveryGroup) {
  Keep();
  auto writer = Open(kUpdate);
  write_ = &upstream_.latest();
  Send(*writer, "\x07");
  Reset(*writer);
  EXPECT_EQ(Read(8, "pink"), "pink");
  EXPECT_EQ(Wide(WideInvalidation::kNoMessage), 1u);
}

TEST_F(WriteTest, AMessageThatIsTooLargeToLookAtDropsEveryGroup) {
  Keep();
  auto writer = Open(kUpdate);
  write_ = &upstream_.latest();
  const std::string frame = Framed(Change(9) + wire::Text(4, std::string(4 << 20, 'x')));
  size_t at = 0;
  while (at < frame.size()) {
    const std::string piece = frame.substr(at, 32 << 10);
    at += piece.size();
    Send(*writer, piece);
    Backend([&](FakeCall& call) { call.Take(piece.size()); });
  }
  Finish(*writer);
  EXPECT_EQ(write_->sent().size(), frame.size()) << "it is relayed all the same";
  Backend([](FakeCall& call) { call.Answer("done"); });
  EXPECT_EQ(Read(8, "pink"), "pink");
  EXPECT_EQ(Wide(WideInvalidation::kRequestTooLarge), 1u);
}

// Else what writes are looked at would take what other calls need.
TEST_F(WriteTest, AMessageThatThereIsNoRoomForDropsEveryGroupAndIsNotKept) {
  Keep();
  auto writer = Open(kUpdate);
  write_ = &upstream_.latest();
  const std::string frame = Framed(Change(9) + wire::Text(4, std::string(4000, 'x')));
  budget_.Add(2 * budget_.max());
  Send(*writer, frame.substr(0, 2000));
  Backend([](FakeCall& call) { call.Take(2000); });
  EXPECT_EQ(Wide(WideInvalidation::kNoRoom), 1u);
  budget_.Add(-2 * budget_.max());
  Send(*writer, frame.substr(2000));
  Finish(*writer);
  EXPECT_EQ(write_->sent(), frame) << "it is relayed all the same";
  Backend([](FakeCall& call) { call.Answer("done"); });
  EXPECT_EQ(Read(8, "pink"), "pink");
}

TEST_F(WriteTest, WhatCannotBeReadDropsEveryGroup) {
  Keep();
  auto writer = Ask(kUpdate, "\xff");
  write_ = &upstream_.latest();
  Backend([](FakeCall& call) { call.Answer("done"); });
  EXPECT_THAT(writer, IsOkWith(Framed("done")));
  EXPECT_EQ(Read(7, "green"), "green");
  EXPECT_EQ(Read(8, "pink"), "pink");
  EXPECT_EQ(Wide(WideInvalidation::kUnreadable), 1u);
}

TEST_F(WriteTest, WritesAndReadsInTurnNeverShowAnOlderValue) {
  for (int i = 0; i < 1000; ++i) {
    const std::string value = std::to_string(i);
    Write();
    Backend([](FakeCall& call) { call.Answer("done"); });
    ASSERT_EQ(Read(7, value), value);
    ASSERT_EQ(Read(7, "too late"), value);
  }
}

}  // namespace
}  // namespace singleflight::proxy::testing
