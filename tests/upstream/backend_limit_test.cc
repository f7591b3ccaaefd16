// Trailers of a request that are more than its backend says to take: that call ends, others go on.

#include <gmock/gmock.h>

#include "tests/upstream/pool_fixture.h"

namespace singleflight::upstream::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class BackendLimitTest : public PoolTest {
 protected:
  void SetUp() override {
    http2::SessionOptions options;
    options.max_header_list_bytes = 1000;
    server_ = &Serve(options);
    MakePool({server_->endpoint()});
  }

  static void FinishWithMuch(Caller& caller) {
    caller.call->Finish(Trailing({{"x-large", std::string(1000, 'n')}}));
  }

  void ExpectRefused(const Caller& caller) {
    ASSERT_TRUE(caller.failure.has_value());
    EXPECT_EQ(caller.failure->status, wire::StatusCode::kResourceExhausted);
    EXPECT_THAT(caller.failure->message,
                AllOf(HasSubstr("'catalog'"), HasSubstr("trailers of the request"),
                      HasSubstr("the backend takes (1000 bytes)")));
    EXPECT_EQ(Unanswered(core::Unanswered::kBound), 1u);
  }

  ScriptedServer* server_ = nullptr;
};

TEST_F(BackendLimitTest, TrailersThatTheBackendDoesNotTakeEndTheirCallAlone) {
  Caller& honest = Ask("honest");
  Until([&] { return server_->calls() == 1; });
  Caller& large = Ask("");
  Until([&] { return server_->calls() == 2; });
  Ear& seen = server_->call(1);
  Run([&] {
    seen.stream->SendHeaders(Block(ReplyFields()), false);
    FinishWithMuch(large);
  });
  Until([&] { return seen.closed.has_value() || !seen.refused.empty(); });
  EXPECT_EQ(seen.refused, "") << "it was not sent";
  EXPECT_TRUE(seen.EndedAs(http2::Closed::Why::kReset));
  ExpectRefused(large);
  Run([&] { Echo(server_->call(0)); });
  Await(honest);
  EXPECT_EQ(honest.body, "honest");
  EXPECT_EQ(server_->accepted(), 1);
}

TEST_F(BackendLimitTest, ACallThatHasEndedBeforeThereIsAConnectionIsNotSentAtAll) {
  Run([&] {
    Begin("", 3);
    FinishWithMuch(*callers_.back());
  });
  Caller& large = *callers_.back();
  Until([&] { return large.Over() || server_->calls() > 0; });
  ExpectRefused(large);
  EXPECT_EQ(server_->calls(), 0u);
}

TEST_F(BackendLimitTest, WhoLeavesJustThenHearsNothing) {
  Run([&] { Begin("", 3); });
  Until([&] { return server_->calls() == 1; });
  Run([&] {
    FinishWithMuch(*callers_.back());
    callers_.back()->call.reset();
  });
  Until([&] { return server_->call(0).closed.has_value(); });
  EXPECT_FALSE(callers_.back()->Over());
}

}  // namespace
}  // namespace singleflight::upstream::testing
