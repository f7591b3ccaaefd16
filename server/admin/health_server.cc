#include "server/admin/health_server.h"

#include <string>
#include <utility>

namespace singleflight::admin {
namespace {

HttpResponse Alive(HealthPages& pages) {
  const std::string stuck = pages.stuck();
  return stuck.empty() ? HttpResponse{200, "ok\n"} : HttpResponse{503, stuck + "\n"};
}

HttpResponse Page(HealthPages& pages, const std::string& path) {
  if (path == "/livez") return Alive(pages);
  if (path == "/readyz") return pages.ready() ? Alive(pages) : HttpResponse{503, "draining\n"};
  if (path == "/status") return {200, pages.status()};
  if (path == "/metrics") return {200, pages.metrics(), kMetricsType};
  return {404, "there are /livez, /readyz, /status and /metrics\n"};
}

void Serve(HealthPages& pages, HttpExchange& exchange) {
  const HttpRequest& request = exchange.request();
  if (request.method == "GET" || request.method == "HEAD") {
    return exchange.Reply(Page(pages, request.path));
  }
  exchange.Reply({405, "", "text/plain; charset=utf-8", {{"Allow", "GET, HEAD"}}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<HealthServer>> HealthServer::Open(boost::asio::io_context& io,
                                                                 const HealthOptions& options,
                                                                 HealthPages pages) {
  auto shared = std::make_shared<HealthPages>(std::move(pages));
  absl::StatusOr<std::unique_ptr<HttpServer>> server = HttpServer::Open(
      io, {options.address, options.where, "health port"},
      [shared](const std::shared_ptr<HttpExchange>& exchange) { Serve(*shared, *exchange); });
  if (!server.ok()) return server.status();
  return std::unique_ptr<HealthServer>(new HealthServer(*std::move(server)));
}

void HealthServer::Show(metrics::Visitor& visitor) const {
  server_->refused().Show("singleflight_health_connections_refused_total",
                          "Connections to the health port that got no page.", {}, visitor);
}

}  // namespace singleflight::admin
