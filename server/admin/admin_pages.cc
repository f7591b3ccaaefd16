// From a path to an answer: who is turned away, the questions and orders, the files, the texts.

#include "server/admin/admin_pages.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/admin/admin_json.h"
#include "server/admin/health_server.h"
#include "server/admin/page_files.h"

namespace singleflight::admin {
namespace {

// Whatever a browser could be talked into, it does not: no script, style, frame, form or connection
// but the page's own, and no string that becomes a script.
constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'";

HttpResponse Guarded(HttpResponse response) {
  response.fields.insert(response.fields.end(), {{"Content-Security-Policy", kPolicy},
                                                 {"X-Content-Type-Options", "nosniff"},
                                                 {"Referrer-Policy", "no-referrer"},
                                                 {"Cross-Origin-Resource-Policy", "same-origin"},
                                                 {"Cross-Origin-Opener-Policy", "same-origin"},
                                                 {"Cache-Control", "no-store"}});
  return response;
}

template <typename Request, typename Response>
HttpResponse Ask(Steering& steering, absl::StatusOr<Response> (Steering::*question)(const Request&),
                 const std::string& json) {
  Request request;
  if (absl::Status status = ReadJson(json, &request); !status.ok()) return ErrorResponse(status);
  const absl::StatusOr<Response> answer = (steering.*question)(request);
  return answer.ok() ? JsonResponse(*answer) : ErrorResponse(answer.status());
}

HttpResponse NotAllowed(absl::string_view path, absl::string_view method) {
  HttpResponse response = ErrorResponse(
      405, absl::InvalidArgumentError(absl::StrCat(path, " wants the method ", method)));
  response.fields.emplace_back("Allow", std::string(method));
  return response;
}

}  // namespace

// A question, or an order, which has a name.
struct AdminPages::Action {
  absl::string_view path;
  absl::string_view order;
  HttpResponse (*run)(Steering& steering, const std::string& json);
};

#define RUN(method) \
  [](Steering& steering, const std::string& json) { return Ask(steering, &Steering::method, json); }

const AdminPages::Action* AdminPages::Find(const std::string& path) {
  static constexpr std::array<Action, 13> kActions = {{
      {"/api/info", "", RUN(GetInfo)},
      {"/api/stats", "", RUN(GetStats)},
      {"/api/routes", "", RUN(ListRoutes)},
      {"/api/upstreams", "", RUN(ListUpstreams)},
      {"/api/top", "", RUN(ListTopKeys)},
      {"/api/why", "", RUN(ListSplits)},
      {"/api/flights", "", RUN(ListFlights)},
      {"/api/events", "", RUN(ListEvents)},
      {"/api/purge", "Purge", RUN(Purge)},
      {"/api/reload", "Reload", RUN(Reload)},
      {"/api/drain", "Drain", RUN(Drain)},
      {"/api/share-again", "ShareAgain", RUN(ShareAgain)},
      {"/api/log-level", "SetLogLevel", RUN(SetLogLevel)},
  }};
  const auto* found = std::find_if(kActions.begin(), kActions.end(),
                                   [&](const Action& action) { return action.path == path; });
  return found == kActions.end() ? nullptr : found;
}

#undef RUN

HttpResponse AdminPages::Answer(const HttpRequest& request) {
  if (absl::optional<HttpResponse> turned = Turned(request)) return *std::move(turned);
  if (const Action* action = Find(request.path)) return Guarded(Do(*action, request));
  if (request.method != "GET" && request.method != "HEAD") {
    return Guarded(NotAllowed(request.path, "GET"));
  }
  if (const PageFile* file = FindPageFile(request.path)) {
    return Guarded({200, std::string(file->content), std::string(file->type)});
  }
  if (absl::optional<HttpResponse> text = Text(request.path)) return Guarded(*std::move(text));
  return Guarded(ErrorResponse(absl::NotFoundError(
      "there are /, /api/…, /status, /config and /metrics (docs/dashboard.md)")));
}

absl::optional<HttpResponse> AdminPages::Turned(const HttpRequest& request) {
  if (request.too_large) {
    return Refuse(Refusal::kTooLarge, 413,
                  absl::ResourceExhaustedError("the body is larger than 16 KiB"));
  }
  if (!hosts_.Have(request.host)) {
    return Refuse(Refusal::kHost, 421,
                  absl::PermissionDeniedError(
                      absl::StrCat("this proxy does not know itself as \"", request.host,
                                   "\"; use the address that it listens on, or add that name to "
                                   "admin.allowed_hosts")));
  }
  if (!request.origin.empty() && !OwnHosts::IsOrigin(request.origin, request.host)) {
    return Refuse(
        Refusal::kOrigin, 403,
        absl::PermissionDeniedError(absl::StrCat("a page of ", request.origin,
                                                 " may not ask here; only this proxy's own may")));
  }
  return absl::nullopt;
}

HttpResponse AdminPages::Do(const Action& action, const HttpRequest& request) {
  if (!action.order.empty()) return Order(action, request);
  if (request.method != "GET" && request.method != "HEAD") return NotAllowed(action.path, "GET");
  const absl::StatusOr<std::string> json = QueryAsJson(request.query);
  return json.ok() ? action.run(steering_, *json) : ErrorResponse(json.status());
}

HttpResponse AdminPages::Order(const Action& action, const HttpRequest& request) {
  if (request.method != "POST") {
    rights_.Refused(Door::kHttp, Refusal::kMethod);
    return NotAllowed(action.path, "POST");
  }
  absl::optional<absl::string_view> authorization;
  if (!request.authorization.empty()) authorization = request.authorization;
  const absl::Status may = rights_.MayOrder(Door::kHttp, action.order, request.peer, authorization);
  return may.ok() ? action.run(steering_, request.body) : ErrorResponse(may);
}

absl::optional<HttpResponse> AdminPages::Text(const std::string& path) {
  const auto page = [](const AdminTexts::Text& text, std::string type) {
    absl::StatusOr<std::string> body = text();
    if (!body.ok()) return ErrorResponse(body.status());
    return HttpResponse{200, *std::move(body), std::move(type)};
  };
  if (path == "/status") return page(texts_.status, "text/plain; charset=utf-8");
  if (path == "/config") return page(texts_.config, "text/plain; charset=utf-8");
  if (path == "/metrics") return page(texts_.metrics, kMetricsType);
  return absl::nullopt;
}

std::string AdminPages::StatsEvent() {
  const absl::StatusOr<v1::Stats> stats = steering_.GetStats({});
  return stats.ok() ? absl::StrCat("data: ", JsonOf(*stats), "\n\n") : "";
}

HttpResponse AdminPages::TooManyWatch() {
  return Refuse(Refusal::kWatchers, 503,
                absl::ResourceExhaustedError("as many watch already as may; close another page"));
}

HttpResponse AdminPages::Refuse(Refusal why, unsigned status, absl::Status error) {
  rights_.Refused(Door::kHttp, why);
  return Guarded(ErrorResponse(status, error));
}

}  // namespace singleflight::admin
