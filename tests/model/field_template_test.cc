// Tags of messages: what is written, what is made of it, and that no value makes another's tag.

#include "server/model/field_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/wire/fields.h"

namespace singleflight::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Texts = std::vector<std::string>;

std::vector<FieldTemplate> Templates(const Texts& texts) {
  std::vector<FieldTemplate> templates;
  for (const std::string& text : texts) {
    ParsedTemplate made = ParseFieldTemplate(text);
    EXPECT_TRUE(made.parsed.has_value()) << text << " " << made.mistake;
    if (made.parsed.has_value()) templates.push_back(*made.parsed);
  }
  return templates;
}

Texts Tags(const Texts& templates, const std::string& message) {
  Tagging why = Tagging::kWhole;
  const auto tags = TagsOf(Templates(templates), message, &why);
  EXPECT_EQ(tags.has_value(), why == Tagging::kWhole);
  return tags.value_or(Texts{absl::StrCat("none: ", static_cast<int>(why))});
}

Tagging WhyNone(const Texts& templates, const std::string& message) {
  Tagging why = Tagging::kWhole;
  EXPECT_FALSE(TagsOf(Templates(templates), message, &why).has_value());
  return why;
}

TEST(FieldTemplateTest, AFieldsValueStandsInItsPlace) {
  EXPECT_THAT(Tags({"item:{1}"}, wire::Number(1, 7)), ElementsAre("item:7"));
  EXPECT_THAT(Tags({"item:{1}"}, wire::Text(1, "kettle-7")), ElementsAre("item:kettle-7"));
  EXPECT_THAT(Tags({"item:{1}"}, wire::Fixed(1, 8, 7)), ElementsAre("item:7"));
  EXPECT_THAT(Tags({"item:{1}"}, wire::Fixed(1, 4, 7)), ElementsAre("item:7"));
  EXPECT_THAT(Tags({"in/{2.1}/{3}"}, wire::Text(2, wire::Text(1, "a")) + wire::Number(3, 9)),
              ElementsAre("in/a/9"));
  EXPECT_THAT(Tags({"in/{2.1}"}, wire::Group(2, wire::Number(1, 5))), ElementsAre("in/5"));
  EXPECT_THAT(Tags({"list"}, "\x08\x01"), ElementsAre("list"));
  EXPECT_THAT(Tags({"list", "item:{1}"}, wire::Number(1, 1)), ElementsAre("list", "item:1"));
}

TEST(FieldTemplateTest, ANameIsAFieldOnceItHasANumber) {
  const FieldTemplate named = *ParseFieldTemplate("item:{context.id}/{2}").parsed;
  EXPECT_THAT(named.names(), ElementsAre("context.id"));
  EXPECT_THAT(named.fields(), ElementsAre(FieldPath{2}));
  EXPECT_EQ(named.text(), "item:{context.id}/{2}");
  Tagging why = Tagging::kWhole;
  EXPECT_FALSE(TagsOf({named}, wire::Number(2, 9), &why).has_value());
  EXPECT_EQ(why, Tagging::kUnknownField);

  const FieldTemplate numbered = named.With([](const std::string& names) {
    EXPECT_EQ(names, "context.id");
    return FieldPath{3, 1};
  });
  EXPECT_THAT(numbered.fields(), ElementsAre(FieldPath{3, 1}, FieldPath{2}));
  EXPECT_EQ(numbered.text(), named.text());
  EXPECT_THAT(
      TagsOf({numbered}, wire::Number(2, 9) + wire::Text(3, wire::Text(1, "a")), &why).value(),
      ElementsAre("item:a/9"));
  EXPECT_FALSE(numbered == named);
}

TEST(FieldTemplateTest, WhatIsNotThereIsNothingAndSoIsZero) {
  for (const std::string& message : {std::string(), wire::Number(1, 0), wire::Fixed(1, 4, 0),
                                     wire::Fixed(1, 8, 0), wire::Text(1, ""), wire::Number(2, 5)}) {
    EXPECT_THAT(Tags({"item:{1}"}, message), ElementsAre("item:"));
  }
  EXPECT_THAT(Tags({"item:{1}"}, wire::Text(1, "0")), ElementsAre("item:0"));
  EXPECT_THAT(Tags({"item:{2.1}"}, ""), ElementsAre("item:"));
  EXPECT_THAT(Tags({"item:{2.1}"}, wire::Text(2, "")), ElementsAre("item:"));
}

