// `schema:` of upstreams, and what routes may say only beside it.

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/config/mistakes.h"

namespace singleflight::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kShop = std::string(SINGLEFLIGHT_TEST_SETS) + "/shop.binpb";

// An upstream that is asked for its schema, and a route: its option begins in line 7, column 5.
std::string WithSchema(const std::string& route_option,
                       const std::string& schema = "{reflection: true}") {
  return absl::StrCat(
      "listeners: [{address: 127.0.0.1:0}]\nupstreams:\n  - {name: b, target: h:1, ",
      "schema: ", schema,
      "}\nroutes:\n  - upstream: b\n    match: ", "{method: /shop.v1.Catalog/*}\n    ",
      route_option, "\n");
}

TEST(SchemaOptionsTest, AnUpstreamHasNoneUnlessItSaysSo) {
  EXPECT_EQ(Right(WithOption("")).schemas, (std::vector<absl::optional<schema::Options>>{{}}));
}

TEST(SchemaOptionsTest, ASchemaComesFromAFileOrFromTheUpstream) {
  const Config asked = Right(WithUpstreamOption("schema: {reflection: true, refresh: 1m}"));
  EXPECT_TRUE(asked.schemas[0]->reflection);
  EXPECT_EQ(asked.schemas[0]->refresh, absl::Minutes(1));
  const Config read = Right(WithUpstreamOption("schema: {descriptor_set: /shop.binpb}"));
  EXPECT_FALSE(read.schemas[0]->reflection);
  EXPECT_EQ(read.schemas[0]->descriptor_set, "/shop.binpb");
}

TEST(SchemaOptionsTest, OneOfTheTwoIsNamed) {
  ExpectMistakes({
      {WithUpstreamOption("schema: {refresh: 1m}"),
       "6:13: upstreams[0].schema: says nowhere to have it from; add \"reflection: true\", or "
       "\"descriptor_set: FILE\" with what protoc has made"},
      {WithUpstreamOption("schema: {descriptor_set: /a, reflection: true}"),
       "6:46: upstreams[0].schema.reflection: stands beside \"descriptor_set\"; a schema comes "
       "from "
       "one of the two, remove the other"},
      {WithUpstreamOption("schema: {descriptor_set: /a, refresh: 1m}"),
       "6:43: upstreams[0].schema.refresh: is for reflection only, since files are watched "
       "(reload.check_every); remove it"},
      {WithUpstreamOption("schema: {descriptor_set: \"\"}"),
       "6:30: upstreams[0].schema.descriptor_set: \"\" is no path; write that of a file that "
       "protoc "
       "has made"},
      {WithUpstreamOption("schema: {reflection: true, refresh: 10ms}"),
       "6:41: upstreams[0].schema.refresh: \"10ms\" is out of range; allowed are 1s to 24h"},
  });
}

TEST(SchemaOptionsTest, FieldsMayHaveNames) {
  const model::KeyRules rules =
      Right(WithSchema("collapse: true\n    key: {message: {ignore: [request_id, \"3.2\", "
                       "context.parent.trace], canonicalize: true}}"))
          .routes[0]
          .key;
  EXPECT_THAT(rules.ignored_names, ElementsAre("request_id", "context.parent.trace"));
  EXPECT_THAT(rules.ignored_fields, ElementsAre(ElementsAre(3, 2)));
  EXPECT_TRUE(rules.canonicalize);
}

TEST(SchemaOptionsTest, OneFieldInAnotherNeedsNoLineOfItsOwn) {
  EXPECT_THAT(
      MistakesIn(WithSchema("collapse: true\n    key: {message: {ignore: [context, "
                            "context.trace, contexts]}}")),
      ElementsAre(HasSubstr("\"context.trace\" and \"context\" are one in the other; remove "
                            "the longer one")));
}

TEST(SchemaOptionsTest, CollapseMayBeForIdempotentMethods) {
  for (const char* option : {"collapse: idempotent", "collapse: {methods: idempotent}"}) {
    EXPECT_EQ(Right(WithSchema(option)).routes[0].collapse->methods,
              core::SharedMethods::kIdempotent)
        << option;
  }
  EXPECT_EQ(Right(WithSchema("collapse: true")).routes[0].collapse->methods,
            core::SharedMethods::kAll);
  EXPECT_THAT(MistakesIn(WithSchema("collapse: sometimes")),
              ElementsAre(HasSubstr("\"sometimes\" is neither true nor false nor idempotent nor a "
                                    "section of options")));
}

TEST(SchemaOptionsTest, WhatNeedsASchemaIsRefusedWithoutOne) {
  const std::string cure =
      " needs a schema, and the upstream \"b\" names none; add \"schema: {reflection: true}\" to "
      "it, "
      "or \"schema: {descriptor_set: FILE}\"";
  ExpectMistakes({
      {WithRouteOption("collapse: idempotent"), "5:15: routes[0].collapse:" + cure},
      {WithRouteOption("collapse: true\n    key: {message: {ignore: [\"1\", request_id]}}"),
       "6:35: routes[0].key.message.ignore[1]:" + cure},
      {WithRouteOption("collapse: true\n    key: {message: {canonicalize: true}}"),
       "6:35: routes[0].key.message.canonicalize:" + cure},
  });
  EXPECT_THAT(MistakesIn(WithRouteOption("collapse: true\n    key: {message: {ignore: [\"1\"], "
                                         "canonicalize: false}}")),
              IsEmpty());
}

// A folder with a configuration and what it names.
class DescriptorSetTest : public ::testing::Test {
 protected:
  DescriptorSetTest() { std::filesystem::create_directory(folder_); }
  ~DescriptorSetTest() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<Loaded> LoadNaming(const std::string& descriptor_set) {
    std::ofstream(folder_ / "f.yaml")
        << WithUpstreamOption("schema: {descriptor_set: " + descriptor_set + "}");
    return LoadFile((folder_ / "f.yaml").string());
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(DescriptorSetTest, AFileIsFoundBesideTheConfigurationAndWatched) {
  std::filesystem::copy(kShop, folder_ / "shop.binpb");
  const auto loaded = LoadNaming("shop.binpb");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const std::string path = (folder_ / "shop.binpb").string();
  EXPECT_EQ(loaded->config.schemas[0]->descriptor_set, path);
  std::vector<std::string> watched;
  for (const WatchedFile& file : loaded->files) watched.push_back(file.path);
  EXPECT_THAT(watched, ::testing::Contains(path));
}

TEST_F(DescriptorSetTest, WhatIsNoneIsRefusedWithItsPlace) {
  std::ofstream(folder_ / "shop.binpb") << "not Protobuf";
  EXPECT_THAT(std::string(LoadNaming("shop.binpb").status().message()),
              AllOf(HasSubstr(":6:30: upstreams[0].schema.descriptor_set: "),
                    HasSubstr("is no descriptor set; make it with protoc")));
  EXPECT_THAT(std::string(LoadNaming("nowhere.binpb").status().message()),
              HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace singleflight::config
