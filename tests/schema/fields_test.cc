// Fields by name and by number.

#include <gmock/gmock.h>

#include "tests/schema/sets.h"

namespace singleflight::schema {
namespace {

using ::testing::ElementsAre;
using testing::kGet;
using testing::kPut;
using testing::Shop;

class FieldsTest : public ::testing::Test {
 protected:
  Field Named(const std::string& names, const char* method = kGet) {
    const auto field = Schema::Named(*shop_->Find(method), names);
    EXPECT_TRUE(field.ok()) << field.status();
    return field.value_or(Field());
  }
  std::string WhyNot(const std::string& names) {
    return std::string(Schema::Named(*shop_->Find(kGet), names).status().message());
  }

  const std::shared_ptr<const Schema> shop_ = Shop();
};

TEST_F(FieldsTest, ANameHasANumberInEachMethod) {
  EXPECT_THAT(Named("request_id").path, ElementsAre(1));
  EXPECT_THAT(Named("request_id", kPut).path, ElementsAre(2));
  EXPECT_EQ(Named("request_id").type, "string");
}

TEST_F(FieldsTest, NamesLeadThroughMessagesListsAndMaps) {
  EXPECT_THAT(Named("context.parent.trace").path, ElementsAre(3, 3, 1));
  EXPECT_THAT(Named("asked_at.seconds").path, ElementsAre(4, 1));
  EXPECT_THAT(Named("labels.value").path, ElementsAre(5, 2));
  EXPECT_THAT(Named("hops.trace").path, ElementsAre(6, 1));
  EXPECT_EQ(Named("labels").type, "map<string, string>");
  EXPECT_EQ(Named("hops").type, "repeated shop.v1.Context");
  EXPECT_EQ(Named("asked_at.seconds").type, "int64");
}

TEST_F(FieldsTest, AFieldHasTheKindThatItHasOnTheWire) {
  using google::protobuf::FieldDescriptorProto;
  for (const auto& [type, kind] :
       {std::pair(FieldDescriptorProto::TYPE_BOOL, FieldKind::kBool),
        std::pair(FieldDescriptorProto::TYPE_UINT32, FieldKind::kNumber),
        std::pair(FieldDescriptorProto::TYPE_SFIXED64, FieldKind::kNumber),
        std::pair(FieldDescriptorProto::TYPE_SINT32, FieldKind::kZigZag),
        std::pair(FieldDescriptorProto::TYPE_DOUBLE, FieldKind::kReal),
        std::pair(FieldDescriptorProto::TYPE_BYTES, FieldKind::kBytes)}) {
    const auto changed = Shop(
        testing::WithField("request_id", [type = type](auto& field) { field.set_type(type); }));
    const absl::optional<Field> field = Schema::Numbered(*changed->Find(kGet), {1});
    EXPECT_TRUE(field->kind == kind && !field->repeated) << field->type;
  }
  EXPECT_TRUE(Named("context").kind == FieldKind::kMessage && Named("hops").repeated);
}

TEST_F(FieldsTest, WhatThereIsNotIsNamedWithItsFileAndTheNearest) {
  EXPECT_EQ(WhyNot("request_ids"),
            "shop.v1.GetRequest (shop/v1/shop.proto) has no field \"request_ids\" (did you mean "
            "\"request_id\"?)");
  EXPECT_EQ(WhyNot("context.tennant"),
            "shop.v1.Context (shop/v1/context.proto) has no field \"tennant\" (did you mean "
            "\"tenant\"?)");
  EXPECT_EQ(WhyNot("kettle"), "shop.v1.GetRequest (shop/v1/shop.proto) has no field \"kettle\"");
  EXPECT_EQ(
      WhyNot("item.id"),
      "the field \"item\" of shop.v1.GetRequest (shop/v1/shop.proto) is a string and holds no "
      "fields");
}

TEST_F(FieldsTest, NumbersHaveNames) {
  const absl::optional<Field> field = Schema::Numbered(*shop_->Find(kGet), {3, 3, 2});
  ASSERT_TRUE(field.has_value());
  EXPECT_EQ(field->name, "context.parent.tenant");
  EXPECT_EQ(field->type, "string");
  for (const model::FieldPath& path : std::vector<model::FieldPath>{{9}, {1, 1}, {3, 9}, {}}) {
    EXPECT_EQ(Schema::Numbered(*shop_->Find(kGet), path), absl::nullopt) << model::ToText(path);
  }
}

TEST_F(FieldsTest, WhatHasNoNameIsShownByItsNumbers) {
  EXPECT_EQ(shop_->NameOf(kGet, {3, 2}), "context.tenant");
  EXPECT_EQ(shop_->NameOf("/prefix/shop.v1.Catalog/Get", {5, 1}), "labels.key");
  EXPECT_EQ(shop_->NameOf(kGet, {3, 9}), "3.9");
  EXPECT_EQ(shop_->NameOf("/other.Service/Method", {3, 2}), "3.2");
}

}  // namespace
}  // namespace singleflight::schema
