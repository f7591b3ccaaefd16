// What a schema makes of one route of a configuration: which of its methods share calls, which
// fields of which method's requests do not count, and which ones its other rules mean.
//
// Without a schema a route is what the configuration says, but for what needs one: names of fields
// leave nothing out and mean nothing (NamedFields), messages count with their bytes as they come,
// and `collapse: idempotent` shares nothing. With one, each method that the schema knows has rules
// of its own; methods that it does not know stay as they were. Methods with the same rules are one
// entry, so what a worker looks at grows with what differs and not with what there is.
//
// It outlives schemas, since it remembers what fields were (schema::FieldRules), and with its route
// those reloads that only a changed file has caused.
//
// Threads: the control thread's.

#ifndef SINGLEFLIGHT_SERVER_APP_ROUTE_RULES_H_
#define SINGLEFLIGHT_SERVER_APP_ROUTE_RULES_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/app/named_fields.h"
#include "server/core/route_options.h"
#include "server/metrics/visitor.h"
#include "server/schema/field_rules.h"
#include "server/schema/schema.h"

namespace singleflight::app {

class RouteRules {
 public:
  // So many bytes of descriptions of canonical forms a route has at most; methods past it have
  // none.
  static constexpr size_t kMostFormBytes = 4u << 20;

  // `label` is what metrics call the route.
  RouteRules(core::RouteOptions options, std::string label);

  // Whether a route of these options means the same fields of the same methods. If so, it may have
  // what is remembered here.
  bool IsFor(const core::RouteOptions& options) const;
  void SetOptions(core::RouteOptions options) { options_ = std::move(options); }

  // Rules for some methods, and for those that have none of their own.
  struct OfMethods {
    std::vector<std::string> methods;
    core::RouteOptions options;
  };
  struct Applied {
    core::RouteOptions options;
    std::vector<OfMethods> of_methods;
  };

  // Null: no schema is there. Tells in the log what is new.
  Applied Under(const schema::Schema* schema);

  void Show(metrics::Visitor& visitor) const;

  // A line for each rule that is not in force, and for `collapse: idempotent`; for people.
  std::string Status() const;

 private:
  bool idempotent() const;
  bool Takes(const std::string& method) const;
  core::RouteOptions Relayed() const;
  bool shares() const { return options_.collapse.has_value() || options_.cache.has_value(); }
  core::RouteOptions RulesFor(const schema::Method& method);
  std::shared_ptr<const model::CanonicalForm> FormFor(const schema::Method& method);
  void ForEachRule(NamedFields::Each each) const;
  void Tell(const schema::Schema* schema);
  void TellOfRule(absl::string_view option, absl::string_view consequence,
                  const schema::FieldRule& rule);
  void TellOfMethod(const schema::Schema& schema);

  core::RouteOptions options_;
  const std::string label_;
  schema::FieldRules fields_;  // that do not count
  NamedFields named_;
  schema::FieldRule canonical_{"canonicalize", schema::RuleState::kWaiting, ""};
  std::map<const void*, std::shared_ptr<const model::CanonicalForm>>
      forms_;  // by request, of one schema
  size_t form_bytes_ = 0;
  size_t shared_ = 0;  // methods, of those that it takes
  size_t taken_ = 0;
  std::string told_of_methods_;  // the latest line about them
  std::map<std::string, std::string> told_of_rules_;
  bool warned_ = false;  // of the method that it names
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_ROUTE_RULES_H_
