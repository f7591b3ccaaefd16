// The fields of requests that a route names, as schemas come and go: those that it leaves out of
// its keys, and those that it makes a choice or tags of.
//
// What was meant by "request_id" or by "3.1" is what the first schema that knew it said: that
// number and that type. If a later one gives the name another number, or the number another type,
// then nobody can say whether the field still is what the route means. So the rule is *suspended*
// for that method, and the field is as if it had no rule, until a schema says again what the first
// one said, or a configuration is loaded: then there is another FieldRules.
//
//   waiting    no schema has come yet: a name leaves nothing out, numbers do
//   in force   for at least one method, and suspended for none
//   unknown    a schema is there, and none of its methods here has such a field
//   suspended  for at least one method; also where a field that a tag is made of was to be left out
//
// Threads: none of its own.

#ifndef SINGLEFLIGHT_SERVER_SCHEMA_FIELD_RULES_H_
#define SINGLEFLIGHT_SERVER_SCHEMA_FIELD_RULES_H_

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/model/field_paths.h"
#include "server/schema/schema.h"

namespace singleflight::schema {

enum class RuleState : unsigned char { kWaiting, kInForce, kUnknown, kSuspended };

constexpr absl::string_view NameOf(RuleState state) {
  switch (state) {
    case RuleState::kWaiting:
      return "waiting";
    case RuleState::kInForce:
      return "in_force";
    case RuleState::kUnknown:
      return "unknown";
    case RuleState::kSuspended:
      return "suspended";
  }
  return "";
}

// One field that the configuration names, by names or by numbers.
struct FieldRule {
  std::string text;  // as configured
  RuleState state = RuleState::kWaiting;
  std::string why;  // it is unknown or suspended, and the cure; a sentence without its end
};

class FieldRules {
 public:
  // What is remembered of schemas, fields of all methods together. Past it a field of a method that
  // is new counts.
  static constexpr size_t kMostRemembered = 20'000;

  FieldRules(const std::vector<model::FieldPath>& numbers, const std::vector<std::string>& names);

  // A schema is there: its methods follow, one For each. Forgets what was said of a former one, but
  // not what its fields were.
  void Begin();

  // What is left out of the requests of `method`. What `tagged` is in, or is in `tagged`, is not:
  // callers that differ in a field that a tag is made of must not share, since a reply has the tags
  // of one of them.
  std::vector<model::FieldPath> For(const Method& method,
                                    const std::vector<model::FieldPath>& tagged = {});

  // The field of `method` that a rule's names lead to. Nothing: it has none, or the rule is
  // suspended, or `mistake` says why it cannot be meant.
  absl::optional<Field> Named(const Method& method, absl::string_view names,
                              absl::FunctionRef<std::string(const Field&)> mistake);

  // In the order of the configuration, numbers first.
  const std::vector<FieldRule>& rules() const { return rules_; }

 private:
  struct Meaning {
    model::FieldPath path;
    std::string type;
  };

  // Where the field is that the rule means; nothing: it is none.
  absl::optional<model::FieldPath> PathFor(FieldRule& rule, const Method& method);
  bool IsAsBefore(FieldRule& rule, const Method& method, const Field& field);
  void Suspend(FieldRule& rule, std::string why);
  size_t IndexOf(const FieldRule& rule) const { return static_cast<size_t>(&rule - rules_.data()); }

  std::vector<model::FieldPath> numbers_;
  std::vector<FieldRule> rules_;
  std::map<std::pair<std::string, size_t>, Meaning> meanings_;  // by method and rule
};

}  // namespace singleflight::schema

#endif  // SINGLEFLIGHT_SERVER_SCHEMA_FIELD_RULES_H_