TEST(FieldTemplateTest, AllButLettersDigitsAndAFewIsEscaped) {
  EXPECT_THAT(Tags({"t:{1}"}, wire::Text(1, "aZ09-._~")), ElementsAre("t:aZ09-._~"));
  EXPECT_THAT(Tags({"t:{1}"}, wire::Text(1, "a:b/%{1} \xff" + std::string(1, '\0'))),
              ElementsAre("t:a%3Ab%2F%25%7B1%7D%20%FF%00"));
}

TEST(FieldTemplateTest, AFieldThatRepeatsGivesATagForEachValue) {
  const std::string three = wire::Number(1, 1) + wire::Number(1, 2) + wire::Number(1, 1);
  EXPECT_THAT(Tags({"item:{1}"}, three), ElementsAre("item:1", "item:2"));
  const std::string two = wire::Text(2, wire::Number(1, 4)) + wire::Text(2, wire::Number(1, 5));
  EXPECT_THAT(Tags({"item:{2.1}"}, two), ElementsAre("item:4", "item:5"));
  EXPECT_THAT(Tags({"item:{2.1}"}, two + wire::Text(2, "")),
              ElementsAre("item:4", "item:5", "item:"));
  EXPECT_THAT(Tags({"x:{1}:{2.1}"}, three + two), ElementsAre("x:1:4", "x:1:5", "x:2:4", "x:2:5"));
  EXPECT_THAT(Tags({"item:{1}", "item:{3}"}, three + wire::Number(3, 2)),
              ElementsAre("item:1", "item:2"))
      << "each tag once, whatever templates give it";
}

std::string Many(uint32_t number, int count) {
  std::string fields;
  for (int i = 1; i <= count; ++i) fields += wire::Number(number, static_cast<uint64_t>(i));
  return fields;
}

