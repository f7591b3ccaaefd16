#include "server/app/probe.h"

#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <chrono>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace singleflight::app {
namespace {

constexpr std::chrono::seconds kPatience(3);

struct Target {
  std::string host;
  std::string port;
  std::string path;
};

absl::StatusOr<Target> Parse(absl::string_view url) {
  absl::string_view rest = url;
  const absl::Status mistake = absl::InvalidArgumentError(absl::StrCat(
      "--probe ", url, ": is no page to ask; use --probe http://127.0.0.1:9900/readyz"));
  if (!absl::ConsumePrefix(&rest, "http://")) return mistake;
  const size_t slash = rest.find('/');
  const absl::string_view place = rest.substr(0, slash);
  const size_t colon = place.rfind(':');
  if (slash == absl::string_view::npos || colon == absl::string_view::npos) return mistake;
  absl::string_view host = place.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  Target target{std::string(host), std::string(place.substr(colon + 1)),
                std::string(rest.substr(slash))};
  const bool sound = !host.empty() && !target.port.empty() &&
                     target.path.find_first_of(" \r\n") == std::string::npos;
  if (!sound) return mistake;
  return target;
}

}  // namespace

absl::Status Probe(absl::string_view url) {
  const absl::StatusOr<Target> target = Parse(url);
  if (!target.ok()) return target.status();
  boost::asio::ip::tcp::iostream page;
  page.expires_after(kPatience);
  page.connect(target->host, target->port);
  page << "GET " << target->path << " HTTP/1.0\r\nHost: " << target->host << "\r\n\r\n"
       << std::flush;
  std::string version, status;
  page >> version >> status;
  if (!page) return absl::UnavailableError(absl::StrCat(url, ": ", page.error().message()));
  if (status == "200") return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(url, ": answered ", status));
}

}  // namespace singleflight::app
