// What a schema says of names and numbers, held against what an earlier one said.

#include "server/schema/field_rules.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"

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

std::vector<model::FieldPath> FieldRules::For(const Method& method,
                                              const std::vector<model::FieldPath>& tagged) {
  std::vector<model::FieldPath> left_out;
  for (FieldRule& rule : rules_) {
    absl::optional<model::FieldPath> path = PathFor(rule, method);
    if (!path.has_value()) continue;
    const bool makes_a_tag =
        std::any_of(tagged.begin(), tagged.end(), [&path](const model::FieldPath& field) {
          return model::StandsIn(field, *path) || model::StandsIn(*path, field);
        });
    if (makes_a_tag) {
      Suspend(rule, absl::StrCat("cache.tags makes a tag of it in ", method.path,
                                 "; remove one of the two"));
    } else {
      left_out.push_back(*std::move(path));
    }
  }
  return left_out;
}

// Numbers hold without a schema, so they hold where one says nothing of them.
absl::optional<model::FieldPath> FieldRules::PathFor(FieldRule& rule, const Method& method) {
  const size_t index = IndexOf(rule);
  if (index < numbers_.size()) {
    const absl::optional<Field> field = Schema::Numbered(method, numbers_[index]);
    if (field.has_value() && !IsAsBefore(rule, method, *field)) return absl::nullopt;
    return numbers_[index];
  }
  const auto none = [](const Field&) { return std::string(); };
  const absl::optional<Field> field = Named(method, rule.text, none);
  return field.has_value() ? absl::make_optional(field->path) : absl::nullopt;
}

absl::optional<Field> FieldRules::Named(const Method& method, absl::string_view names,
                                        absl::FunctionRef<std::string(const Field&)> mistake) {
  const auto rule = std::find_if(rules_.begin() + static_cast<ptrdiff_t>(numbers_.size()),
                                 rules_.end(), [&](const FieldRule& r) { return r.text == names; });
  SF_CHECK(rule != rules_.end());
  const absl::StatusOr<Field> field = Schema::Named(method, names);
  const std::string wrong = field.ok() ? mistake(*field) : std::string(field.status().message());
  if (!wrong.empty()) {
    if (rule->state == RuleState::kUnknown && rule->why.empty()) {
      rule->why = absl::StrCat(method.path, ": ", wrong);
    }
    return absl::nullopt;
  }
  return IsAsBefore(*rule, method, *field) ? absl::make_optional(*field) : absl::nullopt;
}

bool FieldRules::IsAsBefore(FieldRule& rule, const Method& method, const Field& field) {
  const std::pair<std::string, size_t> place(method.path, IndexOf(rule));
  auto known = meanings_.find(place);
  if (known == meanings_.end() && meanings_.size() < kMostRemembered) {
    known = meanings_.emplace(place, Meaning{field.path, field.type}).first;
  }
  if (known == meanings_.end()) {
    Suspend(rule, absl::StrCat("more than ", kMostRemembered,
                               " fields of its methods are remembered; narrow the route"));
    return false;
  }
  if (known->second.path != field.path || known->second.type != field.type) {
    Suspend(rule, absl::StrCat("in ", method.path, " it was ",
                               TextOf(known->second.path, known->second.type), " and is ",
                               TextOf(field.path, field.type),
                               "; it holds again when the schema is as it was, or when the "
                               "configuration is loaded"));
    return false;
  }
  if (rule.state == RuleState::kUnknown) {
    rule.state = RuleState::kInForce;
    rule.why.clear();
  }
  return true;
}

// The first reason is told.
void FieldRules::Suspend(FieldRule& rule, std::string why) {
  if (rule.state != RuleState::kSuspended) rule.why = std::move(why);
  rule.state = RuleState::kSuspended;
}

}  // namespace singleflight::schema
