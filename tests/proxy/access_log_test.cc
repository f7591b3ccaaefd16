// Which calls are written, and when their lines go to the writer.

#include "server/proxy/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_split.h"
#include "tests/core/fakes.h"

namespace singleflight::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

// What has been put, as it was put.
class Taken final : public base::LineOutput {
 public:
  explicit Taken(std::vector<std::string>& puts) : puts_(puts) {}
  size_t Write(absl::string_view lines) override {
    puts_.emplace_back(lines);
    return lines.size();
  }

 private:
  std::vector<std::string>& puts_;
};

class AccessLogTest : public ::testing::Test {
 protected:
  void Open(const AccessLogOptions& options) {
    log_ = std::make_unique<AccessLog>(
        options,
        AccessLog::Setting{loop_, writer_, [this] { return wall_; }, 7,
                           std::make_shared<const std::vector<std::string>>(), lines_, digests_});
  }

  // The writer's thread outlives the writer, and must have nothing left to put into `puts_`.
  void TearDown() override {
    log_ = nullptr;
    EXPECT_TRUE(writer_->Drain(std::chrono::minutes(1)));
  }

  // A call of no route ends.
  struct Ended {
    absl::optional<wire::StatusCode> code = wire::StatusCode::kOk;
    absl::Duration took = absl::ZeroDuration();
    std::string traceparent = "";
    uint64_t key_hash = 0;
  };
  void End(const std::string& method, const Ended& how) {
    const model::Request request = RequestOf(method, how.traceparent);
    CallDetails details;
    details.key = how.key_hash;
    log_->OnCallEnded({&request, nullptr, CallRole::kRefused, how.code, loop_.Now(), how.took,
                       "10.1.2.3:4", details});
  }
  void End(const std::string& method) { End(method, Ended()); }

  static model::Request RequestOf(const std::string& method, const std::string& traceparent) {
    core::Fields fields = {{":method", "POST"},
                           {":scheme", "http"},
                           {":path", method},
                           {":authority", "a"},
                           {"content-type", "application/grpc"},
                           {"te", "trailers"}};
    if (!traceparent.empty()) fields.emplace_back("traceparent", traceparent);
    return absl::get<model::Request>(model::ParseRequest(core::HeadersOf(fields)));
  }

  // How many of as many calls are written.
  uint64_t Written(int calls, const Ended& how) {
    const uint64_t before = lines_.value();
    for (int i = 0; i < calls; ++i) End("/a/b", how);
    return lines_.value() - before;
  }

  void Pass(absl::Duration time) { loop_.AdvanceTo(base::After(loop_.Now(), time)); }

  // All lines that have been handed over.
  std::vector<std::string> Lines() {
    std::string text;
    for (const std::string& put : Puts()) text += put;
    return absl::StrSplit(text, '\n', absl::SkipEmpty());
  }

  const std::vector<std::string>& Puts() {
    EXPECT_TRUE(writer_->Drain(std::chrono::minutes(1)));
    return puts_;
  }

  core::FakeLoop loop_{0};
  absl::Time wall_ = absl::FromUnixMillis(1'800'000'000'250);
  metrics::Counter lines_;
  const model::KeyDigests digests_{{1, 2}};
  std::vector<std::string> puts_;
  std::shared_ptr<base::LineWriter> writer_ =
      std::make_shared<base::LineWriter>(std::make_unique<Taken>(puts_), 16 << 20, [](uint64_t) {
        ADD_FAILURE() << "there is room for all";
        return std::string();
      });
  std::unique_ptr<AccessLog> log_;
};

TEST_F(AccessLogTest, AKeyIsShownByItsDigestAndNotByItsHash) {
  constexpr uint64_t kHash = 0x0af7651916cd43dd;
  Open({});
  End("/a/b", {.key_hash = kHash});
  End("/a/b");
  Pass(AccessLog::kPatience);
  EXPECT_THAT(Lines(), ElementsAre(EndsWith(" key=" + model::ToText(digests_.Of(kHash))),
                                   Not(HasSubstr(" key="))));
}

