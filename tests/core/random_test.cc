// Whatever callers, loops and upstream do, and in whatever order.

#include <random>
#include <set>
#include <vector>

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

// Takes random steps and checks after each what must always hold. Replies name the call that they
// answer, so that a reply that was meant for another key, or had landed before the caller came, is
// found out.
class RandomTest : public ReadPathTest {
 protected:
  struct Caller {
    TestWaiter* waiter;
    std::string id;
    int asked_at;
    bool left = false;
  };

  size_t Random(size_t below) { return random_() % below; }

  void AskAnew() {
    if (callers_.size() > 100) return;
    const std::string id = absl::StrCat("id-", Random(2) * Random(8));  // id-0 is asked for most
    callers_.push_back({&AskOn(Random(3), id), id, step_});
  }

  void SomeoneLeaves() {
    if (callers_.empty()) return;
    Caller& caller = callers_[Random(callers_.size())];
    if (caller.left || caller.waiter->heard() > 0) return;
    caller.left = Leave(*caller.waiter);
    ++(caller.left ? left_ : left_too_late_);
  }

  // Upstream does something to one of its calls that go on.
  void UpstreamActs() {
    const std::vector<FakeCall*>& live = upstream_.live_calls();
    if (live.empty()) return;
    FakeCall& call = *live[Random(live.size())];
    switch (Random(12)) {
      case 0:
        return call.Fail(CallFailure::Kind::kLost);
      case 1:
        return call.Fail(CallFailure::Kind::kNotStarted);
      case 2:
        return call.Fail(CallFailure::Kind::kReset);
      case 3:
        return call.Fail(CallFailure::Kind::kUnreachable);
      case 4:
        if (!begun_.contains(&call)) call.TrailersOnly(wire::StatusCode::kNotFound);
        return;
      case 5:
        return Stream(call, Framed("one") + Framed("two"));
      case 6:
        return Stream(call, "");
      case 7:
        return Stream(call, "\x7f");
      case 8:
        return Stream(call, Framed(std::string(5000, 'x')).substr(0, 1 + Random(2000)));
      default:
        AnswerInFull(call);
    }
  }

  // Begins a reply, if it has not begun, and goes on with it; there will be no whole one.
  void Stream(FakeCall& call, absl::string_view bytes) {
    if (begun_.insert(&call).second) call.Begin();
    call.Data(bytes);
  }

  // A reply that says whose it is and when it came.
  void AnswerInFull(FakeCall& call) {
    if (!begun_.contains(&call)) call.Answer(absl::StrCat(call.sent().substr(5), " ", step_));
  }

  void Step() {
    ++step_;
    switch (Random(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        AskAnew();
        break;
      case 5:
      case 6:
        SomeoneLeaves();
        break;
      case 7:
      case 8:
        loops_[Random(3)].RunAll();
        break;
      case 9:
        if (Random(4) == 0) Advance(static_cast<int>(Random(400)));
        break;
      default:
        UpstreamActs();
    }
  }

  void Count(const TestWaiter& waiter) {
    if (waiter.took_over()) ++took_over_;
    if (waiter.released()) ++released_;
    if (waiter.reply()) ++replies_[waiter.role() == Role::kFollower];
  }

  // A reply with a message is for the caller's own id, and landed after the caller had come.
  void CheckReply(const Caller& caller) {
    if (caller.waiter->released()) {
      EXPECT_EQ(caller.waiter->released_with(), Framed(caller.id));
    }
    const model::Reply& reply = caller.waiter->reply();
    if (!reply || MessageOf(reply).empty()) return;
    const std::string message(MessageOf(reply));
    EXPECT_EQ(message.substr(0, message.find(' ')), caller.id);
    EXPECT_GE(std::stoi(message.substr(message.find(' '))), caller.asked_at);
  }

  // Lets callers that are through go, and checks what must hold between the rest.
  void Check() {
    size_t aboard = 0, takeovers = 0;
    std::vector<Caller> stay;
    for (Caller& caller : callers_) {
      TestWaiter& waiter = *caller.waiter;
      ASSERT_LE(waiter.heard() + (caller.left ? 1 : 0), 1);
      aboard += waiter.aboard() ? 1 : 0;
      ASSERT_FALSE(waiter.aboard() && (caller.left || waiter.heard() > 0));
      if (waiter.heard() > 0) CheckReply(caller);
      if (waiter.took_over() && !waiter.tail_ended() && Random(8) != 0) {
        ++takeovers;
        stay.push_back(caller);
        continue;
      }
      Count(waiter);
      waiter.Drop();
      if (!caller.left && waiter.heard() == 0) stay.push_back(caller);
    }
    callers_ = std::move(stay);
    ASSERT_EQ(flights_.waiting(), aboard);
    ASSERT_EQ(upstream_.live(), flights_.flights() + takeovers);
    ASSERT_GE(shared().flights.load(), static_cast<int64_t>(flights_.flights()));
    ASSERT_GE(shared().held_bytes.load(), 0);
    if (flights_.flights() == 0 &&
        loops_[0].posted() + loops_[1].posted() + loops_[2].posted() == 0) {
      ASSERT_EQ(shared().flights.load(), 0);
      ASSERT_EQ(shared().held_bytes.load(), 0);
    }
  }

  // Everyone hears; and everything has happened often, or the test shows less than it says.
  void Finish() {
    Advance(16'000);
    for (const Caller& caller : callers_) EXPECT_TRUE(caller.left || caller.waiter->heard() == 1);
    for (int often : {left_, left_too_late_, took_over_, released_, replies_[0], replies_[1]}) {
      EXPECT_GT(often, 100);
    }
    EXPECT_GT(metrics().superseded.value(), 100);
    EXPECT_GT(upstream_metrics().resent.value(), 100);
  }

  std::mt19937_64 random_;
  int step_ = 0;
  std::vector<Caller> callers_;
  std::set<const FakeCall*> begun_;
  int left_ = 0, left_too_late_ = 0, took_over_ = 0, released_ = 0, replies_[2] = {};
};

TEST_F(RandomTest, EveryCallerHearsExactlyOneThingAndNothingIsLeft) {
  collapse_->max_waiters = 4;
  collapse_->max_reply_bytes = 1000;
  random_.seed(7);
  for (int i = 0; i < 100'000; ++i) {
    Step();
    Check();
    if (HasFatalFailure()) FAIL() << "at step " << step_;
  }
  Finish();
}

TEST_F(RandomTest, TheSameHoldsWhenAbandonedFlightsFinish) {
  collapse_->on_abandon = OnAbandon::kComplete;
  collapse_->max_join_age = absl::Milliseconds(200);
  max_flights_ = 6;
  max_held_bytes_ = 8000;
  random_.seed(8);
  for (int i = 0; i < 100'000; ++i) {
    Step();
    Check();
    if (HasFatalFailure()) FAIL() << "at step " << step_;
  }
  Finish();
}

}  // namespace
}  // namespace singleflight::core
