// What a backend's .proto files say, as far as it decides what two calls have in common: its
// methods, and the fields of their requests by name and by number.
//
// It is read once, from a descriptor set (google.protobuf.FileDescriptorSet) that the operator's
// protoc made or that a backend gave, and is never changed: a newer one is another Schema. Backends
// are not trusted: what they may say has bounds, and none of it is on a worker's way.
//
// Threads: any; constant after construction. Time: reading takes milliseconds, so no worker does
// it. Errors: name the file, the method and the field that they are about, and the cure.

#ifndef SINGLEFLIGHT_SERVER_SCHEMA_SCHEMA_H_
#define SINGLEFLIGHT_SERVER_SCHEMA_SCHEMA_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/model/canonical_form.h"
#include "server/model/field_paths.h"

namespace google::protobuf {
class Descriptor;
class DescriptorPool;
class FileDescriptorSet;
}  // namespace google::protobuf

namespace singleflight::schema {

struct Method {
  std::string path;  // "/shop.v1.Catalog/Get"
  bool unary = false;
  bool safe = false;                                      // idempotency_level = NO_SIDE_EFFECTS
  const google::protobuf::Descriptor* request = nullptr;  // of its Schema
};

// What the values of a field are on the wire.
enum class FieldKind {
  kBool,
  kNumber,  // as it is: int32, uint64, an enum, sfixed32
  kZigZag,  // sint32, sint64: numbers without a sign, odd ones for what is below zero
  kReal,    // float, double
  kBytes,   // string, bytes
  kMessage,
};

// A field of a request, however it was called.
struct Field {
  std::string name;  // "context.request.id"
  model::FieldPath path;
  std::string type;  // of the last in the path: "string", "repeated int64", "shop.v1.Context"
  FieldKind kind = FieldKind::kMessage;  // likewise
  bool repeated = false;
  bool has_default = false;  // other than 0, false and nothing
};

class Schema {
 public:
  static constexpr size_t kMostBytes = 16u << 20;
  static constexpr size_t kMostFiles = 4096;
  static constexpr size_t kMostMethods = 10'000;

  // Files that the set does not hold may be imported if they are Protobuf's own.
  static absl::StatusOr<std::shared_ptr<const Schema>> Read(absl::string_view descriptor_set);
  static absl::StatusOr<std::shared_ptr<const Schema>> Of(
      const google::protobuf::FileDescriptorSet& set);

  // Reads the file at `path`, which never waits: it has to be a regular file.
  static absl::StatusOr<std::shared_ptr<const Schema>> ReadFile(const std::string& path);

  ~Schema();

  // By path. The second finds a method behind whatever prefix a call's path has; null: there is
  // none.
  const std::map<std::string, Method, std::less<>>& methods() const { return methods_; }
  const Method* Find(absl::string_view path) const;

  // For messages about a method that there is none of: the one whose path is nearest; empty: none
  // is.
  std::string NearestTo(absl::string_view path) const;

  // The field that the names lead to, through messages, groups, and entries of maps
  // (`labels.value`).
  static absl::StatusOr<Field> Named(const Method& method, absl::string_view names);

  // The same by numbers; nothing: the schema has no such field.
  static absl::optional<Field> Numbered(const Method& method, const model::FieldPath& path);

  // "context.request.id" of a method's request; numbers where the schema has no names for them.
  std::string NameOf(absl::string_view method, const model::FieldPath& path) const;

  // The form in which all serializations of a method's request meet. Null: it has none, since the
  // messages that it is made of are too many.
  static std::shared_ptr<const model::CanonicalForm> FormOf(const Method& method);

  size_t files() const { return files_; }

  // Equal for schemas that say the same: who has one need not take the other.
  const std::string& contents() const { return contents_; }

 private:
  Schema();

  std::unique_ptr<google::protobuf::DescriptorPool> pool_;
  std::map<std::string, Method, std::less<>> methods_;
  size_t files_ = 0;
  std::string contents_;
};

}  // namespace singleflight::schema

#endif  // SINGLEFLIGHT_SERVER_SCHEMA_SCHEMA_H_
