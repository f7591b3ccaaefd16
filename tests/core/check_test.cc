// Followers and hits that are sent upstream all the same, and what comes of it.

#include "server/core/check.h"

#include "absl/strings/str_cat.h"
#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string ValueOf(const model::Request& request, absl::string_view name) {
  return std::string(request.fields().Find(name).value_or(""));
}

// A route whose key leaves x-lang out; each follower and hit is checked while there is room.
class CheckTest : public ReadPathTest {
 protected:
  CheckTest() {
    rules_.names = {"x-lang"};
    verify_ = 1;
  }

  using Backend = std::function<std::string(const model::Request&)>;

  // What `backend` says to every call, until there is none.
  void ServeAll(const Backend& backend) {
    for (Settle(); upstream_.live() > 0; Settle()) {
      FakeCall& call = *upstream_.live_calls().front();
      call.Answer(backend(*call.head().request));
    }
  }
  static std::string ByLanguage(const model::Request& request) {
    return "kettle in " + ValueOf(request, "x-lang");
  }
  static std::string Alike(const model::Request&) { return "kettle"; }

  TestWaiter& AskAs(uint64_t client, const std::string& id, const std::string& lang,
                    size_t loop = 0) {
    client_ = std::make_shared<memory::Client>(client);
    return AskOn(loop, id, {{"x-lang", lang}});
  }

  // A caller leads, another follows, each in its language.
  void LeadAndFollow(uint64_t leader, uint64_t follower, const Backend& backend = ByLanguage) {
    const std::string id = absl::StrCat("id-", ++asked_);
    AskAs(leader, id, "de");
    AskAs(follower, id, "en");
    ServeAll(backend);
  }

  uint64_t Outcomes(Comparison outcome, SharedBy by = SharedBy::kFollower) {
    uint64_t sum = 0;
    for (size_t i = 0; i < 3; ++i) {
      sum += metrics(i).comparisons[static_cast<size_t>(by)].of(outcome);
    }
    return sum;
  }
  uint64_t Hits(Comparison outcome) { return Outcomes(outcome, SharedBy::kHit); }
  Verification& verification() { return *route().verification; }

  int asked_ = 0;
};

TEST_F(CheckTest, AFollowerHasItsReplyBeforeItsOwnCallIsSent) {
  AskAs(1, "id-7", "de");
  const TestWaiter& follower = AskAs(2, "id-7", "en");
  upstream_.latest().Answer("kettle");
  EXPECT_THAT(follower.reply(), IsOkWith("kettle"));
  EXPECT_EQ(upstream_.calls(), 1);
  Settle();
  ASSERT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(ValueOf(*upstream_.latest().head().request, "x-lang"), "en");
  EXPECT_EQ(upstream_.latest().sent(), Framed("id-7"));
  EXPECT_EQ(upstream_.latest().head().wanted, 0);
  EXPECT_EQ(upstream_.latest().head().client, nullptr);
  ServeAll(Alike);
  EXPECT_EQ(Outcomes(Comparison::kSame), 1);
  EXPECT_EQ(upstream_.calls(), 2);
}

TEST_F(CheckTest, AHitIsCheckedLikewise) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  AskAs(1, "id-7", "de");
  ServeAll(Alike);
  const TestWaiter& hit = AskAs(2, "id-7", "en");
  EXPECT_THAT(hit.reply(), IsOkWith("kettle"));
  EXPECT_EQ(upstream_.calls(), 1);
  ServeAll(Alike);
  EXPECT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(Hits(Comparison::kSame), 1);
}

