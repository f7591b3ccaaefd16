// From names to numbers, and what a schema says against a name.

#include "server/app/named_fields.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"

namespace singleflight::app {
namespace {

using schema::Field;
using schema::FieldKind;
using Names = std::vector<std::string>;

void AddOnce(const std::string& name, Names* names) {
  if (name.empty() || std::find(names->begin(), names->end(), name) != names->end()) return;
  names->push_back(name);
}

Names NamesIn(const std::vector<model::FieldCondition>& conditions) {
  Names names;
  for (const model::FieldCondition& condition : conditions) AddOnce(condition.names, &names);
  return names;
}

Names NamesIn(const std::vector<model::FieldTemplate>& templates) {
  Names names;
  for (const model::FieldTemplate& one : templates) {
    for (const std::string& name : one.names()) AddOnce(name, &names);
  }
  return names;
}

// Which kinds of field can have the value.
struct CanBe {
  FieldKind kind;

  bool operator()(bool) const { return kind == FieldKind::kBool; }
  bool operator()(const model::WholeNumber&) const {
    return kind == FieldKind::kNumber || kind == FieldKind::kZigZag;
  }
  bool operator()(const std::string&) const { return kind == FieldKind::kBytes; }
};

// Absent, such a field would be taken for 0.
std::string DefaultMistake(const Field& field) {
  if (!field.has_default) return "";
  return absl::StrCat(
      "the field \"", field.name,
      "\" has a default of its own, so that it is absent does not mean 0 or nothing");
}

std::string ComparisonMistake(const Field& field, const model::FieldScalar& wanted) {
  if (!field.repeated && absl::visit(CanBe{field.kind}, wanted)) return DefaultMistake(field);
  return absl::StrCat("the field \"", field.name, "\" is a ", field.type,
                      ", which cannot have the value that is asked for");
}

// Two encodings of one list, or of one message, would be two tags.
std::string TagMistake(const Field& field) {
  if (field.kind == FieldKind::kMessage) {
    return absl::StrCat("the field \"", field.name, "\" is a ", field.type,
                        ", of which no tag is made; name a field in it");
  }
  if (field.kind == FieldKind::kReal) {
    return absl::StrCat("the field \"", field.name, "\" is a ", field.type,
                        ", of which no tag is made");
  }
  if (!field.repeated || field.kind == FieldKind::kBytes) return DefaultMistake(field);
  return absl::StrCat("the field \"", field.name, "\" is a ", field.type,
                      ", of whose numbers no tags are made");
}

// As it stands on the wire (encoding of sint32 and sint64).
model::FieldScalar OnTheWire(const model::FieldScalar& wanted, FieldKind kind) {
  const auto* const number = absl::get_if<model::WholeNumber>(&wanted);
  if (number == nullptr || kind != FieldKind::kZigZag) return wanted;
  const uint64_t sign = number->bits >> 63 != 0 ? ~uint64_t{0} : 0;
  return model::WholeNumber{(number->bits << 1) ^ sign};
}

void ResolveTemplates(const schema::Method& method, schema::FieldRules& rules,
                      std::vector<model::FieldTemplate>& templates) {
  for (model::FieldTemplate& one : templates) {
    one = one.With([&](const std::string& names) {
      const absl::optional<Field> field = rules.Named(method, names, TagMistake);
      return field.has_value() ? field->path : model::FieldPath();
    });
  }
}

}  // namespace

NamedFields::NamedFields(const core::RouteOptions& options)
    : match_({}, NamesIn(options.match.fields)),
      tags_({}, NamesIn(options.tags)),
      invalidates_({}, NamesIn(options.invalidates)) {}

bool NamedFields::empty() const {
  return match_.rules().empty() && tags_.rules().empty() && invalidates_.rules().empty();
}

void NamedFields::Begin() {
  match_.Begin();
  tags_.Begin();
  invalidates_.Begin();
}

void NamedFields::Resolve(const schema::Method& method, core::RouteOptions& rules) {
  for (model::FieldCondition& condition : rules.match.fields) {
    if (condition.names.empty()) continue;
    const auto mistake = [&](const Field& field) {
      return ComparisonMistake(field, condition.wanted);
    };
    const absl::optional<Field> field = match_.Named(method, condition.names, mistake);
    condition.path = field.has_value() ? field->path : model::FieldPath();
    if (field.has_value()) condition.wanted = OnTheWire(condition.wanted, field->kind);
  }
  ResolveTemplates(method, tags_, rules.tags);
  ResolveTemplates(method, invalidates_, rules.invalidates);
}

void NamedFields::ForEachRule(Each each) const {
  for (const schema::FieldRule& rule : match_.rules()) {
    each("match.field", "no call takes the route by it", rule);
  }
  for (const schema::FieldRule& rule : tags_.rules()) {
    each("cache.tags", "replies are not kept", rule);
  }
  for (const schema::FieldRule& rule : invalidates_.rules()) {
    each("invalidates", "writes drop every group", rule);
  }
}

}  // namespace singleflight::app
