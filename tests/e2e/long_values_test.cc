// Errors whose text is longer than an HTTP/2 library takes, from a backend of gRPC's own.

#include "absl/strings/str_cat.h"
#include "tests/testing/proxy_fixture.h"
#include "tests/testing/raw_calls.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Eq;
using ::testing::HasSubstr;

constexpr char kRelayed[] = "/test.Writes/Put";

// 24 kB, and in `grpc-message` 72 kB.
std::string Accents() {
  std::string text;
  for (int i = 0; i < 12'000; ++i) text += "é";
  return text;
}

class LongValuesTest : public ProxyTest {
 protected:
  void SetUp() override {
    backend_.AnswerWith([](const SeenCall& call) {
      const std::string message = call.messages.empty() ? "" : call.messages.front();
      if (message.size() < 1000) return Ok("reply to " + message);
      return Failed(absl::StatusCode::kInvalidArgument, "no such id: " + message);
    });
  }

  // Calls that are held on the connection which `large` ones use meanwhile.
  void ExpectNobodyElseNotices(const std::string& method) {
    Serve({.top = "threads: 1"});
    backend_.Hold();
    std::vector<PendingCall> honest;
    for (int i = 0; i < 10; ++i) honest.push_back(Start(method, absl::StrCat("id-", i)));
    backend_.WaitForHeld(10);
    backend_.HoldNoMore();
    for (int i = 0; i < 10; ++i) {
      EXPECT_THAT(NewClient().Ask(method, absl::StrCat(i, Accents())),
                  FailedWith(absl::StatusCode::kResourceExhausted,
                             AllOf(HasSubstr("the client takes"), HasSubstr("INVALID_ARGUMENT"))));
    }
    backend_.Release();
    for (int i = 0; i < 10; ++i) {
      EXPECT_THAT(honest[static_cast<size_t>(i)].Wait(), IsOkWith(absl::StrCat("reply to id-", i)));
    }
    EXPECT_EQ(Metric("singleflight_upstream_connects_total"), 1);
    EXPECT_EQ(Metric("singleflight_upstream_calls_resent_total"), 0);
    EXPECT_EQ(backend_.calls(), 20) << "nothing is sent twice";
  }
};

// PITFALLS 50. A client of gRPC's takes 8 KiB of metadata.
TEST_F(LongValuesTest, OneLongErrorHarmsNoOtherRelayedCall) { ExpectNobodyElseNotices(kWrite); }

// PITFALLS 50
TEST_F(LongValuesTest, OneLongErrorHarmsNoOtherFlight) { ExpectNobodyElseNotices(kRead); }

// Servers of gRPC's say how much they take, and its own clients obey.
TEST_F(LongValuesTest, ARequestPastWhatTheBackendTakesIsRefusedByName) {
  Serve();
  for (const char* path : {kRead, kWrite}) {
    EXPECT_THAT(Ask(path, "id-7", {.metadata = {{"x-large", std::string(30'000, 'x')}}}),
                FailedWith(absl::StatusCode::kResourceExhausted,
                           AllOf(HasSubstr("the backend takes"), HasSubstr("'backend'"))));
  }
  EXPECT_EQ(backend_.calls(), 0);
}

TEST_F(LongValuesTest, ALongErrorArrivesAtWhoTakesIt) {
  Serve();
  RawClient client(proxy_->address());
  for (const char* path : {kRead, kRelayed}) {
    const RawSeen seen = client.Call(RawCall(path, Accents()));
    EXPECT_EQ(seen.Value("grpc-status"), "3");
    EXPECT_EQ(seen.Value("grpc-message").size(), 12 + 3 * Accents().size());
  }
}

TEST_F(LongValuesTest, AnErrorPastTheBoundIsToldWithTheBackendsCode) {
  Serve({.upstream = "max_reply_header_bytes: 64KiB"});
  for (const char* path : {kRead, kWrite}) {
    EXPECT_THAT(Ask(path, Accents()),
                FailedWith(absl::StatusCode::kResourceExhausted,
                           AllOf(HasSubstr("max_reply_header_bytes"), HasSubstr("'backend'"),
                                 HasSubstr("INVALID_ARGUMENT"))));
  }
  EXPECT_EQ(
      Metric("singleflight_upstream_replies_refused_total{reason=\"max_reply_header_bytes\"}"), 2);
  EXPECT_EQ(Metric("singleflight_upstream_calls_total{code=\"INVALID_ARGUMENT\"}"), 2);
}

}  // namespace
}  // namespace singleflight::testing