TEST_F(CheckTest, WithoutVerifyNothingIsSent) {
  verify_.reset();
  LeadAndFollow(1, 2);
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(CheckTest, AReplyThatDependsOnWhatTheKeyIgnoresIsFound) {
  LeadAndFollow(1, 2);
  EXPECT_EQ(Outcomes(Comparison::kDiffers), 1);
  EXPECT_EQ(upstream_.calls(), 9);
  EXPECT_THAT(verification().latest(), HasSubstr("message; the requests differ in x-lang"));
  LeadAndFollow(1, 2);
  EXPECT_EQ(verification().sharing(), Sharing::kSomeApart);
}

TEST_F(CheckTest, CallsOfClientsThatAreApartGoAloneAndOthersShare) {
  for (int i = 0; i < 2; ++i) LeadAndFollow(1, 2);
  AskAs(1, "id-7", "de");
  EXPECT_EQ(served_, Served::kDiffered);
  AskAs(3, "id-7", "de");
  EXPECT_EQ(served_, Served::kLeads);
  AskAs(4, "id-7", "de");
  EXPECT_EQ(served_, Served::kFollows);
  ServeAll(ByLanguage);
}

TEST_F(CheckTest, WhenTwoOthersDifferNothingIsSharedUntilToldAgain) {
  for (int i = 0; i < 2; ++i) LeadAndFollow(1, 2);
  for (int i = 0; i < 2; ++i) LeadAndFollow(3, 4);
  AskAs(5, "id-7", "de");
  EXPECT_EQ(served_, Served::kDiffered);
  EXPECT_TRUE(verification().ShareAgain(loops_[0].Now()));
  AskAs(5, "id-7", "de");
  EXPECT_EQ(served_, Served::kLeads);
  ServeAll(ByLanguage);
}

TEST_F(CheckTest, AHitOfAnotherLanguageIsFoundByTheLeadersRequest) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  for (const char* id : {"id-7", "id-8"}) {
    AskAs(1, id, "de");
    ServeAll(ByLanguage);
    AskAs(2, id, "en");
    ServeAll(ByLanguage);
  }
  EXPECT_EQ(Hits(Comparison::kDiffers), 2);
  EXPECT_EQ(verification().sharing(), Sharing::kSomeApart);
}

TEST_F(CheckTest, WhatAClientThatIsApartHadKeptIsNotServedToOthers) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  for (const char* id : {"id-7", "id-8"}) {
    AskAs(1, id, "de");
    ServeAll(ByLanguage);
    AskAs(2, id, "en");
    ServeAll(ByLanguage);
    Advance(1);
  }
  AskAs(3, "id-7", "en");
  EXPECT_EQ(served_, Served::kLeads);
  ServeAll(ByLanguage);
  EXPECT_THAT(AskAs(4, "id-7", "en").reply(), IsOkWith("kettle in en"));
  ServeAll(ByLanguage);
}

// Nor when upstream fails.
TEST_F(CheckTest, WhatAClientThatIsApartHadKeptIsNotServedInPlaceOfAFailure) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  cache_->stale_if_error = absl::Seconds(20);
  for (const char* id : {"id-7", "id-8"}) {
    AskAs(1, id, "de");
    ServeAll(ByLanguage);
    AskAs(2, id, "en");
    ServeAll(ByLanguage);
    Advance(1);
  }
  ASSERT_EQ(verification().sharing(), Sharing::kSomeApart);
  const TestWaiter& other = AskAs(3, "id-7", "en");
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable, {});
  Settle();
  EXPECT_FALSE(other.answer().was_kept());
}

// It is the one whose request went upstream, so it is apart when that is what differs.
TEST_F(CheckTest, WhoCausesARefreshIsTheLeaderOfItsReply) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  cache_->stale_while_revalidate = absl::Seconds(20);
  AskAs(1, "id-7", "de");
  ServeAll(Alike);
  EXPECT_EQ(verification().LeaderOf(KeyFor("id-7").hash)->client, 1);
  Advance(7000);
  AskAs(2, "id-7", "en");
  ServeAll(Alike);
  EXPECT_EQ(verification().LeaderOf(KeyFor("id-7").hash)->client, 2);
}

