// What the health pages show that has no room of its own: memory, certificates, the process.

#include "server/app/pages.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/host/process.h"
#include "server/host/process_usage.h"
#include "server/version.h"

namespace singleflight::app {

Pages::Pages(const Sources& sources) : from_(sources) {
  registry_.Add([this](metrics::Visitor& visitor) {
    from_.ledgers.Show(visitor);
    from_.shared.store.Show(visitor);
    from_.upstreams.Show(visitor);
    from_.schemas.Show(visitor);
    for (const RouteRules& rules : from_.rules) rules.Show(visitor);
    from_.admission.Show(visitor);
    from_.reloader.Show(visitor);
    from_.supervision.Show(visitor);
    from_.log.Show(visitor);
    from_.access_logs.Show(visitor);
    from_.tracing.Show(visitor);
    if (server_ != nullptr) server_->Show(visitor);
    ShowMemory(visitor);
    ShowCertificates(visitor);
    ShowState(visitor);
    ShowProcess(visitor);
  });
}

absl::Status Pages::Open(boost::asio::io_context& control, const admin::HealthOptions& options) {
  if (options.address.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<admin::HealthServer>> opened = admin::HealthServer::Open(
      control, options,
      {[this] { return !from_.drain.draining(); }, [this] { return from_.supervision.stuck(); },
       [this] { return Metrics(); }, [this] { return Status(); }});
  if (!opened.ok()) return opened.status();
  server_ = *std::move(opened);
  return absl::OkStatus();
}

std::string Pages::Status() const {
  const std::string state = from_.drain.draining()
                                ? from_.drain.Status()
                                : absl::StrCat("serving\nlistening on ",
                                               absl::StrJoin(from_.doors.addresses(), ", "), "\n");
  const std::string& stuck = from_.supervision.stuck();
  std::string rules;
  for (const RouteRules& route : from_.rules) absl::StrAppend(&rules, route.Status());
  return absl::StrCat(state, stuck, stuck.empty() ? "" : "\n", from_.reloader.Status(),
                      from_.schemas.Status(), rules);
}

void Pages::ShowMemory(metrics::Visitor& visitor) const {
  visitor.Level("singleflight_buffered_bytes",
                "Memory held for calls: by flights, requests being collected, and relays.", {},
                from_.shared.budget.bytes() + from_.workers.untold_bytes());
  visitor.Level("singleflight_max_buffered_bytes",
                "Where it ends: limits.max_buffered_bytes, or what stands for it.", {},
                from_.shared.budget.max());
}

void Pages::ShowCertificates(metrics::Visitor& visitor) const {
  std::map<std::string, int64_t> ends;  // several may use one file
  const auto note = [&](const tls::SharedContext& tls) {
    if (tls == nullptr) return;
    for (const tls::Context::Expiry& expiry : tls->expiries()) {
      const auto [known, is_new] = ends.emplace(expiry.file, expiry.at);
      if (!is_new) known->second = std::min(known->second, expiry.at);
    }
  };
  for (const Doors::Plan::Item& item : from_.doors.in_force().items) note(item.entrance->tls);
  for (const auto& upstream : from_.upstreams.in_force()) note(upstream->tls);
  for (const auto& [file, at] : ends) {
    visitor.Level("singleflight_certificate_expires_at_seconds",
                  "When the first of the certificates in use from that file ends, in Unix time.",
                  {{"file", file}}, at);
  }
}

void Pages::ShowState(metrics::Visitor& visitor) const {
  visitor.Level("singleflight_waiters", "Callers aboard flights now.", {},
                static_cast<int64_t>(from_.shared.flights.waiting()));
  visitor.Level("singleflight_build_info", "1; the labels say what runs.",
                {{"version", kVersion}, {"compiler", __VERSION__}}, 1);
  visitor.Level("singleflight_draining", "1 from SIGTERM on.", {}, from_.drain.draining() ? 1 : 0);
}

// By the names that Prometheus' own libraries use.
void Pages::ShowProcess(metrics::Visitor& visitor) {
  const host::ProcessUsage usage = host::TakeUsage();
  visitor.Spent("process_cpu_seconds_total", "User and system time of all threads.", {},
                usage.cpu_seconds);
  visitor.Level("process_resident_memory_bytes", "Memory that the process takes.", {},
                static_cast<int64_t>(host::ResidentBytes()));
  visitor.Level("process_virtual_memory_bytes", "Addresses that the process has mapped.", {},
                usage.virtual_bytes);
  visitor.Level("process_open_fds", "Descriptors that are open.", {}, usage.open_descriptors);
  visitor.Level("process_max_fds", "Descriptors that may be open.", {},
                static_cast<int64_t>(host::DescriptorLimit()));
  visitor.Level("process_start_time_seconds", "When the process began, in Unix time.", {},
                usage.started_at);
}

}  // namespace singleflight::app
