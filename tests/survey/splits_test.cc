// What is counted of a route's splits, and that the room for it is bounded.

#include "server/survey/splits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/survey/keys.h"

namespace singleflight::survey {
namespace {

class SplitsTest : public ::testing::Test {
 protected:
  absl::optional<Splits::Apart> Note(const model::Fields& metadata,
                                     const std::string& message = "id-7") {
    return splits_.Note(keys_.Of({metadata, message}), now_, absl::Minutes(1));
  }
  Split Find(SplitKind kind, const std::string& name) {
    for (const Split& split : splits_.List()) {
      if (split.kind == kind && split.name == name) return split;
    }
    return {};
  }
  uint64_t Sum() {
    const std::vector<Split> all = splits_.List();
    return std::accumulate(all.begin(), all.end(), uint64_t{0},
                           [](uint64_t sum, const Split& split) { return sum + split.calls; });
  }

  Keys keys_;
  Splits splits_;
  base::Instant now_ = base::Instant() + std::chrono::hours(1);
};

TEST_F(SplitsTest, CallsAreCountedByWhatKeptThemApart) {
  EXPECT_FALSE(Note({{"x-device-id", "1"}}).has_value());
  for (int i = 2; i < 5; ++i) Note({{"x-device-id", absl::StrCat(i)}});
  Note({{"x-device-id", "4"}, {"cookie", "c"}});
  EXPECT_EQ(Find(SplitKind::kMetadata, "x-device-id").calls, 3);
  EXPECT_EQ(Find(SplitKind::kCredential, "cookie").calls, 1);
  EXPECT_EQ(Sum(), 4);
}

TEST_F(SplitsTest, SeveralTogetherHaveTheirNames) {
  Note({{"x-a", "1"}, {"x-b", "1"}});
  const absl::optional<Splits::Apart> apart = Note({{"x-a", "2"}, {"x-b", "2"}});
  ASSERT_TRUE(apart.has_value());
  EXPECT_EQ(apart->kind, SplitKind::kSeveral);
  EXPECT_EQ(apart->name, "x-a, x-b");
}

TEST_F(SplitsTest, FieldsAreOneKindHoweverManyAndHaveTheirMethod) {
  Note({}, Framed("\x08\x01\x10\x01"));
  const absl::optional<Splits::Apart> one = Note({}, Framed("\x08\x01\x10\x02"));
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->kind, SplitKind::kField);
  EXPECT_EQ(one->name, "2");
  EXPECT_EQ(one->method, "/shop.Catalog/Get");
  EXPECT_EQ(Note({}, Framed("\x08\x02\x10\x03"))->name, "1, 2");
  EXPECT_EQ(Find(SplitKind::kField, "2").method, "/shop.Catalog/Get");
}

TEST_F(SplitsTest, FieldsOfTwoMethodsAreTwoSplits) {
  for (const char* method : {"/shop.Catalog/Get", "/shop.Catalog/List"}) {
    Note({{":path", method}}, Framed("\x08\x01"));
    Note({{":path", method}}, Framed("\x08\x02"));
  }
  EXPECT_EQ(splits_.List().size(), 2);
}

TEST_F(SplitsTest, AHeaderIsToldBeforeFields) {
  Note({{"x-a", "1"}}, Framed("\x08\x01"));
  Note({{"x-a", "2"}}, Framed("\x08\x02"));
  EXPECT_EQ(Note({{"x-a", "1"}}, Framed("\x08\x02"))->name, "x-a");
}

TEST_F(SplitsTest, AMessageThatComesAgainIsToldOfNoField) {
  Note({}, Framed("\x08\x01"));
  EXPECT_TRUE(Note({}, Framed("\x08\x02")).has_value());
  for (int i = 10; i < 50; ++i) Note({}, Framed(std::string("\x10") + static_cast<char>(i)));
  EXPECT_FALSE(Note({}, Framed("\x08\x01")).has_value());
}

TEST_F(SplitsTest, ThePathOfACallIsKeptInPart) {
  const std::string path = "/shop.Catalog/" + std::string(500, 'x');
  Note({{":path", path}}, Framed("\x08\x01"));
  EXPECT_EQ(Note({{":path", path}}, Framed("\x08\x02"))->method,
            path.substr(0, kLongestPath - 3) + "…");
}

TEST_F(SplitsTest, TheLatestTimeIsTold) {
  Note({{"x-a", "1"}});
  Note({{"x-a", "2"}});
  now_ += std::chrono::seconds(5);
  Note({{"x-a", "3"}});
  EXPECT_EQ(Find(SplitKind::kMetadata, "x-a").last, now_);
}

TEST_F(SplitsTest, OneLineASecondMayBeWritten) {
  Note({{"x-a", "1"}});
  EXPECT_TRUE(Note({{"x-a", "2"}})->say);
  EXPECT_FALSE(Note({{"x-a", "3"}})->say);
  now_ += std::chrono::seconds(1);
  EXPECT_TRUE(Note({{"x-a", "4"}})->say);
}

TEST_F(SplitsTest, NamesBeyondTheRoomCountTogetherAndTheFrequentStay) {
  for (int i = 0; i < 5; ++i) Note({{"x-frequent", absl::StrCat(i)}});
  for (int i = 0; i < 500; ++i) {
    Note({{absl::StrCat("x-made-up-", i), "1"}}, absl::StrCat("m", i));
    Note({{absl::StrCat("x-made-up-", i), "2"}}, absl::StrCat("m", i));
  }
  EXPECT_LE(splits_.List().size(), Splits::kMost + 1);
  EXPECT_EQ(Find(SplitKind::kMetadata, "x-frequent").calls, 4);
  EXPECT_EQ(Find(SplitKind::kMetadata, "other").calls, 500 + 1 - Splits::kMost);
  EXPECT_EQ(Sum(), 504);
}

TEST_F(SplitsTest, HugeKeysAreLeftOut) {
  const std::string huge(kLongestKey, 'x');
  Note({{"x-a", "1"}}, huge);
  EXPECT_FALSE(Note({{"x-a", "2"}}, huge).has_value());
}

TEST_F(SplitsTest, NoValueIsKept) {
  Note({{"authorization", "Bearer ann"}, {"x-a", "ann's"}});
  const auto apart = Note({{"authorization", "Bearer bob"}, {"x-a", "bob's"}});
  ASSERT_TRUE(apart.has_value());
  EXPECT_EQ(apart->name, "authorization, x-a");
}

TEST_F(SplitsTest, WorkersMayNoteTogetherWhileSomebodyReads) {
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 2; ++worker) {
    workers.emplace_back([this, worker] {
      Keys keys;
      for (int i = 0; i < 2000; ++i) {
        splits_.Note(keys.Of({{{"x-a", absl::StrCat(worker, i)}}}), now_, absl::Minutes(1));
      }
    });
  }
  for (int i = 0; i < 100; ++i) EXPECT_LE(splits_.List().size(), 1);
  for (std::thread& worker : workers) worker.join();
  EXPECT_LT(Sum(), 4000);
  EXPECT_GT(Sum(), 0);
}

}  // namespace
}  // namespace singleflight::survey