TEST_F(CheckTest, DataThatHasChangedIsNoFaultOfTheKey) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  for (int i = 0; i < 30; ++i) {
    const std::string id = absl::StrCat("id-", i);
    AskAs(1, id, "de");
    ServeAll([](const model::Request&) { return "old"; });
    AskAs(2, id, "en");
    ServeAll([](const model::Request&) { return "new"; });
  }
  EXPECT_EQ(Hits(Comparison::kChanged), 30);
  EXPECT_EQ(verification().sharing(), Sharing::kAll);
  EXPECT_THAT(verification().latest(), IsEmpty());
}

TEST_F(CheckTest, RepliesThatDifferFromCallToCallAreNoFaultOfTheKey) {
  int served = 0;
  for (int i = 0; i < 30; ++i) {
    LeadAndFollow(1, 2, [&](const model::Request&) { return absl::StrCat("number ", ++served); });
  }
  EXPECT_EQ(Outcomes(Comparison::kUnsteady), 30);
  EXPECT_EQ(verification().sharing(), Sharing::kAll);
}

// Round robin over two, three or four endpoints that say who they are; nobody else calls.
TEST_F(CheckTest, EndpointsThatTakeTurnsAreNoFaultOfTheKey) {
  for (int endpoints = 2; endpoints <= 4; ++endpoints) {
    int served = 0;
    for (int i = 0; i < 20; ++i) {
      LeadAndFollow(1, 2, [&](const model::Request&) {
        return absl::StrCat("served by ", served++ % endpoints);
      });
    }
  }
  EXPECT_EQ(verification().sharing(), Sharing::kAll);
}

TEST_F(CheckTest, WithoutTheLeadersRequestADifferenceStaysUnexplained) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  const std::string large(Verification::kLargestLeader, 'x');
  AskAs(1, large, "de");
  ServeAll(ByLanguage);
  AskAs(2, large, "en");
  ServeAll(ByLanguage);
  EXPECT_EQ(Hits(Comparison::kUnexplained), 1);
  EXPECT_EQ(upstream_.calls(), 2);
}

TEST_F(CheckTest, WhatIsVolatileIsNotCompared) {
  volatiles_.metadata = {"x-served-by"};
  AskAs(1, "id-7", "de");
  AskAs(2, "id-7", "en");
  Answer("kettle", {{"x-served-by", "a"}});
  Answer("kettle", {{"x-served-by", "b"}});
  EXPECT_EQ(Outcomes(Comparison::kSame), 1);
}