TEST_F(AccessLogTest, LinesOfAWhileGoOutTogether) {
  Open({});
  End("/a/b");
  Pass(AccessLog::kPatience - absl::Milliseconds(1));
  End("/a/c");
  EXPECT_THAT(Puts(), IsEmpty());
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(Puts().size(), 1u);
  EXPECT_THAT(Lines(), ElementsAre(StartsWith("2027-01-15T08:00:00.250Z method=/a/b "),
                                   StartsWith("2027-01-15T08:00:00.299Z method=/a/c ")));
  EXPECT_EQ(lines_.value(), 2u);
}

TEST_F(AccessLogTest, ManyLinesWaitForNoTime) {
  Open({});
  for (int i = 0; i < 10000; ++i) End("/a/b");
  EXPECT_GT(Puts().size(), 1u);
  EXPECT_LT(Puts().size(), 20u);
}

TEST_F(AccessLogTest, TheLastLinesAreNotLost) {
  Open({});
  End("/a/b");
  log_ = nullptr;
  EXPECT_EQ(Lines().size(), 1u);
  EXPECT_EQ(loop_.timers().size(), 0u);
}

TEST_F(AccessLogTest, AWallClockThatIsSetIsFollowed) {
  Open({});
  End("/a/b");
  Pass(AccessLog::kPatience);
  wall_ -= absl::Hours(1);
  End("/a/c");
  Pass(AccessLog::kPatience);
  EXPECT_THAT(Lines(), ElementsAre(StartsWith("2027-01-15T08:00:00.250Z "),
                                   StartsWith("2027-01-15T07:00:00.250Z ")));
}

TEST_F(AccessLogTest, WithoutAConditionEveryCallIsWritten) {
  Open({});
  EXPECT_EQ(Written(10, {}), 10u);
}

TEST_F(AccessLogTest, ACallIsWrittenIfOneConditionHolds) {
  Open({.errors = true, .slower_than = absl::Milliseconds(5)});
  EXPECT_EQ(Written(1, {.took = absl::Milliseconds(5)}), 0u);
  EXPECT_EQ(Written(1, {.took = absl::Milliseconds(6)}), 1u);
  EXPECT_EQ(Written(1, {.code = wire::StatusCode::kNotFound}), 1u);
  EXPECT_EQ(Written(1, {.code = absl::nullopt}), 1u) << "its caller had left";
}

TEST_F(AccessLogTest, ASampleIsOfAllCalls) {
  Open({.errors = true, .sample = 10'000});
  EXPECT_NEAR(static_cast<double>(Written(100'000, {})), 1000, 150);
  EXPECT_EQ(Written(10, {.code = wire::StatusCode::kNotFound}), 10u);
}

TEST_F(AccessLogTest, AWholeSampleIsEveryCall) {
  Open({.sample = kEveryCall});
  EXPECT_EQ(Written(1000, {}), 1000u);
}

TEST_F(AccessLogTest, ATraceIdIsWrittenIfItIsOne) {
  Open({});
  const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
  End("/a/b", {.traceparent = "00-" + id + "-00f067aa0ba902b7-01"});
  for (const std::string& wrong : std::vector<std::string>{
           "00-" + id, "00-" + std::string(32, '0') + "-00f067aa0ba902b7-01",
           "00-" + std::string(32, 'A') + "-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473 -00f067aa0ba902b7-01", "secret"}) {
    End("/a/b", {.traceparent = wrong});
  }
  log_ = nullptr;
  const std::vector<std::string> lines = Lines();
  ASSERT_THAT(lines, SizeIs(6));
  EXPECT_THAT(lines[0], EndsWith(" trace=" + id));
  for (size_t i = 1; i < lines.size(); ++i) EXPECT_THAT(lines[i], Not(HasSubstr("trace"))) << i;
}

}  // namespace
}  // namespace singleflight::proxy
