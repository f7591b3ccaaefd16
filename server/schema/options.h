#ifndef SINGLEFLIGHT_SERVER_SCHEMA_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_SCHEMA_OPTIONS_H_

#include <string>

#include "absl/time/time.h"

namespace singleflight::schema {

// `schema:` of an upstream: where it says what its messages are. One of the two is set.
struct Options {
  std::string descriptor_set;  // the path of a file that protoc has made
  bool reflection = false;     // the upstream itself is asked

  absl::Duration refresh = absl::Minutes(10);  // it is asked again this often

  bool operator==(const Options&) const = default;
};

}  // namespace singleflight::schema

#endif  // SINGLEFLIGHT_SERVER_SCHEMA_OPTIONS_H_
