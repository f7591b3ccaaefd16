// What the admin address answers over HTTP: the dashboard and its files, the questions and orders
// of Steering in JSON, and /status, /config and /metrics.
//
//   GET   / and the files of the dashboard
//   GET   /api/info, stats, routes, upstreams, top, why, flights, events; fields of the request
//         stand in the query: /api/top?by=BY_SAVED_BYTES&limit=5
//   POST  /api/purge, reload, drain, log-level; the body is the request
//
// JSON is the canonical form of the messages of proto/singleflight/admin/v1/admin.proto. An error
// is
// {"code": "NOT_FOUND", "message": "…"}, under the HTTP status that is nearest.
//
// Who may: the field Host has to name this process (own_hosts.h), and an Origin has to be the
// page's own. What changes something wants the token besides (rights.h).
//
// Threads: every method, from any thread that may call Steering. It waits as long as Steering does.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_ADMIN_PAGES_H_
#define SINGLEFLIGHT_SERVER_ADMIN_ADMIN_PAGES_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "server/admin/http_exchange.h"
#include "server/admin/own_hosts.h"
#include "server/admin/rights.h"
#include "server/admin/steering.h"

namespace singleflight::admin {

// Pages of plain text.
struct AdminTexts {
  using Text = std::function<absl::StatusOr<std::string>()>;
  Text status;
  Text config;
  Text metrics;
};

class AdminPages {
 public:
  AdminPages(Steering& steering, Rights& rights, OwnHosts hosts, AdminTexts texts)
      : steering_(steering), rights_(rights), hosts_(std::move(hosts)), texts_(std::move(texts)) {}

  // Everything but the stream of statistics.
  HttpResponse Answer(const HttpRequest& request);

  // Why a request is refused before anybody looks at what it asks; nothing: it is not.
  absl::optional<HttpResponse> Turned(const HttpRequest& request);

  // An event of the stream: the statistics now. Nothing: they cannot be had.
  std::string StatsEvent();

  HttpResponse TooManyWatch();

 private:
  struct Action;
  static const Action* Find(const std::string& path);

  HttpResponse Do(const Action& action, const HttpRequest& request);
  HttpResponse Order(const Action& action, const HttpRequest& request);
  absl::optional<HttpResponse> Text(const std::string& path);
  HttpResponse Refuse(Refusal why, unsigned status, absl::Status error);

  Steering& steering_;
  Rights& rights_;
  const OwnHosts hosts_;
  const AdminTexts texts_;
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_ADMIN_PAGES_H_
