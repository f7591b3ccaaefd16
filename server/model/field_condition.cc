#include "server/model/field_condition.h"

#include <cstdint>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "server/model/field_values.h"

namespace singleflight::model {
namespace {

using Type = wire::ProtobufField::Type;

bool FitsFixed32(uint64_t bits) {
  const auto number = static_cast<int64_t>(bits);
  return number >= std::numeric_limits<int32_t>::min() &&
         number <= int64_t{std::numeric_limits<uint32_t>::max()};
}

// Whether a value holds what is wanted of it.
struct Holds {
  const wire::ProtobufField& field;

  bool operator()(bool wanted) const {
    return field.type == Type::kVarint && (NumberIn(field) != 0) == wanted;
  }
  bool operator()(const WholeNumber& wanted) const {
    if (field.type == Type::kLengthDelimited) return false;
    if (field.type != Type::kFixed32) return NumberIn(field) == wanted.bits;
    return FitsFixed32(wanted.bits) && NumberIn(field) == static_cast<uint32_t>(wanted.bits);
  }
  bool operator()(const std::string& wanted) const {
    return field.type == Type::kLengthDelimited && field.value == wanted;
  }
};

struct MeansDefault {
  bool operator()(bool wanted) const { return !wanted; }
  bool operator()(const WholeNumber& wanted) const { return wanted.bits == 0; }
  bool operator()(const std::string& wanted) const { return wanted.empty(); }
};

struct Shown {
  std::string operator()(bool wanted) const { return wanted ? "true" : "false"; }
  std::string operator()(const WholeNumber& wanted) const {
    const auto number = static_cast<int64_t>(wanted.bits);
    return number < 0 ? absl::StrCat(number) : absl::StrCat(wanted.bits);
  }
  std::string operator()(const std::string& wanted) const {
    return absl::StrCat("\"", absl::CHexEscape(wanted), "\"");
  }
};

}  // namespace

bool FieldCondition::Matches(absl::string_view message) const {
  if (path.empty()) return false;
  absl::optional<bool> latest;
  const bool read = ForEachFieldAt(message, path, [&](const wire::ProtobufField* field) {
    if (field != nullptr) latest = absl::visit(Holds{*field}, wanted);
  });
  if (!read) return false;
  return latest.has_value() ? *latest : absl::visit(MeansDefault(), wanted);
}

std::string ToText(const FieldCondition& condition) {
  return absl::StrCat(condition.names.empty() ? ToText(condition.path) : condition.names, "=",
                      absl::visit(Shown(), condition.wanted));
}

}  // namespace singleflight::model
