// Strings to gRPC's buffers and back.

#ifndef SINGLEFLIGHT_TESTS_TESTING_BYTES_H_
#define SINGLEFLIGHT_TESTS_TESTING_BYTES_H_

#include <grpcpp/grpcpp.h>

#include <string>
#include <vector>

#include "tests/testing/answer.h"

namespace singleflight::testing {

inline grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

inline std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return "";
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

inline Metadata ToMetadata(const std::multimap<grpc::string_ref, grpc::string_ref>& from) {
  Metadata metadata;
  for (const auto& [name, value] : from) {
    metadata.emplace_back(std::string(name.data(), name.size()),
                          std::string(value.data(), value.size()));
  }
  return metadata;
}

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_BYTES_H_
