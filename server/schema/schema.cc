// Reads a descriptor set, and notes its methods.

#include "server/schema/schema.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/nearest_word.h"
#include "server/schema/files.h"
#include "server/tls/small_file.h"
#include "server/wire/method.h"

namespace singleflight::schema {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorSet;
using google::protobuf::MethodDescriptor;
using google::protobuf::MethodOptions;
using google::protobuf::ServiceDescriptor;

Method MethodOf(const MethodDescriptor& method) {
  Method out;
  out.path = absl::StrCat("/", method.service()->full_name(), "/", method.name());
  out.unary = !method.client_streaming() && !method.server_streaming();
  out.safe = method.options().idempotency_level() == MethodOptions::NO_SIDE_EFFECTS;
  out.request = method.input_type();
  return out;
}

// Neither comments nor the order of files are part of what a schema says.
std::string ContentsOf(const FileDescriptorSet& set) {
  std::map<std::string, std::string> by_name;
  for (google::protobuf::FileDescriptorProto file : set.file()) {
    file.clear_source_code_info();
    by_name.emplace(file.name(), file.SerializeAsString());
  }
  std::string contents;
  for (const auto& [name, bytes] : by_name) absl::StrAppend(&contents, bytes.size(), " ", bytes);
  return contents;
}

}  // namespace

Schema::Schema() : pool_(std::make_unique<google::protobuf::DescriptorPool>()) {}
Schema::~Schema() = default;

absl::StatusOr<std::shared_ptr<const Schema>> Schema::Read(absl::string_view descriptor_set) {
  if (descriptor_set.size() > kMostBytes) {
    return absl::ResourceExhaustedError(absl::StrCat("it has more than ", kMostBytes >> 20,
                                                     " MiB; leave out what no method needs"));
  }
  FileDescriptorSet set;
  google::protobuf::io::ArrayInputStream bytes(descriptor_set.data(),
                                               static_cast<int>(descriptor_set.size()));
  if (!set.ParseFromZeroCopyStream(&bytes) || set.file_size() == 0) {
    return absl::InvalidArgumentError(
        "it is no descriptor set; make it with protoc --include_imports --descriptor_set_out=FILE");
  }
  return Of(set);
}

absl::StatusOr<std::shared_ptr<const Schema>> Schema::ReadFile(const std::string& path) {
  const absl::StatusOr<std::string> bytes = tls::ReadSmallFile(path, kMostBytes);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<std::shared_ptr<const Schema>> schema = Read(*bytes);
  if (schema.ok()) return schema;
  return absl::Status(schema.status().code(),
                      absl::StrCat("\"", path, "\": ", schema.status().message()));
}

absl::StatusOr<std::shared_ptr<const Schema>> Schema::Of(const FileDescriptorSet& set) {
  const std::shared_ptr<Schema> schema(new Schema());
  if (absl::Status status = BuildFiles(set, *schema->pool_); !status.ok()) return status;
  for (const auto& proto : set.file()) {
    const FileDescriptor* const file = schema->pool_->FindFileByName(proto.name());
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        if (schema->methods_.size() == kMostMethods) {
          return absl::ResourceExhaustedError(
              absl::StrCat("it has more than ", kMostMethods,
                           " methods; leave out services that no route names"));
        }
        Method method = MethodOf(*file->service(s)->method(m));
        schema->methods_.emplace(method.path, method);
      }
    }
  }
  schema->files_ = static_cast<size_t>(set.file_size());
  schema->contents_ = ContentsOf(set);
  return std::shared_ptr<const Schema>(schema);
}

const Method* Schema::Find(absl::string_view path) const {
  const auto found = methods_.find(wire::WithoutPrefix(path));
  return found == methods_.end() ? nullptr : &found->second;
}

std::string Schema::NearestTo(absl::string_view path) const {
  std::vector<std::string> known;
  for (const auto& [name, method] : methods_) known.push_back(name);
  return std::string(base::NearestWord(path, known));
}

}  // namespace singleflight::schema
