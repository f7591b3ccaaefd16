// What the proxy answers is shown as a view or, with --json, as it came.

#include "server/ctl/asks.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/ctl/stats_stream.h"

namespace singleflight::ctl {
namespace {

namespace v1 = admin::v1;

template <typename Response>
using View = std::string (*)(const Response& response, const Style& style);

// Asks, and prints what was answered.
template <typename Request, typename Response>
absl::Status Show(const Job& job, Method<Request, Response> method, const Request& request,
                  View<Response> view) {
  const absl::StatusOr<Response> response = job.proxy.Ask(method, request);
  if (!response.ok()) return response.status();
  if (job.json()) {
    job.PrintJson(*response);
  } else {
    job.Print(view(*response, job.style()));
  }
  return absl::OkStatus();
}

// The same for what may be limited.
template <typename Request, typename Response>
absl::Status ShowSome(const Job& job, Method<Request, Response> method, Request request,
                      View<Response> view) {
  const absl::StatusOr<uint32_t> limit = job.arguments.Limit();
  if (!limit.ok()) return limit.status();
  request.set_limit(*limit);
  return Show(job, method, request, view);
}

std::string ViewStatsAlone(const v1::Stats& stats, const Style& style) {
  return ViewStats(stats, nullptr, style);
}

// On a terminal each picture takes the place of the one before; what is below its edge is left out,
// so that it does not scroll. Elsewhere they follow one another.
std::string Picture(const std::string& text, const Terminal& terminal) {
  if (!terminal.is_one) return text + "\n";
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (terminal.rows > 0 && lines.size() > terminal.rows) lines.resize(terminal.rows);
  return absl::StrCat("\033[H", absl::StrJoin(lines, "\033[K\n"), "\033[J");
}

absl::Status Watch(const Job& job, absl::Duration interval) {
  StatsStream stream(job.proxy, interval, job.around.now);
  absl::optional<v1::Stats> before;
  while (true) {
    absl::StatusOr<absl::optional<v1::Stats>> next = stream.Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) return absl::OkStatus();
    if (job.json()) {
      job.PrintJson(**next);
    } else {
      job.Print(Picture(ViewStats(**next, before ? &*before : nullptr, job.style()),
                        job.around.terminal()));
    }
    if (!job.around.out) return absl::OkStatus();
    before = *std::move(next);
  }
}

}  // namespace

absl::Status ShowStats(const Job& job) {
  const absl::StatusOr<absl::Duration> interval = job.arguments.Duration(
      "--interval", absl::Seconds(1), absl::Milliseconds(100), absl::Minutes(1));
  if (!interval.ok()) return interval.status();
  if (job.arguments.Has("--watch")) return Watch(job, *interval);
  if (job.arguments.Has("--interval")) {
    return absl::InvalidArgumentError("--interval goes with --watch alone");
  }
  return Show(job, &Stub::GetStats, {}, ViewStatsAlone);
}

absl::Status ShowTop(const Job& job) {
  v1::ListTopKeysRequest request;
  request.set_route(job.arguments.Get("--route"));
  const bool by_bytes = job.arguments.Get("--by") == "saved-bytes";
  request.set_by(by_bytes ? v1::ListTopKeysRequest::BY_SAVED_BYTES
                          : v1::ListTopKeysRequest::BY_CALLS);
  return ShowSome(job, &Stub::ListTopKeys, request, by_bytes ? ViewTopByBytes : ViewTopByCalls);
}

absl::Status ShowFlights(const Job& job) {
  return ShowSome(job, &Stub::ListFlights, {}, ViewFlights);
}

absl::Status ShowRoutes(const Job& job) { return Show(job, &Stub::ListRoutes, {}, ViewRoutes); }

absl::Status ShowUpstreams(const Job& job) {
  return Show(job, &Stub::ListUpstreams, {}, ViewUpstreams);
}

absl::Status ShowSplits(const Job& job) {
  v1::ListSplitsRequest request;
  request.set_route(job.arguments.Get("--route"));
  return Show(job, &Stub::ListSplits, request, ViewSplits);
}

absl::Status ShowEvents(const Job& job) { return ShowSome(job, &Stub::ListEvents, {}, ViewEvents); }

absl::Status ShowInfo(const Job& job) { return Show(job, &Stub::GetInfo, {}, ViewInfo); }

}  // namespace singleflight::ctl
