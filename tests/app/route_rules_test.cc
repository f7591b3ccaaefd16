// What a schema makes of a route.

#include "server/app/route_rules.h"

#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/schema/sets.h"

namespace singleflight::app {
namespace {

using schema::testing::kGet;
using schema::testing::kPut;
using schema::testing::Shop;
using schema::testing::WithField;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kCount[] = "/shop.v1.Catalog/Count";
constexpr char kWatch[] = "/shop.v1.Catalog/Watch";

class RouteRulesTest : public ::testing::Test {
 protected:
  RouteRulesTest() {
    options_.match.method = "/shop.v1.Catalog/*";
    options_.upstream = "catalog";
    options_.collapse = core::CollapseOptions();
  }

  RouteRules::Applied Under(const std::shared_ptr<const schema::Schema>& schema) {
    if (!rules_.has_value()) rules_.emplace(options_, "the route");
    schema_ = schema;
    return rules_->Under(schema.get());
  }

  // The rules for calls of that method.
  static core::RouteOptions For(const RouteRules::Applied& applied, const std::string& method) {
    for (const RouteRules::OfMethods& some : applied.of_methods) {
      for (const std::string& one : some.methods) {
        if (one == method) return some.options;
      }
    }
    return applied.options;
  }
  static bool Shares(const core::RouteOptions& rules) {
    return rules.collapse.has_value() || rules.cache.has_value();
  }