TEST_F(CheckTest, AHungBackendHoldsUpNobodyAndTheCheckEndsAtFlightTimeout) {
  LeadAndFollow(1, 2, Alike);
  AskAs(1, "id-7", "de");
  AskAs(2, "id-7", "en");
  Answer("kettle");
  EXPECT_EQ(upstream_.live(), 1);
  AskAs(3, "id-8", "de");
  EXPECT_EQ(served_, Served::kLeads);
  Answer("kettle");
  EXPECT_THAT(waiters_.back().reply(), IsOkWith("kettle"));
  Advance(14'999);
  EXPECT_EQ(upstream_.live(), 1);
  Advance(1);
  EXPECT_EQ(upstream_.live(), 0);
  EXPECT_EQ(Outcomes(Comparison::kFailed), 1);
}

TEST_F(CheckTest, SoManyAreUnderWayAtATimeAndTheRestGoUnchecked) {
  AskAs(1, "id-7", "de");
  for (int i = 0; i < 20; ++i) AskAs(2, "id-7", "en", static_cast<size_t>(i % 3));
  Answer("kettle");
  EXPECT_EQ(upstream_.live(), Check::kMostAtOnce);
  ServeAll(Alike);
  EXPECT_EQ(Outcomes(Comparison::kSame), Check::kMostAtOnce);
}

TEST_F(CheckTest, WhatTheLotFallsOnWithoutRoomIsCounted) {
  std::minstd_rand random(7);
  random_ = &random;
  verify_ = 1'000'000;
  AskAs(1, "id-7", "de");
  for (int i = 0; i < 20; ++i) AskAs(2, "id-7", "en");
  ServeAll(Alike);
  EXPECT_EQ(metrics().check_refusals.of(CheckRefusal::kInTheAir), 20 - Check::kMostAtOnce);
}

TEST_F(CheckTest, AFollowerThatLeavesIsNotChecked) {
  AskAs(1, "id-7", "de");
  TestWaiter& follower = AskAs(2, "id-7", "en");
  EXPECT_EQ(shared().checks.load(), 1);
  Leave(follower);
  EXPECT_EQ(shared().checks.load(), 0);
  ServeAll(Alike);
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(CheckTest, AFollowerThatIsReleasedIsNotChecked) {
  AskAs(1, "id-7", "de");
  const TestWaiter& follower = AskAs(2, "id-7", "en", 1);
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("one") + Framed("two"));
  Settle();
  EXPECT_TRUE(follower.released());
  EXPECT_EQ(shared().checks.load(), 0);
  upstream_.latest().End();
}

TEST_F(CheckTest, WhatThisProgramSaysIsNotChecked) {
  AskAs(1, "id-7", "de");
  AskAs(2, "id-7", "en");
  upstream_.latest().Fail(UpstreamFailure::Kind::kUnreachable);
  Settle();
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(CheckTest, ABackendInTroubleTellsNothing) {
  for (int i = 0; i < 10; ++i) {
    AskAs(1, "id-7", "de");
    AskAs(2, "id-7", "en");
    Answer("kettle");
    upstream_.latest().TrailersOnly(i % 2 == 0 ? wire::StatusCode::kUnavailable
                                               : wire::StatusCode::kResourceExhausted);
  }
  EXPECT_EQ(Outcomes(Comparison::kFailed), 10);
  EXPECT_EQ(verification().sharing(), Sharing::kAll);
}

TEST_F(CheckTest, AnErrorThatIsAnAnswerDiffers) {
  for (int i = 0; i < 2; ++i) {
    AskAs(1, "id-7", "de");
    AskAs(2, "id-7", "en");
    Settle();
    while (upstream_.live() > 0) {
      FakeCall& call = *upstream_.live_calls().front();
      if (ValueOf(*call.head().request, "x-lang") == "de") {
        call.Answer("kettle");
      } else {
        call.TrailersOnly(wire::StatusCode::kPermissionDenied);
      }
      Settle();
    }
  }
  EXPECT_EQ(verification().sharing(), Sharing::kSomeApart);
  EXPECT_THAT(verification().latest(), HasSubstr("status"));
}

TEST_F(CheckTest, AReplyTooLargeToShareEndsTheCheck) {
  collapse_->max_reply_bytes = 20;
  AskAs(1, "id-7", "de");
  AskAs(2, "id-7", "en");
  Answer("kettle");
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed(std::string(30, 'x')));
  EXPECT_EQ(Outcomes(Comparison::kFailed), 1);
}

TEST_F(CheckTest, ChecksRunOnTheLoopOfTheirCaller) {
  AskAs(1, "id-7", "de", 0);
  AskAs(2, "id-7", "en", 1);
  AskAs(2, "id-7", "en", 2);
  ServeAll(ByLanguage);
  EXPECT_EQ(metrics(1).comparisons[1].of(Comparison::kDiffers), 1);
  EXPECT_EQ(metrics(2).comparisons[1].of(Comparison::kDiffers), 1);
}

// The caller's own message goes upstream, with what its key leaves out of it.
TEST_F(CheckTest, FieldsThatTheKeyIgnoresGoUpstreamAsTheFollowerSaidThem) {
  rules_.ignored_fields = {{1}};
  const auto with_id = [](char id) { return std::string{'\x08', id, '\x10', '\x07'}; };
  AskAs(1, with_id(1), "de");
  AskAs(2, with_id(2), "de");
  EXPECT_EQ(served_, Served::kFollows);
  Answer("kettle");
  EXPECT_EQ(upstream_.latest().sent(), Framed(with_id(2)));
  ServeAll(Alike);
}

}  // namespace
}  // namespace singleflight::core
