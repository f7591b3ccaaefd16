// What a reply of the backend says, and what follows from that by the rules of docs/semantics.md
// §4, worked out here once more and in another way than in server/cache.

#ifndef SINGLEFLIGHT_TESTS_SIMULATION_PLAN_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_PLAN_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/cache/freshness.h"
#include "tests/core/fakes.h"
#include "tests/simulation/choices.h"

namespace singleflight::simulation {

inline constexpr int kNotSaid = -1;

// Text of `cache-control` and its meaning, in seconds. One row is one way to say something.
struct Directives {
  absl::string_view everybody = "";  // `cache-control`
  absl::string_view targeted = "";   // `singleflight-cache-control`
  int lifetime = kNotSaid;
  bool forbids = false;
  bool is_private = false;
  bool must_revalidate = false;
  bool shared_lifetime = false;  // s-maxage
  int while_revalidate = kNotSaid;
  int if_error = kNotSaid;
};

struct Plan {
  wire::StatusCode status = wire::StatusCode::kOk;
  bool trailers_only = false;
  const Directives* directives = nullptr;
  int age = 0;
  bool names_group = true;  // a read: it is in it; a write: it is dropped
  bool groups_in_trailer = false;
  bool malformed_groups = false;
  bool sets_cookie = false;
  bool varies = false;  // by something that the key leaves out
  bool gzip = false;
  bool pushes_back = false;  // grpc-retry-pushback-ms
  size_t padding = 0;

  // For its own caller alone, where credentials are not in the key.
  bool IsPrivate() const;

  // What is kept may serve in its place (RFC 5861 §4).
  bool IsFailure() const;

  bool MayBeKept(const cache::FreshnessRules& rules) const;

  // Of a reply that may be kept and took so long to come.
  absl::Duration LifetimeUnder(const cache::FreshnessRules& rules, absl::Duration took) const;

  // How long past that it serves, where a new one is fetched, and where that failed.
  absl::Duration StaleWhileRevalidate(const cache::FreshnessRules& rules) const;
  absl::Duration StaleIfError(const cache::FreshnessRules& rules) const;

  bool GroupsAreRead() const { return names_group && !malformed_groups; }
};

Plan DrawPlan(Choices& choices);

// The fields that say it, besides those that every reply has.
core::Fields InitialFieldsOf(const Plan& plan, absl::string_view groups_name, size_t group);
core::Fields TrailingFieldsOf(const Plan& plan, absl::string_view groups_name, size_t group);

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_PLAN_H_