  core::RouteOptions options_;
  absl::optional<RouteRules> rules_;
  std::shared_ptr<const schema::Schema> schema_;
};

TEST_F(RouteRulesTest, WithoutASchemaARouteIsWhatTheFileSays) {
  options_.key.ignored_names = {"request_id"};
  const RouteRules::Applied applied = Under(nullptr);
  EXPECT_THAT(applied.of_methods, IsEmpty());
  EXPECT_TRUE(Shares(applied.options));
  EXPECT_THAT(applied.options.key.ignored_fields, IsEmpty());
}

TEST_F(RouteRulesTest, UnaryMethodsAreKnownAndStreamsAreRelayed) {
  const RouteRules::Applied applied = Under(Shop());
  EXPECT_TRUE(For(applied, kGet).unary);
  EXPECT_TRUE(Shares(For(applied, kGet)));
  EXPECT_FALSE(Shares(For(applied, kWatch)));
  EXPECT_FALSE(For(applied, "/shop.v1.Catalog/New").unary);
}

TEST_F(RouteRulesTest, ANameIsAnotherNumberInAnotherMethod) {
  options_.key.ignored_names = {"request_id"};
  options_.key.ignored_fields = {{3, 1}};
  const RouteRules::Applied applied = Under(Shop());
  EXPECT_THAT(For(applied, kGet).key.ignored_fields,
              ElementsAre(model::FieldPath{3, 1}, model::FieldPath{1}));
  EXPECT_THAT(For(applied, kPut).key.ignored_fields,
              ElementsAre(model::FieldPath{3, 1}, model::FieldPath{2}));
  EXPECT_THAT(For(applied, "/shop.v1.Catalog/New").key.ignored_fields,
              ElementsAre(model::FieldPath{3, 1}));
}

TEST_F(RouteRulesTest, MethodsOfTheSameRulesAreOne) {
  const RouteRules::Applied applied = Under(Shop());
  ASSERT_EQ(applied.of_methods.size(), 2u);
  EXPECT_THAT((std::vector{applied.of_methods[0].methods, applied.of_methods[1].methods}),
              UnorderedElementsAre(ElementsAre(kCount, kGet, kPut), ElementsAre(kWatch)));
}

TEST_F(RouteRulesTest, IdempotentSharesWhatIsMarkedAndNothingWithoutASchema) {
  options_.collapse->methods = core::SharedMethods::kIdempotent;
  options_.cache = cache::FreshnessRules();
  EXPECT_FALSE(Shares(Under(nullptr).options));
  const RouteRules::Applied applied = Under(Shop());
  EXPECT_TRUE(Shares(For(applied, kGet)));
  for (const char* method : {kCount, kPut, kWatch, "/shop.v1.Catalog/New"}) {
    EXPECT_FALSE(Shares(For(applied, method))) << method;
  }
  EXPECT_THAT(rules_->Status(), HasSubstr("1 of its 4 methods are marked NO_SIDE_EFFECTS"));
}

TEST_F(RouteRulesTest, ARouteOfOneMethodNeedsNoLookUp) {
  options_.match.method = kGet;
  options_.key.ignored_names = {"request_id"};
  const RouteRules::Applied applied = Under(Shop());
  EXPECT_THAT(applied.of_methods, IsEmpty());
  EXPECT_TRUE(applied.options.unary);
  EXPECT_THAT(applied.options.key.ignored_fields, ElementsAre(model::FieldPath{1}));
}

TEST_F(RouteRulesTest, PatternsWithPrefixesTakeTheirMethods) {
  options_.collapse->methods = core::SharedMethods::kIdempotent;
  for (const char* pattern : {"/api/shop.v1.Catalog/*", "/api/v2/*", "/api/shop.v1.Catalog/G*",
                              "/*", "*", "/api/shop.v1.Catalog/Get"}) {
    options_.match.method = pattern;
    rules_.reset();
    EXPECT_TRUE(Shares(For(Under(Shop()), kGet))) << pattern;
  }
  for (const char* pattern :
       {"/other.Service/*", "/api/other.Service/*", "/api/other.Service/G*"}) {
    options_.match.method = pattern;
    rules_.reset();
    EXPECT_THAT(Under(Shop()).of_methods, IsEmpty()) << pattern;
  }
}

TEST_F(RouteRulesTest, AFormIsMadeWhereItIsWanted) {
  EXPECT_EQ(For(Under(Shop()), kGet).key.form, nullptr);
  options_.key.canonicalize = true;
  rules_.reset();
  EXPECT_EQ(Under(nullptr).options.key.form, nullptr);
  EXPECT_NE(For(Under(Shop()), kGet).key.form, nullptr);
}

TEST_F(RouteRulesTest, AFieldThatATagIsMadeOfCounts) {
  options_.cache = cache::FreshnessRules();
  options_.tags = {*model::ParseFieldTemplate("item:{1}").parsed};
  options_.key.ignored_names = {"request_id"};
  const RouteRules::Applied applied = Under(Shop());
  EXPECT_THAT(For(applied, kGet).key.ignored_fields, IsEmpty());
  EXPECT_THAT(For(applied, kPut).key.ignored_fields, ElementsAre(model::FieldPath{2}));
}

TEST_F(RouteRulesTest, ThatTheFieldCountsIsTheStateOfItsRule) {
  options_.cache = cache::FreshnessRules();
  options_.tags = {*model::ParseFieldTemplate("item:{1}").parsed};
  options_.key.ignored_names = {"request_id"};
  Under(Shop());
  EXPECT_THAT(rules_->Status(), HasSubstr("key.message: 'request_id' is suspended: cache.tags"));
}

TEST_F(RouteRulesTest, ARouteAsksForTheFieldThatTheMethodCallsSo) {
  options_.collapse.reset();
  options_.match.fields = {{{}, std::string("kettle"), "item"}};
  EXPECT_THAT(Under(nullptr).options.match.fields[0].path, IsEmpty());
  EXPECT_THAT(rules_->Status(), HasSubstr("match.field: 'item' is waiting"));
  const RouteRules::Applied applied = Under(Shop());
  EXPECT_EQ(For(applied, kGet).match.fields[0].path, model::FieldPath{2});
  EXPECT_EQ(For(applied, kPut).match.fields[0].path, model::FieldPath{1});
  EXPECT_EQ(For(applied, kWatch).match.fields[0].path, model::FieldPath{2});
  EXPECT_THAT(For(applied, "/shop.v1.Catalog/New").match.fields[0].path, IsEmpty());
  EXPECT_EQ(rules_->Status(), "");
}

TEST_F(RouteRulesTest, AValueThatTheFieldCannotHaveMatchesNothingAndIsToldOf) {
  options_.match.method = kGet;
  options_.match.fields = {{{}, true, "item"}};
  EXPECT_THAT(Under(Shop()).options.match.fields[0].path, IsEmpty());
  EXPECT_THAT(rules_->Status(), HasSubstr("match.field: 'item' is unknown: /shop.v1.Catalog/Get: "
                                          "the field \"item\" is a string, which cannot have"));
}

// The number that the .proto file means, as it is on the wire there.
TEST_F(RouteRulesTest, ANumberIsComparedAsItsTypeIsWritten) {
  options_.match.method = kGet;
  options_.match.fields = {{{}, model::WholeNumber{~uint64_t{4}}, "item"}};
  const auto with = [](auto type) {
    return Shop(WithField("item", [type](auto& field) { field.set_type(type); }));
  };
  using google::protobuf::FieldDescriptorProto;
  EXPECT_EQ(Under(with(FieldDescriptorProto::TYPE_SINT64)).options.match.fields[0].wanted,
            model::FieldScalar(model::WholeNumber{9}));
  rules_.reset();
  EXPECT_EQ(Under(with(FieldDescriptorProto::TYPE_INT64)).options.match.fields[0].wanted,
            model::FieldScalar(model::WholeNumber{~uint64_t{4}}));
}

TEST_F(RouteRulesTest, TagsAndWritesHaveTheNumbersOfTheirMethods) {
  options_.cache = cache::FreshnessRules();
  options_.tags = {*model::ParseFieldTemplate("item:{item}").parsed};
  EXPECT_THAT(Under(nullptr).options.tags[0].fields(), IsEmpty());
  EXPECT_THAT(For(Under(Shop()), kGet).tags[0].fields(), ElementsAre(model::FieldPath{2}));
  options_ = core::RouteOptions();
  options_.match.method = kPut;
  options_.invalidates = {*model::ParseFieldTemplate("item:{item}").parsed};
  rules_.reset();
  EXPECT_THAT(Under(nullptr).options.invalidates[0].fields(), IsEmpty());
  EXPECT_THAT(rules_->Status(), HasSubstr("invalidates: 'item' is waiting"));
  EXPECT_THAT(Under(Shop()).options.invalidates[0].fields(), ElementsAre(model::FieldPath{1}));
}

TEST_F(RouteRulesTest, NoTagIsMadeOfAMessageNorOfAListOfNumbers) {
  options_.match.method = kGet;
  options_.cache = cache::FreshnessRules();
  for (const auto& [name, why] :
       {std::pair("context", "name a field in it"), std::pair("labels", "name a field in it"),
        std::pair("item", "of whose numbers no tags are made")}) {
    options_.tags = {*model::ParseFieldTemplate(absl::StrCat("t:{", name, "}")).parsed};
    rules_.reset();
    const auto schema = Shop(WithField("item", [](auto& field) {
      field.set_type(google::protobuf::FieldDescriptorProto::TYPE_INT64);
      field.set_label(google::protobuf::FieldDescriptorProto::LABEL_REPEATED);
    }));
    EXPECT_THAT(Under(schema).options.tags[0].fields(), IsEmpty());
    EXPECT_THAT(rules_->Status(), HasSubstr(why));
  }
}

// Absent, it is not 0 there.
TEST_F(RouteRulesTest, AFieldWithADefaultOfItsOwnIsNotTakenByName) {
  options_.match.method = kGet;
  options_.match.fields = {{{}, std::string("kettle"), "item"}};
  options_.cache = cache::FreshnessRules();
  options_.tags = {*model::ParseFieldTemplate("item:{item}").parsed};
  const auto schema = Shop([](google::protobuf::FileDescriptorSet& set) {
    auto& file = schema::testing::FileOf(set, "shop/v1/shop.proto");
    file.set_syntax("proto2");
    auto& request = schema::testing::MessageOf(file, "GetRequest");
    schema::testing::FieldOf(request, "item").set_default_value("kettle");
  });
  const core::RouteOptions rules = Under(schema).options;
  EXPECT_THAT(rules.match.fields[0].path, IsEmpty());
  EXPECT_THAT(rules.tags[0].fields(), IsEmpty());
  EXPECT_THAT(rules_->Status(), HasSubstr("has a default of its own"));
}

// PITFALLS 33
TEST_F(RouteRulesTest, ANameThatMeansAnotherFieldMeansNone) {
  options_.match.method = kGet;
  options_.match.fields = {{{}, std::string("kettle"), "item"}};
  Under(Shop());
  const auto changed = Shop(WithField("item", [](auto& field) { field.set_number(9); }));
  EXPECT_THAT(Under(changed).options.match.fields[0].path, IsEmpty());
  EXPECT_THAT(rules_->Status(), HasSubstr("match.field: 'item' is suspended: in "));
  EXPECT_EQ(Under(Shop()).options.match.fields[0].path, model::FieldPath{2});
}

TEST_F(RouteRulesTest, ASuspendedRuleLeavesNothingOutAndSaysWhy) {
  options_.key.ignored_names = {"request_id"};
  Under(Shop());
  const auto changed = Shop(WithField("request_id", [](auto& field) { field.set_number(7); }));
  EXPECT_THAT(For(Under(changed), kGet).key.ignored_fields, IsEmpty());
  EXPECT_THAT(
      rules_->Status(),
      HasSubstr("'request_id' is suspended: in /shop.v1.Catalog/Count it was 1 (string) and is 7"));
  EXPECT_THAT(For(Under(Shop()), kGet).key.ignored_fields, ElementsAre(model::FieldPath{1}));
  EXPECT_EQ(rules_->Status(), "");
}

TEST_F(RouteRulesTest, WhatIsRememberedIsForRoutesThatMeanTheSame) {
  options_.key.ignored_names = {"request_id"};
  const RouteRules rules(options_, "the route");
  EXPECT_TRUE(rules.IsFor(options_));
  core::RouteOptions longer = options_;
  longer.collapse->flight_timeout = absl::Seconds(1);
  EXPECT_TRUE(rules.IsFor(longer));
  for (const auto& change : std::vector<void (*)(core::RouteOptions&)>{
           [](auto& o) { o.match.method = "/*"; }, [](auto& o) { o.upstream = "other"; },
           [](auto& o) {
             o.match.fields = {{{7}, true}};
           },
           [](auto& o) { o.tags = {*model::ParseFieldTemplate("all").parsed}; },
           [](auto& o) { o.invalidates = {*model::ParseFieldTemplate("all").parsed}; },
           [](auto& o) { o.key.ignored_names = {"item"}; },
           [](auto& o) { o.key.ignored_fields = {{1}}; }}) {
    core::RouteOptions other = options_;
    change(other);
    EXPECT_FALSE(rules.IsFor(other));
  }
}

}  // namespace
}  // namespace singleflight::app
