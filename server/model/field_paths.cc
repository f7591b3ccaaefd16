// Messages without some of their fields, in two passes: the first finds out how long they are then
// and whether they are sound all the way, the second writes. So nothing is allocated, and nobody
// sees half of a message.
//
// Both go as deep as a path is long and no deeper. A message inside is gone over once for each
// message around it, which are fewer than kLongestFieldPath.

#include "server/model/field_paths.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/base/check.h"
#include "server/model/length.h"
#include "server/wire/protobuf.h"

namespace singleflight::model {
namespace {

using wire::ProtobufField;
using wire::ProtobufReader;

bool HoldsMessage(const ProtobufField& field) {
  return field.type == ProtobufField::Type::kLengthDelimited ||
         field.type == ProtobufField::Type::kGroup;
}

char* WriteBytes(char* out, absl::string_view bytes) {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

bool IsFieldName(absl::string_view part) {
  const auto allowed = [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_'; };
  return !part.empty() && !absl::ascii_isdigit(static_cast<unsigned char>(part.front())) &&
         std::all_of(part.begin(), part.end(), allowed);
}

// Of what stands before a length: the same bytes, however long the tag was made.
absl::string_view TagOf(const ProtobufField& field) {
  absl::string_view head = field.head;
  size_t size = 1;
  while (static_cast<uint8_t>(head[size - 1]) >= 0x80) ++size;
  return head.substr(0, size);
}

}  // namespace

absl::optional<FieldPath> ParseFieldPath(absl::string_view text) {
  FieldPath path;
  for (const absl::string_view part : absl::StrSplit(text, '.')) {
    uint32_t number = 0;
    const bool digits = !part.empty() && part.front() != '0' &&
                        part.find_first_not_of("0123456789") == absl::string_view::npos;
    if (!digits || !absl::SimpleAtoi(part, &number) || number > wire::kLargestFieldNumber ||
        path.size() == kLongestFieldPath) {
      return absl::nullopt;
    }
    path.push_back(number);
  }
  return path;
}

std::string ToText(const FieldPath& path) { return absl::StrJoin(path, "."); }

bool AreFieldNames(absl::string_view text) {
  if (text.size() > kLongestFieldNames) return false;
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  return parts.size() <= kLongestFieldPath && std::all_of(parts.begin(), parts.end(), IsFieldName);
}

bool StandsIn(const FieldPath& path, const FieldPath& outer) {
  return outer.size() <= path.size() && std::equal(outer.begin(), outer.end(), path.begin());
}

FieldPaths::FieldPaths(const std::vector<FieldPath>& paths) {
  // Shorter ones first: what is inside of a field that is left out adds nothing.
  std::vector<FieldPath> sorted = paths;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const FieldPath& a, const FieldPath& b) { return a.size() < b.size(); });
  for (const FieldPath& path : sorted) {
    SF_CHECK(!path.empty() && path.size() <= kLongestFieldPath);
    Add(path, 0, fields_);
  }
}

void FieldPaths::Add(const FieldPath& path, size_t at, std::vector<Node>& fields) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const Node& node) { return node.number == path[at]; });
  const bool known = found != fields.end();
  if (known && found->inner.empty()) return;
  Node& node = known ? *found : fields.emplace_back(Node{path[at], {}});
  if (at + 1 < path.size()) Add(path, at + 1, node.inner);
}

const FieldPaths::Node* FieldPaths::Find(const std::vector<Node>& fields, uint32_t number) {
  for (const Node& node : fields) {
    if (node.number == number) return &node;
  }
  return nullptr;
}

absl::optional<size_t> FieldPaths::SizeWithout(absl::string_view message) const {
  return Size(message, fields_);
}

char* FieldPaths::WriteWithout(absl::string_view message, char* out) const {
  return Write(message, fields_, out);
}

absl::optional<size_t> FieldPaths::Size(absl::string_view message,
                                        const std::vector<Node>& fields) {
  size_t size = 0;
  ProtobufReader reader(message);
  ProtobufField field;
  while (reader.Next(&field)) {
    const Node* const node = Find(fields, field.number);
    if (node == nullptr) {
      size += field.head.size() + field.value.size() + field.tail.size();
      continue;
    }
    if (node->inner.empty()) continue;
    if (!HoldsMessage(field)) return absl::nullopt;  // the schema is not what the path says
    const absl::optional<size_t> inner = Size(field.value, node->inner);
    if (!inner.has_value()) return absl::nullopt;
    const bool group = field.type == ProtobufField::Type::kGroup;
    size += TagOf(field).size() + (group ? field.tail.size() : SizeOfLength(*inner)) + *inner;
  }
  if (reader.malformed()) return absl::nullopt;
  return size;
}

char* FieldPaths::Write(absl::string_view message, const std::vector<Node>& fields, char* out) {
  ProtobufReader reader(message);
  ProtobufField field;
  while (reader.Next(&field)) {
    const Node* const node = Find(fields, field.number);
    if (node == nullptr) {
      out = WriteBytes(WriteBytes(WriteBytes(out, field.head), field.value), field.tail);
      continue;
    }
    if (node->inner.empty()) continue;
    out = WriteBytes(out, TagOf(field));
    if (field.type != ProtobufField::Type::kGroup) {
      out = WriteLength(out, *Size(field.value, node->inner));
    }
    out = WriteBytes(Write(field.value, node->inner, out), field.tail);
  }
  return out;
}

}  // namespace singleflight::model
