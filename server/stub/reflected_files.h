// The files that a backend has sent by server reflection, and what is still to be asked for.

#ifndef SINGLEFLIGHT_SERVER_STUB_REFLECTED_FILES_H_
#define SINGLEFLIGHT_SERVER_STUB_REFLECTED_FILES_H_

#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "absl/types/optional.h"
#include "server/stub/reflection_failure.h"

namespace singleflight::stub {

class ReflectedFiles {
 public:
  // Takes a serialized google.protobuf.FileDescriptorProto. What it imports is missing from now on,
  // unless it is there. An error is why nothing more is to be asked for.
  absl::optional<ReflectionFailure> Take(const std::string& file);

  // A file that another imports and that is not there. Each is named once, whether it comes or not.
  absl::optional<std::string> NextMissing();

  // A serialized google.protobuf.FileDescriptorSet.
  std::string Set() const;

 private:
  std::map<std::string, std::string> files_;  // by name
  std::set<std::string> missing_;
  std::set<std::string> asked_for_;
  size_t bytes_ = 0;
};

}  // namespace singleflight::stub

#endif  // SINGLEFLIGHT_SERVER_STUB_REFLECTED_FILES_H_
