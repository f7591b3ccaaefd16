// What becomes of the fields that a route names, while schemas come and change.

#include "server/schema/field_rules.h"

#include <gmock/gmock.h>

#include "tests/schema/sets.h"

namespace singleflight::schema {
namespace {

using google::protobuf::FieldDescriptorProto;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kGet;
using testing::kPut;
using testing::Shop;
using testing::WithField;

class FieldRulesTest : public ::testing::Test {
 protected:
  // What is left out of Get's requests under a schema that is new.
  std::vector<model::FieldPath> Under(const std::shared_ptr<const Schema>& schema,
                                      const char* method = kGet) {
    schema_ = schema;
    rules_.Begin();
    return rules_.For(*schema->Find(method));
  }
  RuleState State() const { return rules_.rules().back().state; }
  std::string Why() const { return rules_.rules().back().why; }

  std::shared_ptr<const Schema> schema_;
  FieldRules rules_{{}, {"request_id"}};
};

class NumberRulesTest : public FieldRulesTest {
 protected:
  NumberRulesTest() { rules_ = FieldRules({{1}}, {}); }
};

TEST_F(FieldRulesTest, ANameWaitsForASchema) {
  EXPECT_EQ(State(), RuleState::kWaiting);
  EXPECT_THAT(Under(Shop()), ElementsAre(model::FieldPath{1}));
  EXPECT_EQ(State(), RuleState::kInForce);
}

TEST_F(FieldRulesTest, EachMethodHasNumbersOfItsOwn) {
  rules_.Begin();
  const auto shop = Shop();
  EXPECT_THAT(rules_.For(*shop->Find(kGet)), ElementsAre(model::FieldPath{1}));
  EXPECT_THAT(rules_.For(*shop->Find(kPut)), ElementsAre(model::FieldPath{2}));
}

TEST_F(FieldRulesTest, NamesAndNumbersMayStandTogether) {
  rules_ = FieldRules({{3, 1}}, {"request_id", "labels"});
  EXPECT_THAT(Under(Shop()),
              ElementsAre(model::FieldPath{3, 1}, model::FieldPath{1}, model::FieldPath{5}));
}

TEST_F(FieldRulesTest, ANameThatNoMethodHasIsUnknownAndTheReasonNamesTheNearest) {
  rules_ = FieldRules({}, {"requestid"});
  EXPECT_THAT(Under(Shop()), IsEmpty());
  EXPECT_EQ(State(), RuleState::kUnknown);
  EXPECT_THAT(Why(), HasSubstr("did you mean \"request_id\"?"));
}

TEST_F(FieldRulesTest, ANameThatOneOfTheMethodsHasIsInForce) {
  rules_ = FieldRules({}, {"labels"});
  rules_.Begin();
  const auto shop = Shop();
  EXPECT_THAT(rules_.For(*shop->Find(kGet)), ElementsAre(model::FieldPath{5}));
  EXPECT_THAT(rules_.For(*shop->Find(kPut)), IsEmpty());
  EXPECT_EQ(State(), RuleState::kInForce);
  EXPECT_EQ(Why(), "");
}

TEST_F(FieldRulesTest, AnotherNumberSuspendsTheRuleUntilASchemaFits) {
  Under(Shop());
  EXPECT_THAT(Under(Shop(WithField("request_id", [](auto& field) { field.set_number(7); }))),
              IsEmpty());
  EXPECT_EQ(State(), RuleState::kSuspended);
  EXPECT_THAT(Why(), HasSubstr("in /shop.v1.Catalog/Get it was 1 (string) and is 7 (string); it "
                               "holds again when the schema is as it was"));
  EXPECT_THAT(Under(Shop()), ElementsAre(model::FieldPath{1}));
  EXPECT_EQ(State(), RuleState::kInForce);
}

TEST_F(FieldRulesTest, AnotherTypeSuspendsTheRule) {
  Under(Shop());
  EXPECT_THAT(
      Under(Shop(WithField("request_id",
                           [](auto& field) { field.set_type(FieldDescriptorProto::TYPE_INT64); }))),
      IsEmpty());
  EXPECT_THAT(Why(), HasSubstr("in /shop.v1.Catalog/Get it was 1 (string) and is 1 (int64)"));
}

TEST_F(FieldRulesTest, AFieldThatWentAndCameBackAsAnotherSuspendsTheRule) {
  Under(Shop());
  EXPECT_THAT(Under(Shop(WithField("request_id", [](auto& field) { field.set_name("id"); }))),
              IsEmpty());
  EXPECT_EQ(State(), RuleState::kUnknown);
  Under(Shop(WithField("request_id", [](auto& field) { field.set_number(7); })));
  EXPECT_EQ(State(), RuleState::kSuspended);
}

TEST_F(FieldRulesTest, AFieldThatATagIsMadeOfCountsAndItsRuleSaysSo) {
  const auto shop = Shop();
  for (const model::FieldPath& tagged : {model::FieldPath{1}, model::FieldPath{1, 2}}) {
    rules_.Begin();
    EXPECT_THAT(rules_.For(*shop->Find(kGet), {tagged}), IsEmpty());
    EXPECT_EQ(State(), RuleState::kSuspended);
    EXPECT_THAT(Why(), HasSubstr("cache.tags makes a tag of it in /shop.v1.Catalog/Get"));
  }
  rules_.Begin();
  EXPECT_THAT(rules_.For(*shop->Find(kGet), {{2}}), ElementsAre(model::FieldPath{1}));
  EXPECT_EQ(State(), RuleState::kInForce);
}

TEST_F(FieldRulesTest, ANameIsFoundAndMayBeRefused) {
  const auto shop = Shop();
  rules_.Begin();
  const auto refuse = [](const Field& field) { return field.type + " will not do"; };
  EXPECT_FALSE(rules_.Named(*shop->Find(kGet), "request_id", refuse).has_value());
  EXPECT_EQ(State(), RuleState::kUnknown);
  EXPECT_EQ(Why(), "/shop.v1.Catalog/Get: string will not do");
  const auto take = [](const Field&) { return std::string(); };
  EXPECT_THAT(rules_.Named(*shop->Find(kPut), "request_id", take)->path, ElementsAre(2));
  EXPECT_EQ(State(), RuleState::kInForce);
}

TEST_F(FieldRulesTest, ALoadedConfigurationTakesTheSchemaAsItIs) {
  const auto changed = Shop(WithField("request_id", [](auto& field) { field.set_number(7); }));
  Under(Shop());
  Under(changed);
  rules_ = FieldRules({}, {"request_id"});
  EXPECT_THAT(Under(changed), ElementsAre(model::FieldPath{7}));
}

TEST_F(NumberRulesTest, ANumberNeedsNoSchema) { EXPECT_EQ(State(), RuleState::kInForce); }

TEST_F(NumberRulesTest, ANumberThatTheSchemaDoesNotKnowHoldsAllTheSame) {
  rules_ = FieldRules({{99}}, {});
  EXPECT_THAT(Under(Shop()), ElementsAre(model::FieldPath{99}));
}

TEST_F(NumberRulesTest, AnotherNameIsTheSameField) {
  Under(Shop());
  EXPECT_THAT(Under(Shop(WithField("request_id", [](auto& field) { field.set_name("id"); }))),
              ElementsAre(model::FieldPath{1}));
}

TEST_F(NumberRulesTest, AnotherTypeSuspendsTheRule) {
  Under(Shop());
  EXPECT_THAT(
      Under(Shop(WithField("request_id",
                           [](auto& field) { field.set_type(FieldDescriptorProto::TYPE_BYTES); }))),
      IsEmpty());
  EXPECT_EQ(State(), RuleState::kSuspended);
}

// A backend that is not trusted may have new methods for ever.
TEST_F(FieldRulesTest, WhatIsRememberedHasABound) {
  const auto shop = Shop();
  Method method = *shop->Find(kGet);
  rules_.Begin();
  for (size_t i = 0; i < FieldRules::kMostRemembered; ++i) {
    method.path = "/shop.v1.Catalog/M" + std::to_string(i);
    ASSERT_THAT(rules_.For(method), ElementsAre(model::FieldPath{1}));
  }
  EXPECT_THAT(rules_.For(*shop->Find(kGet)), IsEmpty());
  EXPECT_EQ(State(), RuleState::kSuspended);
  EXPECT_THAT(rules_.For(method), ElementsAre(model::FieldPath{1}));
}

}  // namespace
}  // namespace singleflight::schema
