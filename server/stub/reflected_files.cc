#include "server/stub/reflected_files.h"

#include <google/protobuf/descriptor.pb.h>

#include "server/stub/reflection.h"

namespace singleflight::stub {

absl::optional<ReflectionFailure> ReflectedFiles::Take(const std::string& file) {
  google::protobuf::FileDescriptorProto parsed;
  if (!parsed.ParseFromString(file)) return ReflectionFailure::kMalformed;
  if (!files_.emplace(parsed.name(), file).second) return absl::nullopt;
  bytes_ += file.size();
  if (bytes_ > Reflection::kMostBytes || files_.size() > Reflection::kMostFiles) {
    return ReflectionFailure::kTooLarge;
  }
  missing_.erase(parsed.name());
  for (const std::string& import : parsed.dependency()) {
    if (files_.count(import) == 0 && asked_for_.count(import) == 0) missing_.insert(import);
  }
  return absl::nullopt;
}

absl::optional<std::string> ReflectedFiles::NextMissing() {
  if (missing_.empty() || asked_for_.size() > Reflection::kMostFiles) return absl::nullopt;
  std::string name = *missing_.begin();
  missing_.erase(missing_.begin());
  asked_for_.insert(name);
  return name;
}

std::string ReflectedFiles::Set() const {
  google::protobuf::FileDescriptorSet set;
  for (const auto& [name, bytes] : files_) set.add_file()->ParseFromString(bytes);
  return set.SerializeAsString();
}

}  // namespace singleflight::stub
