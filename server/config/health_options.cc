#include "server/config/health_options.h"

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/config/bounds.h"

namespace singleflight::config {
namespace {

std::string ServiceMistake(absl::string_view text) {
  if (text.size() <= 256) return "";
  return "is no name of a service; use at most 256 bytes, or leave it out for the whole server";
}

}  // namespace

void ReadEjection(Mapping& in, upstream::UpstreamOptions& out) {
  upstream::EjectionOptions read;
  const bool on = in.SwitchOrSection(
      "ejection",
      [&](Mapping& section) {
        section.Number("failures", &read.failures, 1, 1'000'000);
        section.Duration("time", &read.time, kShortest, kLongest);
        section.Percent("max_share", &read.max_share);
        section.Duration("slow_start", &read.slow_start, absl::ZeroDuration(), kLongest);
      },
      true);
  out.ejection = on ? absl::make_optional(read) : absl::nullopt;
}

void ReadHealthCheck(Mapping& in, upstream::UpstreamOptions& out) {
  upstream::HealthCheckOptions read;
  const bool on = in.SwitchOrSection("health_check", [&](Mapping& section) {
    section.Text("service", &read.service, ServiceMistake);
    section.Duration("interval", &read.interval, absl::Milliseconds(100), kLongest);
    section.Duration("timeout", &read.timeout, kShortest, kLongest);
  });
  if (!on) return;
  out.health_check = read;
  if (out.load_balancing == upstream::LoadBalancing::kPickFirst) {
    in.Refuse(in.PlaceOf("health_check"),
              "would connect to every endpoint, and load_balancing: pick_first to one only; remove "
              "one of the two");
  }
}

}  // namespace singleflight::config
