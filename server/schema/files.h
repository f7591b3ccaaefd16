// Files of a descriptor set, put into the order in which a pool can take them.

#ifndef SINGLEFLIGHT_SERVER_SCHEMA_FILES_H_
#define SINGLEFLIGHT_SERVER_SCHEMA_FILES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace google::protobuf {
class DescriptorPool;
class FileDescriptorProto;
class FileDescriptorSet;
}  // namespace google::protobuf

namespace singleflight::schema {

// Builds the files of `set` in `pool`, each after those that it imports. Of two of one name the
// first is taken. Files of Protobuf's own that are imported and missing are added.
absl::Status BuildFiles(const google::protobuf::FileDescriptorSet& set,
                        google::protobuf::DescriptorPool& pool);

}  // namespace singleflight::schema

#endif  // SINGLEFLIGHT_SERVER_SCHEMA_FILES_H_
