#include "tests/simulation/configuration.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/core/route.h"

namespace singleflight::simulation {
namespace {

core::CollapseOptions CollapseBy(size_t number) {
  core::CollapseOptions collapse;
  collapse.flight_timeout = kFlightTimeout;
  collapse.max_join_age = kMaxJoinAge;
  collapse.open_reply_grace = absl::Milliseconds(200);
  collapse.max_reply_bytes = kMaxReplyBytes;
  if ((number & kTight) != 0) {
    collapse.max_waiters = 3;
    collapse.on_abandon = core::OnAbandon::kComplete;
  }
  return collapse;
}

cache::FreshnessRules CacheBy(size_t number) {
  cache::FreshnessRules cache{absl::Milliseconds(400), absl::nullopt};
  if ((number & kLongTtl) != 0) {
    cache.ttl = absl::Seconds(2);
    cache.jitter = 200'000;
    cache.negative.Set(wire::StatusCode::kNotFound, absl::Milliseconds(500));
  }
  if ((number & kStale) != 0) {
    cache.stale_while_revalidate = absl::Seconds(1);
    cache.stale_if_error = absl::Seconds(3);
  }
  return cache;
}

model::KeyRules KeyBy(size_t number) {
  model::KeyRules key;
  if ((number & kIgnores) != 0) {
    key.names = {"x-device"};
    key.ignored_fields = {{2}};
  }
  return key;
}

core::RouteOptions RouteOf(Method method) {
  core::RouteOptions route;
  route.match.method = std::string(PathOf(method));
  route.upstream = std::string(kUpstreamNames[UpstreamOf(method)]);
  return route;
}

core::RouteOptions RouteBy(Method method, size_t number) {
  core::RouteOptions route = RouteOf(method);
  const bool keeps = method == Method::kGet || method == Method::kFind || method == Method::kMine;
  if (!Writes(method)) route.key = KeyBy(number);
  if (keeps) route.cache = CacheBy(number);
  if (!Writes(method) && method != Method::kFind) route.collapse = CollapseBy(number);
  if (method == Method::kMine) route.key.share_across_credentials = true;
  if (method == Method::kRead) {
    route.collapse->join = core::JoinRule::kBeforeStart;
    route.collapse->on_abandon = core::OnAbandon::kCancel;
  }
  if ((number & kTight) != 0 && method != Method::kPut) {
    route.retry = core::RetryOptions();
    route.retry->budget = 500'000;
    if (method == Method::kGet || method == Method::kList) {
      route.collapse->hedge = core::HedgeOptions{absl::Milliseconds(40), 500'000};
    }
  }
  return route;
}

}  // namespace

Configuration MakeConfiguration(size_t number) {
  Configuration configuration{number, {}};
  for (size_t i = 0; i < kMethods; ++i) {
    configuration.routes.push_back(RouteBy(static_cast<Method>(i), number));
  }
  if ((number & kTight) != 0) {
    configuration.max_flights = 6;
    configuration.max_held_bytes = 20'000;
    configuration.release_concurrency = 1;
  }
  return configuration;
}

std::string PolicyTextOf(const core::RouteOptions& route) {
  const model::KeyRules& key = route.key;
  return absl::StrCat(route.match.method, "\n", core::PolicyOf(route), "\n",
                      absl::StrJoin(key.names, ","), "\n", key.ignored_fields.size(), "\n",
                      key.share_across_credentials);
}

}  // namespace singleflight::simulation
