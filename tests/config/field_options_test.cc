// What routes say of fields: `match.field`, `cache.tags`, `invalidates`.

#include "tests/config/files.h"
#include "tests/config/mistakes.h"

namespace singleflight::config {
namespace {

using model::FieldCondition;
using model::FieldScalar;
using model::WholeNumber;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kReads[] = "match: {method: /a/Get}, collapse: true, cache: {ttl: 1s}";

std::string Asking(const std::string& fields) {
  return WithRouteOption("match: {method: /a/b, field: " + fields + "}");
}

std::vector<FieldCondition> Fields(const std::string& fields, const Variables& variables = {}) {
  return Right(Asking(fields), variables).routes.at(0).match.fields;
}

FieldScalar ScalarIn(const std::string& value, const Variables& variables = {}) {
  const std::vector<FieldCondition> fields = Fields("{1: " + value + "}", variables);
  return fields.empty() ? FieldScalar("nothing was read") : fields.front().wanted;
}

FieldScalar Whole(uint64_t bits) { return WholeNumber{bits}; }

TEST(FieldOptionsTest, FieldsAreReadByNumberInTheirOrder) {
  EXPECT_THAT(Fields("{\"7\": true, \"3.2\": 5, 2: \"\"}"),
              ElementsAre(FieldCondition{{7}, true}, FieldCondition{{3, 2}, WholeNumber{5}},
                          FieldCondition{{2}, std::string()}));
}

TEST(FieldOptionsTest, WithASchemaFieldsHaveNames) {
  const Config config = Right(
      "listeners: [{address: \"127.0.0.1:0\"}]\n"
      "upstreams: [{name: b, target: \"127.0.0.1:1\", schema: {reflection: true}}]\nroutes:\n"
      "  - match: {method: /a/Get, field: {context.stale: true, \"7\": 1}}\n    upstream: b\n"
      "    cache: {ttl: 1s, tags: [\"item:{item.id}\"]}\n"
      "  - match: {method: /a/Put}\n    upstream: b\n    invalidates: [\"item:{id}\"]\n"
      "  - {match: {method: /a/Get}, upstream: b}\n");
  EXPECT_THAT(
      config.routes.at(0).match.fields,
      ElementsAre(FieldCondition{{}, true, "context.stale"}, FieldCondition{{7}, WholeNumber{1}}));
  EXPECT_THAT(config.routes.at(0).tags.at(0).names(), ElementsAre("item.id"));
  EXPECT_THAT(config.routes.at(1).invalidates.at(0).names(), ElementsAre("id"));
}

TEST(FieldOptionsTest, AValueIsOfTheTypeThatItIsWrittenAs) {
  EXPECT_EQ(ScalarIn("true"), FieldScalar(true));
  EXPECT_EQ(ScalarIn("false"), FieldScalar(false));
  EXPECT_EQ(ScalarIn("0"), Whole(0));
  EXPECT_EQ(ScalarIn("-1"), Whole(0xffff'ffff'ffff'ffff));
  EXPECT_EQ(ScalarIn("-9223372036854775808"), Whole(uint64_t{1} << 63));
  EXPECT_EQ(ScalarIn("18446744073709551615"), Whole(0xffff'ffff'ffff'ffff));
  EXPECT_EQ(ScalarIn("\"7\""), FieldScalar(std::string("7")));
  EXPECT_EQ(ScalarIn("'true'"), FieldScalar(std::string("true")));
  EXPECT_EQ(ScalarIn("\"\""), FieldScalar(std::string()));
  EXPECT_EQ(ScalarIn("blue"), FieldScalar(std::string("blue")));
  EXPECT_EQ(ScalarIn("\"${WHICH}\"", {{"WHICH", "red"}}), FieldScalar(std::string("red")));
}

TEST(FieldOptionsTest, MistakesInFieldsSayWhatWouldBeRight) {
  ExpectMistakes({
      {Asking("{serializable: true}"),
       "5:35: routes[0].match.field.serializable: needs a schema, and the upstream \"b\" names "
       "none; add \"schema: {reflection: true}\" to it, or \"schema: {descriptor_set: FILE}\""},
      {Asking("{\"7.\": true}"),
       "5:35: routes[0].match.field.7.: \"7.\" is no path of fields; write the number that the "
       ".proto file gives the field, \"7\", or \"3.2\" for field 2 of the message in field 3; or, "
       "with a schema, its name, \"item.id\" (16 at most)"},
      {Asking("{7: 1.5}"),
       "5:38: routes[0].match.field.7: \"1.5\" is no value that a field can be compared with; "
       "write true, false, a whole number, or a text in quotes"},
      {Asking("{}"),
       "5:34: routes[0].match.field: names no field; write one, such as \"field: {\"7\": true}\""},
  });
  for (const char* value : {"yes", "Off", "null", "TRUE", "0x10", "1e3", "+5",
                            "18446744073709551616", "-9223372036854775809"}) {
    EXPECT_THAT(MistakesIn(Asking(absl::StrCat("{7: ", value, "}"))), Not(IsEmpty())) << value;
  }
  EXPECT_THAT(MistakesIn(Asking("{7: [1, 2]}")),
              ElementsAre(HasSubstr("is a list; a single value is wanted here")));
  EXPECT_THAT(MistakesIn(Asking("true")), ElementsAre(HasSubstr("a section is wanted here")));
  EXPECT_THAT(MistakesIn(Asking("{7: true, 7: false}")),
              ElementsAre(HasSubstr("stands here twice")));
}

TEST(FieldOptionsTest, AtMostSixteenFields) {
  std::string fields = "{1: true";
  for (int i = 2; i <= 16; ++i) absl::StrAppend(&fields, ", ", i, ": true");
  EXPECT_THAT(MistakesIn(Asking(fields + "}")), IsEmpty());
  EXPECT_THAT(MistakesIn(Asking(fields + ", 17: true}")),
              ElementsAre(HasSubstr("is one more than the 16 fields")));
}

TEST(FieldOptionsTest, ARouteThatAsksForFieldsLeavesTheOthersReachable) {
  EXPECT_THAT(
      WarningsIn(WithRoutes({"match: {method: /a/b, field: {7: true, 8: 1}}",
                             "match: {method: /a/b, field: {7: true}}",
                             "match: {method: /a/b, field: {7: false}}", "match: {method: /a/b}"})),
      IsEmpty());
}

TEST(FieldOptionsTest, ARouteThatAsksForMoreThanOneAboveItIsNeverReached) {
  EXPECT_THAT(MistakesIn(WithRoutes({"match: {method: /a/*, field: {7: true}}",
                                     "match: {method: /a/b, field: {8: 1, 7: true}}",
                                     "match: {method: /*}"})),
              ElementsAre(HasSubstr("routes[1].match: is never reached: routes[0] in line 4")));
  EXPECT_THAT(
      MistakesIn(WithRoutes({"match: {method: /a/*}", "match: {method: /a/b, field: {7: true}}"})),
      ElementsAre(HasSubstr("routes[1].match: is never reached")));
}

TEST(FieldOptionsTest, ARouteThatAsksWantsOneBehindItThatDoesNot) {
  EXPECT_THAT(WarningsIn(Asking("{7: true}")),
              ElementsAre("f.yaml:5:12: routes[0].match: has no route behind it for its calls with "
                          "other fields, nor for those whose message cannot be read; they get "
                          "UNIMPLEMENTED, so add one without \"field\""));
  EXPECT_THAT(
      WarningsIn(WithRoutes({"match: {method: /a/b, field: {7: true}}", "match: {method: /a/c}"})),
      ElementsAre(HasSubstr("routes[0].match: has no route behind it")));
}

// Whatever such a message says.
TEST(FieldOptionsTest, TheRouteForWhatCannotBeLookedAtIsTheMoreCarefulOne) {
  EXPECT_THAT(
      WarningsIn(WithRoutes({"match: {method: /a/Get, field: {7: true}}",
                             "match: {method: /a/Get}, collapse: true"})),
      ElementsAre(HasSubstr("leaves its calls to routes[1] in line 5 if their message cannot be "
                            "looked at, and that one shares calls, which this one does not")));
  EXPECT_THAT(
      WarningsIn(WithRoutes({kReads, "match: {method: /a/Put, field: {7: true}}, invalidates: [x]",
                             "match: {method: /a/Put}"})),
      ElementsAre(HasSubstr("that one drops nothing, which this one does")));
  EXPECT_THAT(
      WarningsIn(WithRoutes({kReads, "match: {method: /a/Put, field: {7: true}}, invalidates: [x]",
                             "match: {method: /a/Put}, invalidates: [x]"})),
      IsEmpty());
}

std::vector<std::string> TextsOf(const std::vector<model::FieldTemplate>& templates) {
  std::vector<std::string> texts;
  for (const model::FieldTemplate& one : templates) texts.push_back(one.text());
  return texts;
}

TEST(FieldOptionsTest, TagsAndInvalidatesAreTemplates) {
  const Config config = Right(WithRoutes(
      {"match: {method: /a/Get}, cache: {ttl: 1s, tags: [\"item:{1}\", \"in/{2.1}\", all]}",
       "match: {method: /a/Put}, invalidates: [\"item:{2.1}\", all]"}));
  EXPECT_THAT(TextsOf(config.routes.at(0).tags), ElementsAre("item:{1}", "in/{2.1}", "all"));
  EXPECT_THAT(TextsOf(config.routes.at(1).invalidates), ElementsAre("item:{2.1}", "all"));
  EXPECT_THAT(TextsOf(config.routes.at(1).tags), IsEmpty());
}

TEST(FieldOptionsTest, MistakesInTemplatesSayWhatWouldBeRight) {
  ExpectMistakes({
      {WithRouteOption("cache: {ttl: 1s, tags: [\"item:{id}\"]}\n    match: {method: /a/Get}"),
       "5:29: routes[0].cache.tags[0]: needs a schema, and the upstream \"b\" names none; add "
       "\"schema: {reflection: true}\" to it, or \"schema: {descriptor_set: FILE}\""},
      {WithRouteOption("cache: {ttl: 1s, tags: [\"item:{1.}\"]}\n    match: {method: /a/Get}"),
       "5:29: routes[0].cache.tags[0]: \"item:{1.}\" has \"{1.}\", which is no path of fields; "
       "write "
       "\"{1}\", or \"{2.1}\" for field 1 of the message in field 2, or with a schema "
       "\"{item.id}\""},
      {WithRouteOption("invalidates: [\"item:{id}\"]"),
       "5:19: routes[0].invalidates[0]: needs a schema, and the upstream \"b\" names none; add "
       "\"schema: {reflection: true}\" to it, or \"schema: {descriptor_set: FILE}\""},
      {WithRouteOption("cache: {ttl: 1s, tags: []}\n    match: {method: /a/Get}"),
       "5:28: routes[0].cache.tags: is empty; write some, such as \"tags: [\"item:{1}\"]\""},
      {WithRouteOption("invalidates: [all, all]"),
       "5:24: routes[0].invalidates[1]: \"all\" stands here twice; remove one"},
      {WithRouteOption("invalidates: [all]\n    collapse: true\n    match: {method: /a/Get}"),
       "5:18: routes[0].invalidates: says that the route's calls write, and \"collapse\" that they "
       "only read; remove one of the two, or make two routes"},
      {WithRouteOption("invalidates: [all]\n    cache: {ttl: 1s}\n    match: {method: /a/Get}"),
       "5:18: routes[0].invalidates: says that the route's calls write, and \"cache\" that they "
       "only read; remove one of the two, or make two routes"},
  });
  EXPECT_THAT(MistakesIn(WithRouteOption("tags: [all]")),
              ElementsAre(HasSubstr("routes[0].tags: unknown option")));
}

TEST(FieldOptionsTest, ATagOfAFieldThatTheKeyIgnoresIsRefused) {
  const auto mistakes = [](const char* tag, const char* ignored) {
    return MistakesIn(
        WithRouteOption(absl::StrCat("match: {method: /a/Get}\n    cache: {ttl: 1s, tags: [\"", tag,
                                     "\"]}\n    key: {message: {ignore: [\"", ignored, "\"]}}")));
  };
  for (const auto& [tag, ignored] :
       {std::pair("t:{1}", "1"), std::pair("t:{2.1}", "2"), std::pair("t:{2}", "2.1"),
        std::pair("t:{3}:{1}", "1"), std::pair("t:{id}", "id"), std::pair("t:{item.id}", "item"),
        std::pair("t:{item}", "item.id")}) {
    EXPECT_THAT(mistakes(tag, ignored),
                Contains(HasSubstr("that \"key.message.ignore\" leaves out")))
        << tag << " " << ignored;
  }
  EXPECT_THAT(mistakes("t:{2.1}", "2.2"), IsEmpty());
  EXPECT_THAT(mistakes("t:{item}", "items"), Each(HasSubstr("needs a schema")));
}

TEST(FieldOptionsTest, InvalidatesThatCanDropNothingIsWarnedOf) {
  EXPECT_THAT(WarningsIn(WithRoutes({kReads, "match: {method: /a/Put}, invalidates: [all]"})),
              IsEmpty());
  EXPECT_THAT(
      WarningsIn(WithRouteOption("invalidates: [all]")),
      ElementsAre("f.yaml:5:18: routes[0].invalidates: drops nothing, since no route to the "
                  "upstream \"b\" collapses or caches, and groups belong to one upstream; "
                  "remove it"));
}

}  // namespace
}  // namespace singleflight::config
