// What the health port says: /metrics, /status, and whether the process is ready for calls.
//
// Threads: the control thread's.

#ifndef SINGLEFLIGHT_SERVER_APP_PAGES_H_
#define SINGLEFLIGHT_SERVER_APP_PAGES_H_

#include <utility>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/admin/health_server.h"
#include "server/app/access_logs.h"
#include "server/app/doors.h"
#include "server/app/drain.h"
#include "server/app/ledgers.h"
#include "server/app/log.h"
#include "server/app/reloader.h"
#include "server/app/route_rules.h"
#include "server/app/schemas.h"
#include "server/app/snapshot.h"
#include "server/app/supervision.h"
#include "server/app/tracing.h"
#include "server/app/upstreams.h"
#include "server/app/workers.h"
#include "server/metrics/registry.h"
#include "server/proxy/admission.h"

namespace singleflight::app {

class Pages {
 public:
  // What they show.
  struct Sources {
    const Ledgers& ledgers;
    const Shared& shared;
    const proxy::Admission& admission;
    const Workers& workers;
    const Upstreams& upstreams;
    const Schemas& schemas;
    const std::vector<RouteRules>& rules;
    const Doors& doors;
    const Reloader& reloader;
    const Drain& drain;
    const Tracing& tracing;
    const Log& log;
    const AccessLogs& access_logs;
    const Supervision& supervision;
  };

  explicit Pages(const Sources& sources);

  // At /metrics, from before the first page on.
  void AlsoShow(metrics::Registry::Source source) { registry_.Add(std::move(source)); }

  // Serves them on `control`; nowhere if `options` have no address. Destroy this when `control` has
  // stopped.
  absl::Status Open(boost::asio::io_context& control, const admin::HealthOptions& options);

  // Where they are served, as bound; empty: nowhere.
  std::string address() const { return server_ == nullptr ? "" : server_->address(); }

  std::string Metrics() const { return registry_.Render(); }
  std::string Status() const;

 private:
  void ShowMemory(metrics::Visitor& visitor) const;
  void ShowCertificates(metrics::Visitor& visitor) const;
  void ShowState(metrics::Visitor& visitor) const;
  static void ShowProcess(metrics::Visitor& visitor);

  const Sources from_;
  metrics::Registry registry_;
  std::unique_ptr<admin::HealthServer> server_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_PAGES_H_
