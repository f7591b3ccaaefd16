// Fields of request messages that do not count in keys, by the numbers by which a message's schema
// calls them. No schema is needed: a path says which fields hold messages.

#ifndef SINGLEFLIGHT_SERVER_MODEL_FIELD_PATHS_H_
#define SINGLEFLIGHT_SERVER_MODEL_FIELD_PATHS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace singleflight::model {

// {3, 2}: field 2 of the message, or of the group, that is field 3. Of a repeated field every one
// is meant.
using FieldPath = std::vector<uint32_t>;

// The most numbers, or names, in one path; and the most bytes of names.
inline constexpr size_t kLongestFieldPath = 16;
inline constexpr size_t kLongestFieldNames = 512;

// "3.2"; nothing: that is no path.
absl::optional<FieldPath> ParseFieldPath(absl::string_view text);
std::string ToText(const FieldPath& path);

// Whether `text` is such a path by names, "context.request_id", as .proto files write them. Only a
// schema knows which numbers these are.
bool AreFieldNames(absl::string_view text);

// Whether what is at `path` stands in what is at `outer`, or is it.
bool StandsIn(const FieldPath& path, const FieldPath& outer);

// Messages without the fields at some paths. What is left stands as it came, byte for byte, but for
// the lengths of the messages in which something is missing. A message that holds another at a path
// differs from one that does not, whatever is in it.
//
// Threads: constant after construction.
class FieldPaths {
 public:
  // None is empty or longer than kLongestFieldPath.
  explicit FieldPaths(const std::vector<FieldPath>& paths);

  bool empty() const { return fields_.empty(); }

  // How many bytes `message` has without them. Nothing: it is not Protobuf, or a field that a path
  // leads through is not.
  absl::optional<size_t> SizeWithout(absl::string_view message) const;

  // Writes these bytes, of a message that has a SizeWithout, and returns where they end.
  char* WriteWithout(absl::string_view message, char* out) const;

 private:
  // A number on the way. Without `inner` the field is left out, else what these say of it.
  struct Node {
    uint32_t number;
    std::vector<Node> inner;
  };

  static void Add(const FieldPath& path, size_t at, std::vector<Node>& fields);
  static const Node* Find(const std::vector<Node>& fields, uint32_t number);
  static absl::optional<size_t> Size(absl::string_view message, const std::vector<Node>& fields);
  static char* Write(absl::string_view message, const std::vector<Node>& fields, char* out);

  std::vector<Node> fields_;
};

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_FIELD_PATHS_H_