TEST(FieldTemplateTest, MoreTagsThanAMessageMayHaveAreNone) {
  EXPECT_THAT(Tags({"item:{1}"}, Many(1, 32)), SizeIs(kMostTags));
  EXPECT_EQ(WhyNone({"item:{1}"}, Many(1, 33)), Tagging::kTooMany);
  EXPECT_EQ(WhyNone({"item:{1}", "list"}, Many(1, 32)), Tagging::kTooMany);
  EXPECT_EQ(WhyNone({"x:{1}:{2}"}, Many(1, 8) + Many(2, 5)), Tagging::kTooMany);
  EXPECT_THAT(Tags({"x:{1}:{2}"}, Many(1, 8) + Many(2, 4)), SizeIs(kMostTags));
  EXPECT_EQ(WhyNone({"item:{1}"}, Many(1, 100'000)), Tagging::kTooMany);
}

TEST(FieldTemplateTest, ATagThatIsTooLongIsNone) {
  EXPECT_THAT(Tags({"t:{1}"}, wire::Text(1, std::string(kLongestTag - 2, 'x'))), SizeIs(1));
  EXPECT_EQ(WhyNone({"t:{1}"}, wire::Text(1, std::string(kLongestTag - 1, 'x'))),
            Tagging::kTooMany);
  EXPECT_EQ(WhyNone({"t:{1}"}, wire::Text(1, std::string(400, ':'))), Tagging::kTooMany);
  EXPECT_EQ(WhyNone({"t:{1}"}, wire::Text(1, std::string(1 << 20, 'x'))), Tagging::kTooMany);
}

TEST(FieldTemplateTest, AMessageThatCannotBeReadHasNoTags) {
  for (const std::string& broken : {std::string("\x07", 1), std::string("\x0a\x05x", 3)}) {
    EXPECT_EQ(WhyNone({"item:{1}"}, broken), Tagging::kUnreadable);
    EXPECT_EQ(WhyNone({"list"}, broken), Tagging::kUnreadable) << "not even those without fields";
    EXPECT_EQ(WhyNone({"item:{2.1}"}, wire::Text(2, broken)), Tagging::kUnreadable);
    EXPECT_EQ(WhyNone({"item:{1}"}, wire::Number(1, 1) + broken), Tagging::kUnreadable);
  }
  EXPECT_EQ(WhyNone({"item:{2.1}"}, wire::Number(2, 1)), Tagging::kUnreadable);
  EXPECT_EQ(WhyNone({"item:{1}"}, wire::Group(1, "")), Tagging::kUnreadable);
}

struct Mistaken {
  std::string text;
  const char* mistake;
};

TEST(FieldTemplateTest, WhatIsWrongSaysWhatWouldBeRight) {
  const Mistaken table[] = {
      {"", "is empty"},
      {"item:{}", "no path of fields"},
      {"item:{0}", "no path of fields"},
      {"item:{1.}", "no path of fields"},
      {"item:{1.id}", "no path of fields"},
      {"item:{item-id}", "no path of fields"},
      {"item{id}", "no mark sets apart"},
      {"item:{1", "without its \"}\""},
      {"item:1}", "stands in no tag"},
      {"100%:{1}", "stands in no tag"},
      {"k\xc3\xb6rbe", "stands in no tag"},
      {"{1}", "no mark sets apart"},
      {"item{1}", "no mark sets apart"},
      {"item-{1}", "no mark sets apart"},
      {"item:{1}{2}", "no mark sets apart"},
      {"item:{1}b:{2}", "no mark sets apart"},
      {"item:{1}:b{2}", "no mark sets apart"},
      {std::string(kLongestTag + 1, 'x'), "is longer than 1024"},
  };
  for (const auto& [text, mistake] : table) {
    const ParsedTemplate made = ParseFieldTemplate(text);
    EXPECT_FALSE(made.parsed.has_value()) << text;
    EXPECT_THAT(made.mistake, HasSubstr(mistake)) << text;
  }
}

TEST(FieldTemplateTest, ItsTextIsWhatWasWritten) {
  for (const char* text : {"list", "item:{1}", "a/{1.2.3}/b,{4}", ":{1}"}) {
    EXPECT_EQ(Templates({text}).front().text(), text);
  }
}

// Values of two fields, of which many are alike but for a character that could set them apart.
class RandomValues {
 public:
  std::string Text() {
    constexpr char kAlphabet[] = {'a', 'b', ':', '/', '%', '3', 'A', '-', '\0', '\xff', '{', '}'};
    std::string text;
    for (uint32_t left = random_() % 5; left > 0; --left) {
      text.push_back(kAlphabet[random_() % sizeof(kAlphabet)]);
    }
    return text;
  }

 private:
  std::minstd_rand random_{7};
};

TEST(FieldTemplateTest, DifferentValuesNeverGiveTheSameTag) {
  const auto templates = Templates({"a:{1}:{2}", "b/{1}/{2}", "a:{1}", "b:{2}", "a:x:{1}:{2}"});
  using Values = std::tuple<size_t, std::string, std::string>;  // which template, of which values
  std::map<std::string, Values> by_tag;
  RandomValues values;
  for (int i = 0; i < 50'000; ++i) {
    const std::string one = values.Text(), two = values.Text();
    for (size_t t = 0; t < templates.size(); ++t) {
      Texts tags;
      ASSERT_EQ(templates[t].AddTags(wire::Text(1, one) + wire::Text(2, two), &tags),
                Tagging::kWhole);
      ASSERT_THAT(tags, SizeIs(1));
      const Values made{t, t == 3 ? "" : one, t == 2 ? "" : two};
      const auto [known, is_new] = by_tag.emplace(tags.front(), made);
      ASSERT_TRUE(is_new || known->second == made)
          << tags.front() << " is of " << std::get<1>(made) << ", " << std::get<2>(made);
    }
  }
  EXPECT_GT(by_tag.size(), 10'000u);
}

TEST(FieldTemplateTest, ARandomMessageHasTagsOrNoneAndNeverMoreThanMayBe) {
  std::minstd_rand random(11);
  const auto templates = Templates({"a:{1}", "b:{2.1}:{3}", "c:{2.2.1}"});
  int read = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string message;
    for (uint32_t left = random() % 12; left > 0; --left) {
      message.push_back(static_cast<char>(random() % 3 == 0 ? random() % 256 : random() % 32));
    }
    Tagging why = Tagging::kWhole;
    const auto tags = TagsOf(templates, message, &why);
    ASSERT_EQ(tags.has_value(), why == Tagging::kWhole);
    if (!tags.has_value()) continue;
    ++read;
    ASSERT_GE(tags->size(), 3u);
    ASSERT_LE(tags->size(), kMostTags);
  }
  EXPECT_GT(read, 100);
}

}  // namespace
}  // namespace singleflight::model
