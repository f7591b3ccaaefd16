// A whole configuration, already checked: each option and what they say together.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_CONFIG_H_
#define SINGLEFLIGHT_SERVER_CONFIG_CONFIG_H_

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/admin/admin_options.h"
#include "server/admin/health_options.h"
#include "server/cache/store.h"
#include "server/core/route_options.h"
#include "server/metrics/latency.h"
#include "server/otlp/options.h"
#include "server/proxy/access_log_options.h"
#include "server/proxy/limits.h"
#include "server/proxy/listener_options.h"
#include "server/proxy/marks.h"
#include "server/schema/options.h"
#include "server/upstream/options.h"

namespace singleflight::config {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat {
  kText,  // for a person
  kJson,  // one object a line
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
};

// `metrics:`.
struct MetricsOptions {
  std::vector<double> latency_buckets{metrics::kDefaultLatencyBuckets.begin(),
                                      metrics::kDefaultLatencyBuckets.end()};  // in seconds
};

// `reload:`.
struct ReloadOptions {
  absl::Duration check_every = absl::Seconds(1);  // whether files have changed; 0: never
};

struct Config {
  std::string text;  // what the file says, for people: variables by name, secrets masked
  std::map<std::string, std::string> places;         // of options outside lists: FILE:LINE:COLUMN
  std::vector<proxy::ListenerOptions> listeners;     // at least one
  std::vector<upstream::UpstreamOptions> upstreams;  // names are unique
  std::vector<absl::optional<schema::Options>> schemas;  // of each upstream; none: it has none
  std::vector<core::RouteOptions> routes;                // each names an upstream that exists
  cache::StoreOptions cache;
  bool cache_follows_memory = false;  // the file says nothing of cache.max_bytes
  proxy::MarkOptions reply_marks;
  proxy::LimitOptions limits;
  admin::HealthOptions health;
  admin::AdminOptions admin;
  int threads = 0;  // workers; 0: as many as the cgroup and the affinity mask allow
  LogOptions log;
  absl::optional<proxy::AccessLogOptions> access_log;  // none: no call is written
  otlp::Options tracing;
  MetricsOptions metrics;
  ReloadOptions reload;
  absl::Duration drain_timeout = absl::Seconds(25);
};

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_CONFIG_H_
