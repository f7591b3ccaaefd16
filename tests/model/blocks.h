// Header blocks as lists, to write and compare them.

#ifndef SINGLEFLIGHT_TESTS_MODEL_BLOCKS_H_
#define SINGLEFLIGHT_TESTS_MODEL_BLOCKS_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/model/request.h"

namespace singleflight::model {

using Fields = std::vector<std::pair<std::string, std::string>>;

inline Headers HeadersOf(const Fields& fields) {
  Headers headers;
  for (const auto& [name, value] : fields) headers.Add(name, value);
  return headers;
}

// The reverse, for comparisons.
inline Fields FieldsOf(HeadersView headers) {
  Fields fields;
  for (const Field field : headers) fields.emplace_back(field.name, field.value);
  return fields;
}

// A request's block; those of `fields` replace the usual ones of the same name, where they stand,
// and the others follow. An empty value removes.
inline Headers RequestBlock(const Fields& fields = {}) {
  Fields block = {{":method", "POST"},
                  {":scheme", "http"},
                  {":path", "/shop.Catalog/Get"},
                  {":authority", "shop.example:8080"},
                  {"content-type", "application/grpc"},
                  {"te", "trailers"}};
  Fields others;
  for (const auto& [name, value] : fields) {
    bool usual = false;
    for (size_t i = 0; i < 6 && !usual; ++i) {
      usual = block[i].first == name;
      if (usual) block[i].second = value;
    }
    if (!usual) others.emplace_back(name, value);
  }
  std::erase_if(block, [](const auto& field) { return field.second.empty(); });
  block.insert(block.end(), others.begin(), others.end());
  return HeadersOf(block);
}

inline Request RequestOf(const Fields& fields = {}) {
  return absl::get<Request>(ParseRequest(RequestBlock(fields)));
}

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_TESTS_MODEL_BLOCKS_H_
