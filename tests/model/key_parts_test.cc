// A key taken apart is what it was put together from.

#include "server/model/key_parts.h"

#include "tests/model/blocks.h"

namespace singleflight::model {
namespace {

class KeyPartsTest : public ::testing::Test {
 protected:
  Key KeyOf(const Fields& fields, absl::string_view message = "id-7") {
    return KeyPolicy({}, "catalog", 7, fingerprints_)
        .MakeKey(5, RequestOf(fields), "Catalog:50051", message);
  }
  static Fields FieldsOf(const Key& key) {
    absl::string_view metadata = PartsOf(key).metadata;
    Fields fields;
    for (Field field; TakeField(metadata, field);) fields.emplace_back(field.name, field.value);
    return fields;
  }

  Fingerprints fingerprints_;
};

TEST_F(KeyPartsTest, EveryPartIsWhatItWas) {
  const Key key = KeyOf({{"content-type", "application/grpc+json"}});
  const KeyParts parts = PartsOf(key);
  EXPECT_EQ(parts.policy, 1);
  EXPECT_EQ(parts.trust, 5);
  EXPECT_EQ(parts.authority, "catalog:50051");
  EXPECT_EQ(parts.method, "/shop.Catalog/Get");
  EXPECT_EQ(parts.suffix, "+json");
  EXPECT_EQ(parts.message, "id-7");
  EXPECT_EQ(parts.metadata, "");
}

TEST_F(KeyPartsTest, AMessageIsProtobufWithoutWhatStandsBeforeIt) {
  const std::string bytes("\x08\x07", 2);
  EXPECT_EQ(ProtobufIn(PartsOf(KeyOf({}, std::string("\0\0\0\0\2", 5) + bytes))), bytes);
  EXPECT_EQ(ProtobufIn(PartsOf(KeyOf({}, std::string(5, '\0')))), "");
  KeyRules rules;
  rules.ignored_fields = {{2}};
  const Key without =
      KeyPolicy(rules, "catalog", 7, fingerprints_)
          .MakeKey(5, RequestOf({}), "a", std::string("\0\0\0\0\4", 5) + bytes + "\x10\x01");
  EXPECT_EQ(ProtobufIn(PartsOf(without)), bytes);
}

TEST_F(KeyPartsTest, WhatIsNotProtobufIsNone) {
  const std::string frame("\0\0\0\0\2\x08\x07", 7);
  EXPECT_FALSE(ProtobufIn(PartsOf(KeyOf({{"content-type", "application/grpc+json"}}, frame))));
  EXPECT_FALSE(ProtobufIn(PartsOf(KeyOf({}, std::string("\1\0\0\0\2\x08\x07", 7)))));
  EXPECT_FALSE(ProtobufIn(PartsOf(KeyOf({}, ""))));
  EXPECT_FALSE(ProtobufIn(PartsOf(KeyOf({}, std::string(4, '\0')))));
}

TEST_F(KeyPartsTest, MetadataThatCountsComesByName) {
  EXPECT_EQ(FieldsOf(KeyOf({{"x-b", "2"}, {"x-a", ""}, {"traceparent", "noise"}, {"x-b", "1"}})),
            (Fields{{"x-a", ""}, {"x-b", "2"}, {"x-b", "1"}}));
}

TEST_F(KeyPartsTest, PartsMayBeOfAnyLength) {
  for (const size_t length : {0, 1, 127, 128, 16383, 16384, 3'000'000}) {
    const std::string text(length, 'x');
    const Key key = KeyOf({{"x-a", text}}, text);
    EXPECT_EQ(PartsOf(key).message.size(), length);
    EXPECT_EQ(FieldsOf(key), (Fields{{"x-a", text}}));
  }
}

}  // namespace
}  // namespace singleflight::model
