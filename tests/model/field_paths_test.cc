// Messages without some of their fields: by hand, and random ones against a model.

#include "server/model/field_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/wire/fields.h"

namespace singleflight::model {
namespace {

using ::testing::Eq;
using ::testing::Optional;
using wire::Group;
using wire::Number;
using wire::Tag;
using wire::Text;
using wire::Varint;

FieldPaths Paths(const std::vector<std::string>& texts) {
  std::vector<FieldPath> paths;
  for (const std::string& text : texts) paths.push_back(*ParseFieldPath(text));
  return FieldPaths(paths);
}

// Nothing: `message` is not taken apart.
absl::optional<std::string> Without(const FieldPaths& paths, const std::string& message) {
  const absl::optional<size_t> size = paths.SizeWithout(message);
  if (!size.has_value()) return absl::nullopt;
  std::string out(*size, '?');
  EXPECT_EQ(paths.WriteWithout(message, out.data()), out.data() + out.size());
  return out;
}

TEST(FieldPathTest, IsReadAndWritten) {
  for (const std::string text : {"1", "3.2", "536870911", "1.2.3.4.5.6.7.8.9.1.2.3.4.5.6.7"}) {
    ASSERT_TRUE(ParseFieldPath(text).has_value()) << text;
    EXPECT_EQ(ToText(*ParseFieldPath(text)), text);
  }
  for (const char* text :
       {"", "0", "01", "1.", ".1", "1..2", "a", "-1", "+1", " 1", "1 ", "1.0", "536870912",
        "4294967297", "99999999999999999999", "1.2.3.4.5.6.7.8.9.1.2.3.4.5.6.7.8"}) {
    EXPECT_FALSE(ParseFieldPath(text).has_value()) << text;
  }
}

TEST(FieldPathsTest, AFieldIsLeftOutWhereverItStands) {
  const FieldPaths paths = Paths({"2"});
  const std::string one = Number(1, 7), three = Text(3, "abc");
  EXPECT_THAT(Without(paths, one + Text(2, "x") + three), Optional(Eq(one + three)));
  EXPECT_THAT(Without(paths, Number(2, 1) + one + Text(2, "y") + three + Group(2, one)),
              Optional(Eq(one + three)));
  EXPECT_THAT(Without(paths, one + three), Optional(Eq(one + three)));
  EXPECT_THAT(Without(paths, Text(2, "not Protobuf")), Optional(Eq("")));
}

TEST(FieldPathsTest, AFieldInsideIsLeftOutAndLengthsAgree) {
  const FieldPaths paths = Paths({"3.2", "4.1.5", "9"});
  const std::string id = Text(2, std::string(300, 'i')), rest = Number(1, 300);
  EXPECT_THAT(Without(paths, Text(3, rest + id)), Optional(Eq(Text(3, rest))));
  EXPECT_THAT(Without(paths, id + Text(3, id)), Optional(Eq(id + Text(3, ""))));
  EXPECT_THAT(Without(paths, Text(4, Text(1, Number(5, 1) + rest) + Number(5, 1))),
              Optional(Eq(Text(4, Text(1, rest) + Number(5, 1)))));
  EXPECT_THAT(Without(paths, Group(3, rest + id) + Group(4, Group(1, Number(5, 1)))),
              Optional(Eq(Group(3, rest) + Group(4, Group(1, "")))));
}

// Of its tag's three bytes the middle one has no bit but that others follow.
TEST(FieldPathsTest, NumbersMayBeLarge) {
  EXPECT_THAT(Without(Paths({"2048.1"}), Text(2048, Number(1, 7) + Number(2, 1))),
              Optional(Eq(Text(2048, Number(2, 1)))));
  EXPECT_THAT(Without(Paths({"536870911"}), Number(536870911, 7) + Number(2, 1)),
              Optional(Eq(Number(2, 1))));
}

TEST(FieldPathsTest, OneThatHoldsAnotherIsEnough) {
  for (const auto& order : {std::vector<std::string>{"3", "3.2"}, {"3.2", "3"}}) {
    EXPECT_THAT(Without(Paths(order), Text(3, "not Protobuf")), Optional(Eq("")));
  }
}

TEST(FieldPathTest, StandsInItselfAndInWhatItBeginsWith) {
  EXPECT_TRUE(StandsIn({3, 2}, {3}));
  EXPECT_TRUE(StandsIn({3, 2}, {3, 2}));
  EXPECT_FALSE(StandsIn({3}, {3, 2}));
  EXPECT_FALSE(StandsIn({3, 2}, {2}));
  EXPECT_FALSE(StandsIn({3, 2}, {3, 1}));
}

// What is in doubt counts whole: the caller's other fields might be read otherwise.
TEST(FieldPathsTest, WhatIsNoMessageIsNotTakenApart) {
  const FieldPaths paths = Paths({"2", "3.1"});
  EXPECT_EQ(Without(paths, "\xff"), absl::nullopt);
  EXPECT_EQ(Without(paths, Number(1, 1) + Tag(2, 2) + "\x09short"), absl::nullopt);
  EXPECT_EQ(Without(paths, Text(3, "\xff")), absl::nullopt);
  EXPECT_EQ(Without(paths, Number(3, 1)), absl::nullopt);  // a number where a message should be
}

TEST(FieldPathsTest, LongFormsOfTagsAndLengthsStayApartWhereTheyCount) {
  const FieldPaths paths = Paths({"3.2"});
  const std::string odd_tag = "\x9a" + std::string("\x00", 1);  // field 3 in two bytes
  EXPECT_THAT(Without(paths, odd_tag + Varint(2) + Number(2, 1)),
              Optional(Eq(odd_tag + std::string(1, '\0'))));
}

// A random message as a tree, of which the bytes are made in a random way, and what is left of it
// without some paths: the fields that count, in their order.
class RandomMessages {
 public:
  explicit RandomMessages(uint64_t seed) : random_(seed) {}

