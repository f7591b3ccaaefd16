// The fields that a route's `match`, `cache.tags` and `invalidates` call by name, and their numbers
// in each method's requests, as far as a schema knows them.
//
// What a name that is not known does (docs/fields.md):
//
//   match.field    no call takes the route by it
//   cache.tags     replies are not kept
//   invalidates    writes drop every group of their upstream and authority
//
// So a schema that is missing costs work, and no caller gets a reply that is not for it, if the
// route that such calls fall to is no bolder (config/check_draft.cc warns).
//
// Threads: none of its own.

#ifndef SINGLEFLIGHT_SERVER_APP_NAMED_FIELDS_H_
#define SINGLEFLIGHT_SERVER_APP_NAMED_FIELDS_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "server/core/route_options.h"
#include "server/schema/field_rules.h"
#include "server/schema/schema.h"

namespace singleflight::app {

class NamedFields {
 public:
  // The names that stand in `options`.
  explicit NamedFields(const core::RouteOptions& options);

  bool empty() const;

  // A schema is there; its methods follow, one Resolve each.
  void Begin();

  // Gives the names in `rules` their numbers in requests of `method`, or none.
  void Resolve(const schema::Method& method, core::RouteOptions& rules);

  // Calls `each` for every name: where it stands, and what it means that it is not in force.
  using Each = absl::FunctionRef<void(absl::string_view option, absl::string_view consequence,
                                      const schema::FieldRule& rule)>;
  void ForEachRule(Each each) const;

 private:
  schema::FieldRules match_;
  schema::FieldRules tags_;
  schema::FieldRules invalidates_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_NAMED_FIELDS_H_
