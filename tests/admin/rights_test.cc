#include "server/admin/rights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>

namespace singleflight::admin {
namespace {

using ::testing::HasSubstr;

// What is shown, by reason.
class Reasons final : public metrics::Visitor {
 public:
  void Count(absl::string_view, absl::string_view, metrics::Labels labels,
             uint64_t value) override {
    if (labels[0].second != "grpc") {
      EXPECT_EQ(value, 0u);
    } else if (value > 0) {
      counts[labels[1].second] = value;
    }
  }
  void Level(absl::string_view, absl::string_view, metrics::Labels, int64_t) override {}
  void Distribution(absl::string_view, absl::string_view, metrics::Labels,
                    const metrics::PowerHistogram&) override {}

  std::map<std::string, uint64_t> counts;
};

class RightsTest : public ::testing::Test {
 protected:
  RightsTest() { Write("  0123456789abcdef\n"); }
  ~RightsTest() override { ::unlink(path_.c_str()); }

  void Write(const std::string& text) { std::ofstream(path_) << text; }

  absl::Status With(absl::optional<absl::string_view> authorization) {
    return rights_.MayOrder(Door::kGrpc, "Purge", "127.0.0.1:1", authorization);
  }
  std::map<std::string, uint64_t> Counts() {
    Reasons reasons;
    rights_.Show(reasons);
    return reasons.counts;
  }

  const std::string path_ = ::testing::TempDir() + "rights_test." + std::to_string(::getpid());
  Rights rights_{path_};
};

TEST_F(RightsTest, TheTokenOpens) {
  EXPECT_TRUE(With("Bearer 0123456789abcdef").ok());
  EXPECT_TRUE(With("bearer  0123456789abcdef").ok());
  EXPECT_TRUE(Counts().empty());
}

TEST_F(RightsTest, NothingElseDoes) {
  for (const char* wrong :
       {"Bearer 0123456789abcdeF", "Bearer 0123456789abcde", "Bearer ", "Bearer 0123456789abcdef0",
        "Bearer 0123456789abcdef0123456789abcdef"}) {
    EXPECT_EQ(With(wrong).code(), absl::StatusCode::kUnauthenticated) << wrong;
  }
  EXPECT_EQ(Counts(), (std::map<std::string, uint64_t>{{"wrong_token", 5}}));
}

TEST_F(RightsTest, ATokenIsAskedForByTheNameOfTheOrder) {
  EXPECT_THAT(std::string(With(absl::nullopt).message()), HasSubstr("Purge"));
  EXPECT_THAT(std::string(With("Basic 0123456789abcdef").message()), HasSubstr("Bearer TOKEN"));
  EXPECT_EQ(Counts(), (std::map<std::string, uint64_t>{{"no_token", 2}}));
}

TEST_F(RightsTest, TheFileIsReadAtEveryUse) {
  Write("fedcba9876543210");
  EXPECT_FALSE(With("Bearer 0123456789abcdef").ok());
  EXPECT_TRUE(With("Bearer fedcba9876543210").ok());
}

TEST_F(RightsTest, WithoutAFileNobodyMay) {
  Rights none("");
  EXPECT_FALSE(none.MayOrder(Door::kGrpc, "Purge", "127.0.0.1:1", "Bearer ").ok());
  Write("");
  EXPECT_FALSE(With("Bearer ").ok());
  EXPECT_EQ(Counts(), (std::map<std::string, uint64_t>{{"token_unreadable", 1}}));
}

}  // namespace
}  // namespace singleflight::admin
