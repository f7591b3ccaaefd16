// The table of what backends say, and the rules that it is judged by.

#include "tests/simulation/plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/simulation/ask.h"

namespace singleflight::simulation {
namespace {

const Directives kSaid[] = {
    {"", ""},
    {"", ""},
    {"", ""},
    {"public", ""},
    {.everybody = "max-age=1", .lifetime = 1},
    {.everybody = "max-age=0", .lifetime = 0},
    {.everybody = "max-age=9, s-maxage=1", .lifetime = 1, .shared_lifetime = true},
    {.everybody = "max-age=60", .lifetime = 60},
    {.everybody = "no-store", .forbids = true},
    {.everybody = "No-Cache", .forbids = true},
    {.everybody = "max-age=1, private", .lifetime = 1, .is_private = true},
    {.everybody = "max-age=soon", .forbids = true},
    {.everybody = "max-age=1, max-age=2", .forbids = true},
    {.everybody = "max-age=1, stale-while-revalidate=2, stale-if-error=1",
     .lifetime = 1,
     .while_revalidate = 2,
     .if_error = 1},
    {.everybody = "stale-while-revalidate=0", .while_revalidate = 0},
    {.everybody = "max-age=1, must-revalidate", .lifetime = 1, .must_revalidate = true},
    {.everybody = "no-store", .targeted = "max-age=1", .lifetime = 1},
    {.everybody = "max-age=9", .targeted = "no-store", .forbids = true},
};

constexpr wire::StatusCode kErrors[] = {
    wire::StatusCode::kNotFound,         wire::StatusCode::kNotFound,
    wire::StatusCode::kUnavailable,      wire::StatusCode::kInternal,
    wire::StatusCode::kPermissionDenied, wire::StatusCode::kResourceExhausted};

bool IsAboutTheCaller(wire::StatusCode status) {
  return status == wire::StatusCode::kPermissionDenied ||
         status == wire::StatusCode::kResourceExhausted ||
         status == wire::StatusCode::kUnauthenticated;
}

absl::Duration TtlOf(wire::StatusCode status, const cache::FreshnessRules& rules) {
  return status == wire::StatusCode::kOk ? rules.ttl : rules.negative.of(status);
}

// The most that a reply may ask for itself.
absl::Duration MostOf(wire::StatusCode status, const cache::FreshnessRules& rules) {
  return status == wire::StatusCode::kOk ? rules.max_ttl.value_or(10 * rules.ttl)
                                         : rules.negative.of(status);
}

absl::Duration StaleFor(const Plan& plan, int said, absl::Duration by_route,
                        const cache::FreshnessRules& rules) {
  if (plan.status != wire::StatusCode::kOk || plan.directives->must_revalidate) return {};
  if (said != kNotSaid) {
    return std::min(absl::Seconds(said), std::max(MostOf(plan.status, rules), by_route));
  }
  return plan.directives->shared_lifetime ? absl::ZeroDuration() : by_route;
}

void AddGroups(const Plan& plan, absl::string_view name, size_t group, core::Fields& fields) {
  if (!plan.names_group) return;
  fields.emplace_back(std::string(name), plan.malformed_groups
                                             ? GroupName(group)  // no string: no quotes
                                             : absl::StrCat("\"", GroupName(group), "\""));
}

}  // namespace

bool Plan::IsPrivate() const {
  return directives->is_private || sets_cookie || IsAboutTheCaller(status);
}

bool Plan::IsFailure() const {
  return status == wire::StatusCode::kUnavailable || status == wire::StatusCode::kInternal;
}

bool Plan::MayBeKept(const cache::FreshnessRules& rules) const {
  return TtlOf(status, rules) > absl::ZeroDuration() && !directives->forbids &&
         !directives->is_private && !sets_cookie && !varies && !(names_group && malformed_groups);
}

absl::Duration Plan::LifetimeUnder(const cache::FreshnessRules& rules, absl::Duration took) const {
  if (directives->lifetime == kNotSaid) return TtlOf(status, rules) - absl::Seconds(age);
  return std::min(absl::Seconds(directives->lifetime - age) - took, MostOf(status, rules));
}

absl::Duration Plan::StaleWhileRevalidate(const cache::FreshnessRules& rules) const {
  return StaleFor(*this, directives->while_revalidate, rules.stale_while_revalidate, rules);
}

absl::Duration Plan::StaleIfError(const cache::FreshnessRules& rules) const {
  return StaleFor(*this, directives->if_error, rules.stale_if_error, rules);
}

Plan DrawPlan(Choices& choices) {
  Plan plan;
  plan.directives = &choices.Of(kSaid);
  if (choices.OneIn(8)) plan.status = choices.Of(kErrors);
  plan.trailers_only = plan.status != wire::StatusCode::kOk && !choices.OneIn(4);
  plan.age = choices.OneIn(8) ? 1 : 0;
  plan.names_group = !choices.OneIn(8);
  plan.groups_in_trailer = choices.OneIn(2);
  plan.malformed_groups = choices.OneIn(16);
  plan.sets_cookie = choices.OneIn(12);
  plan.varies = choices.OneIn(16);
  plan.gzip = choices.OneIn(8);
  plan.pushes_back = choices.OneIn(16);
  plan.padding = choices.OneIn(16) ? 4500 : choices.Below(600);
  return plan;
}

core::Fields InitialFieldsOf(const Plan& plan, absl::string_view groups_name, size_t group) {
  core::Fields fields;
  const Directives& said = *plan.directives;
  if (!said.everybody.empty()) fields.emplace_back("cache-control", std::string(said.everybody));
  if (!said.targeted.empty()) {
    fields.emplace_back("singleflight-cache-control", std::string(said.targeted));
  }
  if (plan.age > 0) fields.emplace_back("age", absl::StrCat(plan.age));
  if (plan.sets_cookie) fields.emplace_back("set-cookie", "a=b");
  if (plan.varies) fields.emplace_back("vary", "x-request-id");
  if (plan.gzip) fields.emplace_back("grpc-encoding", "gzip");
  if (plan.pushes_back) fields.emplace_back("grpc-retry-pushback-ms", "20");
  if (!plan.groups_in_trailer || plan.trailers_only) AddGroups(plan, groups_name, group, fields);
  return fields;
}

core::Fields TrailingFieldsOf(const Plan& plan, absl::string_view groups_name, size_t group) {
  core::Fields fields;
  if (plan.groups_in_trailer && !plan.trailers_only) AddGroups(plan, groups_name, group, fields);
  return fields;
}

}  // namespace singleflight::simulation
