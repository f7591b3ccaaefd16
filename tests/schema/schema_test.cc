// What is read of descriptor sets, and what is refused.

#include "server/schema/schema.h"

#include <gmock/gmock.h>

#include "tests/schema/sets.h"

namespace singleflight::schema {
namespace {

using google::protobuf::FileDescriptorSet;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FileOf;
using ::testing::HasSubstr;
using testing::kGet;
using testing::kPut;
using testing::SetOf;
using testing::Shop;

std::string WhyNot(const FileDescriptorSet& set) {
  const auto schema = Schema::Of(set);
  return schema.ok() ? "" : std::string(schema.status().message());
}

std::string WhyNot(absl::string_view bytes) {
  const auto schema = Schema::Read(bytes);
  return schema.ok() ? "" : std::string(schema.status().message());
}

TEST(SchemaTest, MethodsAreKnownByTheirPaths) {
  const auto shop = Schema::ReadFile(testing::PathOf("shop"));
  ASSERT_TRUE(shop.ok()) << shop.status();
  std::vector<std::string> paths;
  for (const auto& [path, method] : (*shop)->methods()) paths.push_back(path);
  EXPECT_THAT(paths, ElementsAre("/shop.v1.Catalog/Count", kGet, kPut, "/shop.v1.Catalog/Watch"));
  EXPECT_EQ((*shop)->Find("/shop.v1.Catalog/Delete"), nullptr);
}

TEST(SchemaTest, OnlyNoSideEffectsIsSafe) {
  const auto shop = Shop();
  EXPECT_TRUE(shop->Find(kGet)->safe);
  EXPECT_FALSE(shop->Find("/shop.v1.Catalog/Count")->safe);
  EXPECT_FALSE(shop->Find(kPut)->safe);
}

TEST(SchemaTest, MethodsThatStreamAreNotUnary) {
  const auto shop = Shop();
  EXPECT_TRUE(shop->Find(kGet)->unary);
  EXPECT_FALSE(shop->Find("/shop.v1.Catalog/Watch")->unary);
}

TEST(SchemaTest, PrefixesOfPathsAreNoPartOfAMethodsName) {
  const auto shop = Shop();
  EXPECT_EQ(shop->Find("/api/v2/shop.v1.Catalog/Get"), shop->Find(kGet));
  for (const char* odd : {"", "/", "Get", "/Get", "//"}) EXPECT_EQ(shop->Find(odd), nullptr) << odd;
}

TEST(SchemaTest, TheNearestMethodIsNamed) {
  EXPECT_EQ(Shop()->NearestTo("/shop.v1.Catalog/Gett"), kGet);
  EXPECT_EQ(Shop()->NearestTo("/other.Service/Method"), "");
}

TEST(SchemaTest, FilesMayComeInAnyOrderAndTwice) {
  FileDescriptorSet set = SetOf("shop");
  FileDescriptorSet turned;
  for (int i = set.file_size(); i > 0; --i) *turned.add_file() = set.file(i - 1);
  *turned.add_file() = set.file(0);
  const auto schema = Schema::Of(turned);
  ASSERT_TRUE(schema.ok()) << schema.status();
  EXPECT_EQ((*schema)->contents(), Shop()->contents());
}

TEST(SchemaTest, CommentsDoNotMakeAnotherSchema) {
  const auto commented = Shop([](FileDescriptorSet& set) {
    auto& place = *set.mutable_file(0)->mutable_source_code_info()->add_location();
    place.set_leading_comments("a kettle");
  });
  EXPECT_EQ(commented->contents(), Shop()->contents());
  const auto renamed = Shop(testing::WithField("item", [](auto& field) { field.set_name("id"); }));
  EXPECT_NE(renamed->contents(), Shop()->contents());
}

TEST(SchemaTest, ProtobufsOwnFilesNeedNotBeInTheSet) {
  FileDescriptorSet set = SetOf("shop");
  for (int i = 0; i < set.file_size(); ++i) {
    if (set.file(i).name() == "google/protobuf/timestamp.proto") {
      set.mutable_file()->DeleteSubrange(i, 1);
    }
  }
  EXPECT_EQ(WhyNot(set), "");
}

TEST(SchemaTest, AMissingFileIsNamedWithTheCure) {
  FileDescriptorSet set = SetOf("shop");
  FileOf(set, "shop/v1/context.proto").set_name("renamed.proto");
  EXPECT_EQ(WhyNot(set),
            "shop/v1/shop.proto imports shop/v1/context.proto, which is not there; make the set "
            "with protoc --include_imports");
}

TEST(SchemaTest, FilesThatImportEachOtherAreRefused) {
  FileDescriptorSet set = SetOf("shop");
  FileOf(set, "shop/v1/context.proto").add_dependency("shop/v1/shop.proto");
  EXPECT_THAT(WhyNot(set), HasSubstr("which imports it"));
  FileDescriptorSet one;
  one.add_file()->set_name("a.proto");
  one.mutable_file(0)->add_dependency("a.proto");
  EXPECT_EQ(WhyNot(one), "a.proto imports a.proto, which imports it");
}

// A chain of imports that would take a stack each.
TEST(SchemaTest, ALongChainOfImportsIsRead) {
  FileDescriptorSet set;
  constexpr int kFiles = 4000;
  for (int i = 0; i < kFiles; ++i) {
    auto& file = *set.add_file();
    file.set_name(std::to_string(i) + ".proto");
    if (i + 1 < kFiles) file.add_dependency(std::to_string(i + 1) + ".proto");
  }
  EXPECT_EQ(WhyNot(set), "");
}

TEST(SchemaTest, WhatProtobufRefusesIsNamed) {
  FileDescriptorSet set = SetOf("shop");
  FileOf(set, "shop/v1/shop.proto").mutable_message_type(0)->mutable_field(0)->set_number(0);
  EXPECT_THAT(WhyNot(set), AllOf(HasSubstr("shop/v1/shop.proto: "), HasSubstr("request_id")));
}

TEST(SchemaTest, WhatIsNoDescriptorSetIsRefused) {
  EXPECT_THAT(WhyNot("not Protobuf"), HasSubstr("is no descriptor set"));
  EXPECT_THAT(WhyNot(""), HasSubstr("is no descriptor set"));
  const auto file = Schema::ReadFile("/nowhere/shop.binpb");
  EXPECT_THAT(std::string(file.status().message()),
              AllOf(HasSubstr("/nowhere/shop.binpb"), HasSubstr("cannot be read")));
}

TEST(SchemaTest, SizesHaveBounds) {
  EXPECT_THAT(WhyNot(std::string(Schema::kMostBytes + 1, 'x')), HasSubstr("more than 16 MiB"));
  FileDescriptorSet files;
  for (size_t i = 0; i <= Schema::kMostFiles; ++i) {
    files.add_file()->set_name(std::to_string(i) + ".proto");
  }
  EXPECT_THAT(WhyNot(files), HasSubstr("more than 4096 files"));
  FileDescriptorSet methods = SetOf("shop");
  auto& service = *FileOf(methods, "shop/v1/shop.proto").mutable_service(0);
  const auto method = service.method(0);
  for (size_t i = 0; i <= Schema::kMostMethods; ++i) {
    *service.add_method() = method;
    service.mutable_method(service.method_size() - 1)->set_name("M" + std::to_string(i));
  }
  EXPECT_THAT(WhyNot(methods), HasSubstr("more than 10000 methods"));
}

}  // namespace
}  // namespace singleflight::schema