  uint32_t Below(uint32_t bound) {
    return std::uniform_int_distribution<uint32_t>(0, bound - 1)(random_);
  }

  // Appends a message's bytes to `whole`, and to `counts` what of them counts without `ignored`.
  void Make(const std::string& at, const std::vector<std::string>& ignored, int depth,
            std::string* whole, std::string* counts) {
    for (uint32_t n = Below(5); n > 0; --n) {
      const uint32_t number = 1 + Below(4);
      const std::string path = at.empty() ? absl::StrCat(number) : absl::StrCat(at, ".", number);
      const bool out = Has(ignored, path);
      if (!out && LeadsThrough(ignored, path)) {
        std::string inner, inner_counts;
        if (depth > 0) Make(path, ignored, depth - 1, &inner, &inner_counts);
        const bool group = Below(3) == 0;
        *whole += group ? Group(number, inner) : Text(number, inner);
        *counts += group ? Group(number, inner_counts) : Text(number, inner_counts);
        continue;
      }
      const std::string field = Any(number);
      *whole += field;
      if (!out) *counts += field;
    }
  }

 private:
  static bool Has(const std::vector<std::string>& ignored, const std::string& path) {
    return std::find(ignored.begin(), ignored.end(), path) != ignored.end();
  }
  static bool LeadsThrough(const std::vector<std::string>& ignored, const std::string& path) {
    return std::any_of(ignored.begin(), ignored.end(), [&](const std::string& other) {
      return other.compare(0, path.size() + 1, path + ".") == 0;
    });
  }

  std::string Any(uint32_t number) {
    std::string bytes;
    for (uint32_t n = Below(4) == 0 ? Below(200) : Below(4); n > 0; --n) {
      bytes.push_back(static_cast<char>(Below(256)));
    }
    switch (Below(5)) {
      case 0:
        return Number(number, uint64_t{Below(1u << 31)} << Below(33));
      case 1:
        return Tag(number, 1) + "12345678";
      case 2:
        return Tag(number, 5) + "1234";
      case 3:
        return Group(number, Number(1 + Below(3), Below(300)));
      default:
        return Text(number, bytes);
    }
  }

  std::mt19937_64 random_;
};

// Two messages have the same key if, and only if, what counts of them is the same.
TEST(FieldPathsTest, RandomMessagesMeetExactlyWhereTheyDifferInWhatIsIgnored) {
  const std::vector<std::vector<std::string>> rules = {
      {"1"}, {"2.1"}, {"1", "3.2", "3.4"}, {"2.2.2", "4"}, {"1.1", "1.2.3", "2", "3.3"}};
  std::map<std::pair<size_t, std::string>, std::string> counted_by_key;
  int met = 0;
  for (uint64_t seed = 0; seed < 30'000; ++seed) {
    RandomMessages random(seed);
    const size_t rule = random.Below(static_cast<uint32_t>(rules.size()));
    std::string whole, counts;
    random.Make("", rules[rule], 3, &whole, &counts);
    const absl::optional<std::string> without = Without(Paths(rules[rule]), whole);
    ASSERT_THAT(without, Optional(Eq(counts))) << "seed " << seed;
    const auto [found, fresh] = counted_by_key.emplace(std::make_pair(rule, *without), counts);
    ASSERT_EQ(found->second, counts) << "seed " << seed;
    met += fresh ? 0 : 1;
  }
  EXPECT_GT(met, 1000);
}

// However a message is cut or changed, what is written has the size that was said, or nothing is.
TEST(FieldPathsTest, BrokenMessagesAreTakenWholeOrNotAtAll) {
  const FieldPaths paths = Paths({"1", "2.1", "3.2.1"});
  int refused = 0;
  for (uint64_t seed = 0; seed < 10'000; ++seed) {
    RandomMessages random(seed);
    std::string whole, counts;
    random.Make("", {"1", "2.1", "3.2.1"}, 3, &whole, &counts);
    if (whole.empty()) continue;
    if (random.Below(2) == 0) {
      whole.resize(random.Below(static_cast<uint32_t>(whole.size())));
    } else {
      whole[random.Below(static_cast<uint32_t>(whole.size()))] ^=
          static_cast<char>(1 + random.Below(255));
    }
    const absl::optional<std::string> without = Without(paths, whole);
    refused += without.has_value() ? 0 : 1;
    if (without.has_value()) {
      EXPECT_THAT(Without(paths, *without), Optional(Eq(*without))) << "seed " << seed;
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace singleflight::model
