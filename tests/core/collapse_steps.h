// Random steps on flights, with what has to hold after each.

#ifndef SINGLEFLIGHT_TESTS_CORE_COLLAPSE_STEPS_H_
#define SINGLEFLIGHT_TESTS_CORE_COLLAPSE_STEPS_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/core/random_steps.h"

namespace singleflight::core {

struct CollapseCaller {
  TestWaiter* waiter;
  std::string id;
  int asked_at;
  bool left = false;
};

// Calls that collapse, on three loops, whatever callers, loops and upstream do. Replies name the
// call that they answer, so that a reply that was meant for another key, or had landed before the
// caller came, is found out.
class CollapseSteps : public RandomSteps<CollapseCaller> {
 protected:
  void AskAnew() {
    if (callers_.size() > 100) return;
    const std::string id = absl::StrCat("id-", Random(2) * Random(8));  // id-0 is asked for most
    if (Random(8) != 0) ForgetProofs(id);
    callers_.push_back({&AskOn(Random(3), id), id, step_});
    callers_.back().left = goes_alone();
  }

  // Upstream does something to one of its calls that go on.
  void UpstreamActs() {
    FakeCall* const some = SomeCall();
    if (some == nullptr) return;
    FakeCall& call = *some;
    switch (Random(12)) {
      case 0:
        return call.Fail(UpstreamFailure::Kind::kLost);
      case 1:
        return call.Fail(UpstreamFailure::Kind::kNotStarted);
      case 2:
        return call.Fail(UpstreamFailure::Kind::kReset);
      case 3:
        return call.Fail(UpstreamFailure::Kind::kUnreachable);
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

  // Has replies say when their calls were sent, rather than when they came.
  void NoteWhenSent() {
    upstream_.trip_of_new = [this] {
      sent_at_[&upstream_.latest()] = step_;
      return UpstreamTrip();
    };
  }

  // A reply that says whose it is and when it came, or when its call was sent.
  void AnswerInFull(FakeCall& call) {
    if (begun_.contains(&call)) return;
    const auto sent = sent_at_.find(&call);
    const int when = sent == sent_at_.end() ? step_ : sent->second;
    call.Answer(absl::StrCat(call.sent().substr(5), " ", when));
  }

  void Step() override {
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

  // A reply with a message is for the caller's own id, and landed after the caller had come; or its
  // call was sent then.
  void CheckReply(const CollapseCaller& caller) {
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
  void Check() override {
    size_t aboard = 0, takeovers = 0;
    std::vector<CollapseCaller> stay;
    for (CollapseCaller& caller : callers_) {
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
    if (collapse_->gathers()) {
      ASSERT_LE(upstream_.live(), flights_.flights() + takeovers);
    } else {
      ASSERT_EQ(upstream_.live(), flights_.flights() + takeovers);
    }
    ASSERT_GE(shared().flights.load(), static_cast<int64_t>(flights_.flights()));
    ASSERT_GE(shared().held_bytes.load(), 0);
    if (flights_.flights() == 0 &&
        loops_[0].posted() + loops_[1].posted() + loops_[2].posted() == 0) {
      ASSERT_EQ(shared().flights.load(), 0);
      ASSERT_EQ(shared().held_bytes.load(), 0);
    }
  }

  // Everyone hears.
  void Finish() {
    Advance(16'000);
    for (const CollapseCaller& caller : callers_) {
      EXPECT_TRUE(caller.left || caller.waiter->heard() == 1);
    }
  }

  std::set<const FakeCall*> begun_;
  std::map<const FakeCall*, int> sent_at_;
  int took_over_ = 0, released_ = 0, replies_[2] = {};
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_TESTS_CORE_COLLAPSE_STEPS_H_
