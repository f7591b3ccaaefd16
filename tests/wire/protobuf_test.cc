// Messages as their bytes, field by field.

#include "server/wire/protobuf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace singleflight::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Bytes(std::initializer_list<int> bytes) {
  return std::string(bytes.begin(), bytes.end());
}

// "number:type:value" of each; at the end "malformed" where it is.
std::vector<std::string> FieldsOf(absl::string_view message) {
  std::vector<std::string> fields;
  ProtobufReader reader(message);
  ProtobufField field;
  while (reader.Next(&field)) {
    fields.push_back(
        absl::StrCat(field.number, ":", static_cast<int>(field.type), ":", field.value));
  }
  if (reader.malformed()) fields.push_back("malformed");
  return fields;
}

// So many groups of field 1, one in another, in which `bytes` stand.
std::string Groups(int depth, const std::string& bytes) {
  return std::string(static_cast<size_t>(depth), '\x0b') + bytes +
         std::string(static_cast<size_t>(depth), '\x0c');
}

TEST(ProtobufTest, EveryTypeIsRead) {
  EXPECT_THAT(FieldsOf(Bytes({0x08, 0x7f}) + Bytes({0x11}) + "12345678" + Bytes({0x1a, 3}) + "abc" +
                       Bytes({0x23, 0x28, 1, 0x24}) + Bytes({0x2d}) + "1234"),
              ElementsAre("1:0:\x7f", "2:1:12345678", "3:2:abc", absl::StrCat("4:3:", "\x28\x01"),
                          "5:5:1234"));
  EXPECT_THAT(FieldsOf(""), IsEmpty());
}

TEST(ProtobufTest, TheThreePartsOfAFieldAreTheField) {
  const std::string message = Bytes({0x1a, 0x83, 0}) + "abc" + Bytes({0x23, 0x28, 1, 0x24});
  ProtobufReader reader(message);
  ProtobufField field;
  std::string all;
  while (reader.Next(&field)) absl::StrAppend(&all, field.head, field.value, field.tail);
  EXPECT_EQ(all, message);
}

TEST(ProtobufTest, LargeNumbersAreRead) {
  EXPECT_THAT(FieldsOf(Bytes({0xf8, 0xff, 0xff, 0xff, 0x0f, 1})),
              ElementsAre(absl::StrCat(kLargestFieldNumber, ":0:\x01")));
  EXPECT_THAT(FieldsOf(Bytes({0x80, 0x80, 0x80, 0x80, 0x10, 1})), ElementsAre("malformed"));
}

TEST(ProtobufTest, WhatIsNoFieldIsMalformed) {
  const std::string malformed[] = {
      Bytes({0x00, 1}),           // number 0
      Bytes({0x0e, 1}),           // type 6
      Bytes({0x0f, 1}),           // type 7
      Bytes({0x0c}),              // the end of a group that has not begun
      Bytes({0x80}),              // half a tag
      Bytes({0x08}),              // no value
      Bytes({0x08, 0x80}),        // half a value
      Bytes({0x11}) + "1234567",  // seven of eight bytes
      Bytes({0x0d}) + "123",      // three of four
      Bytes({0x0a, 4}) + "abc",   // three of four
      Bytes({0x0a, 0x80}),        // half a length
      Bytes({0x0a}) + std::string(9, '\xff') + Bytes({1}) + "abc",  // 2^64 - 1 bytes
      Bytes({0x08}) + std::string(9, '\xff') + Bytes({2}),          // more than 64 bits
      Bytes({0x08}) + std::string(10, '\x80') + Bytes({1}),         // eleven bytes
      Bytes({0x0b, 0x10, 1}),                                       // a group without an end
      Bytes({0x0b, 0x14}),                                          // with the end of another
      Bytes({0x0b, 0x0e, 0x0c}),                                    // with type 6 in it
  };
  for (const std::string& message : malformed) {
    EXPECT_THAT(FieldsOf(message), ElementsAre("malformed")) << ::testing::PrintToString(message);
    EXPECT_THAT(FieldsOf("\x08\x01" + message), ElementsAre("1:0:\x01", "malformed"));
  }
  // All of 64 bits.
  const std::string most = std::string(9, '\xff') + Bytes({1});
  EXPECT_THAT(FieldsOf(Bytes({0x08}) + most), ElementsAre("1:0:" + most));
}

TEST(ProtobufTest, GroupsAreReadAsDeepAsProtobufDoes) {
  EXPECT_EQ(FieldsOf(Groups(100, "\x10\x01")).size(), 1u);
  EXPECT_THAT(FieldsOf(Groups(100, "\x10\x01")), ElementsAre("1:3:" + Groups(99, "\x10\x01")));
  EXPECT_THAT(FieldsOf(Groups(101, "\x10\x01")), ElementsAre("malformed"));
  EXPECT_THAT(FieldsOf(std::string(1 << 20, '\x0b')), ElementsAre("malformed"));
}

}  // namespace
}  // namespace singleflight::wire
