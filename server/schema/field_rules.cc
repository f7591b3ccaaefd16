#include "server/schema/field_rules.h"

#include "absl/strings/str_cat.h"

namespace singleflight::schema {
namespace {

std::string TextOf(const model::FieldPath& path, absl::string_view type) {
  return absl::StrCat(model::ToText(path), " (", type, ")");
}

}  // namespace

FieldRules::FieldRules(const std::vector<model::FieldPath>& numbers,
                       const std::vector<std::string>& names)
    : numbers_(numbers) {
  for (const model::FieldPath& path : numbers) {
    rules_.push_back({model::ToText(path), RuleState::kInForce, ""});
  }
  for (const std::string& name : names) rules_.push_back({name, RuleState::kWaiting, ""});
}

void FieldRules::Begin() {
  for (size_t i = 0; i < rules_.size(); ++i) {
    rules_[i].state = i < numbers_.size() ? RuleState::kInForce : RuleState::kUnknown;
    rules_[i].why.clear();
  }
}

std::vector<model::FieldPath> FieldRules::For(const Method& method) {
  std::vector<model::FieldPath> left_out;
  for (size_t i = 0; i < rules_.size(); ++i) {
    model::FieldPath path;
    const bool number = i < numbers_.size();
    if (number) path = numbers_[i];
    if (number ? ByNumber(rules_[i], method, path) : ByName(rules_[i], method, &path)) {
      left_out.push_back(std::move(path));
    }
  }
  return left_out;
}

bool FieldRules::ByName(FieldRule& rule, const Method& method, model::FieldPath* path) {
  const absl::StatusOr<Field> field = Schema::Named(method, rule.text);
  if (!field.ok()) {
    if (rule.state == RuleState::kUnknown && rule.why.empty()) {
      rule.why = absl::StrCat(method.path, ": ", field.status().message());
    }
    return false;
  }
  *path = field->path;
  return IsAsBefore(rule, method, *field);
}

// Numbers hold without a schema, so they hold where one says nothing of them.
bool FieldRules::ByNumber(FieldRule& rule, const Method& method, const model::FieldPath& path) {
  const absl::optional<Field> field = Schema::Numbered(method, path);
  return !field.has_value() || IsAsBefore(rule, method, *field);
}

bool FieldRules::IsAsBefore(FieldRule& rule, const Method& method, const Field& field) {
  const std::pair<std::string, size_t> place(method.path,
                                             static_cast<size_t>(&rule - rules_.data()));
  auto known = meanings_.find(place);
  if (known == meanings_.end() && meanings_.size() < kMostRemembered) {
    known = meanings_.emplace(place, Meaning{field.path, field.type}).first;
  }
  std::string why;
  if (known == meanings_.end()) {
    why = absl::StrCat("more than ", kMostRemembered, " fields of its methods are remembered");
  } else if (known->second.path != field.path || known->second.type != field.type) {
    why =
        absl::StrCat("in ", method.path, " it was ", TextOf(known->second.path, known->second.type),
                     " and is ", TextOf(field.path, field.type));
  }
  if (!why.empty()) {
    if (rule.state != RuleState::kSuspended) rule.why = why;
    rule.state = RuleState::kSuspended;
    return false;
  }
  if (rule.state == RuleState::kUnknown) {
    rule.state = RuleState::kInForce;
    rule.why.clear();
  }
  return true;
}

}  // namespace singleflight::schema
