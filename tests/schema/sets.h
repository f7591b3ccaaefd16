// The descriptor sets that the build has made.

#ifndef SINGLEFLIGHT_TESTS_SCHEMA_SETS_H_
#define SINGLEFLIGHT_TESTS_SCHEMA_SETS_H_

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>

#include "server/schema/schema.h"

namespace singleflight::schema::testing {

inline std::string PathOf(const std::string& set) {
  return std::string(SINGLEFLIGHT_TEST_SETS) + "/" + set + ".binpb";
}

inline std::string BytesOf(const std::string& set) {
  std::ifstream file(PathOf(set), std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

inline google::protobuf::FileDescriptorSet SetOf(const std::string& set) {
  google::protobuf::FileDescriptorSet parsed;
  EXPECT_TRUE(parsed.ParseFromString(BytesOf(set)));
  return parsed;
}

inline google::protobuf::FileDescriptorProto& FileOf(google::protobuf::FileDescriptorSet& set,
                                                     const std::string& name) {
  for (auto& file : *set.mutable_file()) {
    if (file.name() == name) return file;
  }
  ADD_FAILURE() << "no file " << name;
  return *set.mutable_file(0);
}

inline google::protobuf::DescriptorProto& MessageOf(google::protobuf::FileDescriptorProto& file,
                                                    const std::string& name) {
  for (auto& message : *file.mutable_message_type()) {
    if (message.name() == name) return message;
  }
  ADD_FAILURE() << "no message " << name;
  return *file.mutable_message_type(0);
}

inline google::protobuf::FieldDescriptorProto& FieldOf(google::protobuf::DescriptorProto& message,
                                                       const std::string& name) {
  for (auto& field : *message.mutable_field()) {
    if (field.name() == name) return field;
  }
  ADD_FAILURE() << "no field " << name;
  return *message.mutable_field(0);
}

using Change = std::function<void(google::protobuf::FileDescriptorSet&)>;

// The shop's schema, with a change.
inline std::shared_ptr<const Schema> Shop(const Change& change = {}) {
  google::protobuf::FileDescriptorSet set = SetOf("shop");
  if (change) change(set);
  auto schema = Schema::Of(set);
  EXPECT_TRUE(schema.ok()) << schema.status();
  return schema.ok() ? *schema : nullptr;
}

// A field of GetRequest, changed.
inline Change WithField(const std::string& name,
                        std::function<void(google::protobuf::FieldDescriptorProto&)> change) {
  return [=](google::protobuf::FileDescriptorSet& set) {
    change(FieldOf(MessageOf(FileOf(set, "shop/v1/shop.proto"), "GetRequest"), name));
  };
}

inline constexpr char kGet[] = "/shop.v1.Catalog/Get";
inline constexpr char kPut[] = "/shop.v1.Catalog/Put";

}  // namespace singleflight::schema::testing

#endif  // SINGLEFLIGHT_TESTS_SCHEMA_SETS_H_
