// Bounds of flights. Each is refused or worked around in its own way, and named.

#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;

class BoundsTest : public ProxyTest {
 protected:
  void SetUp() override { backend_.Hold(); }
};

// PITFALLS 14
TEST_F(BoundsTest, BeyondMaxWaitersTheNextCallerStartsAnotherFlight) {
  Serve({.collapse = "{flight_timeout: 1m, max_join_age: 1m, max_waiters: 3}"});
  std::vector<PendingCall> herd = StartHerd(7);
  backend_.WaitForHeld(3);
  backend_.Release();
  EXPECT_THAT(WaitAll(herd), Each(IsOkWith("reply to id-7")));
  EXPECT_EQ(backend_.calls(), 3);
  EXPECT_EQ(Metric("singleflight_flights_superseded_total"), 2);
}

// PITFALLS 3
TEST_F(BoundsTest, AnOldFlightTakesNoNewcomersAndServesItsOwn) {
  Serve({.collapse = "{flight_timeout: 1m, max_join_age: 50ms}"});
  std::vector<PendingCall> herd = StartHerd(2);
  const Deadline deadline;
  while (backend_.calls() < 2 && !deadline.passed()) {
    herd.push_back(Start(kRead, "id-7"));
    WaitForWaiters(static_cast<int>(herd.size()));
  }
  backend_.Release();
  EXPECT_THAT(WaitAll(herd), Each(IsOkWith("reply to id-7")));
  EXPECT_THAT(Metric("singleflight_flights_superseded_total"), Ge(1));
}

// PITFALLS 14
TEST_F(BoundsTest, FlightsBeyondMaxFlightsAreRefusedByName) {
  Serve({.upstream = "max_flights: 1"});
  std::vector<PendingCall> first = StartHerd(1, "id-7");
  EXPECT_THAT(Ask(kRead, "id-8"),
              FailedWith(absl::StatusCode::kResourceExhausted,
                         AllOf(HasSubstr("max_flights"), HasSubstr("'backend'"))));
  std::vector<PendingCall> follower = StartHerd(1, "id-7");
  backend_.Release();
  EXPECT_THAT(follower.front().Wait(), IsOkWith("reply to id-7"));
  EXPECT_EQ(Metric("singleflight_resource_exhausted_total"), 1);
}

// PITFALLS 14
TEST_F(BoundsTest, RequestsBeyondMaxHeldBytesAreRefusedByName) {
  Serve({.upstream = "max_held_bytes: 64KiB"});
  EXPECT_THAT(Ask(kRead, std::string(100000, 'x')),
              FailedWith(absl::StatusCode::kResourceExhausted,
                         AllOf(HasSubstr("max_held_bytes"), HasSubstr("'backend'"))));
}

// PITFALLS 14
TEST_F(BoundsTest, RepliesBeyondMaxHeldBytesAreRefusedByName) {
  Serve({.upstream = "max_held_bytes: 64KiB"});
  backend_.AnswerWith(Ok(std::string(100000, 'x')));
  std::vector<PendingCall> herd = StartHerd(3);
  backend_.Release();
  EXPECT_THAT(WaitAll(herd),
              Each(FailedWith(absl::StatusCode::kResourceExhausted, HasSubstr("max_held_bytes"))));
  backend_.AnswerWith(Ok("small"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("small"));
}

// The backend is told the same deadline, and may be the first to say so. PITFALLS 10
TEST_F(BoundsTest, AFlightEndsAtItsTimeout) {
  Serve({.collapse = "{flight_timeout: 1s, max_join_age: 1s}"});
  std::vector<PendingCall> herd = StartHerd(3);
  EXPECT_THAT(WaitAll(herd), Each(HasCode(absl::StatusCode::kDeadlineExceeded)));
  backend_.WaitForCancelled(1);
  EXPECT_EQ(backend_.calls(), 1);
}

}  // namespace
}  // namespace singleflight::testing
