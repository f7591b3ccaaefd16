// Answers in the order of the service.

#include "server/app/steering.h"

#include <unistd.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "server/app/proto_time.h"
#include "server/app/stats.h"
#include "server/app/surveys.h"
#include "server/net/worker_clock.h"
#include "server/version.h"

namespace singleflight::app {
namespace {

namespace v1 = admin::v1;

// For a question; the control thread has other things to do, none of which takes long.
constexpr std::chrono::milliseconds kPatience(1000);

absl::Status NotKnown(absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat("this build does not tell ", what));
}

}  // namespace

Steering::Steering(boost::asio::io_context& control, const Parts& parts)
    : parts_(parts), started_at_(parts.wall_clock()), on_control_(control) {}

template <typename Answer, typename Fill>
absl::StatusOr<Answer> Steering::Asked(const Fill& fill) {
  Answer answer;
  const absl::Status asked = on_control_.Do(kPatience, [&] { fill(answer); });
  if (!asked.ok()) return asked;
  return answer;
}

absl::StatusOr<v1::Info> Steering::GetInfo(const v1::GetInfoRequest&) {
  return Asked<v1::Info>([&](v1::Info& info) { FillInfo(info); });
}

void Steering::FillInfo(v1::Info& info) const {
  info.set_version(kVersion);
  *info.mutable_started_at() = ToProto(started_at_);
  *info.mutable_uptime() = ToProto(parts_.wall_clock() - started_at_);
  info.set_pid(::getpid());
  info.set_workers(static_cast<uint32_t>(parts_.workers.size()));
  info.set_config_path(parts_.config_path == "/dev/stdin" ? "-" : parts_.config_path);
  *info.mutable_configured_at() = ToProto(parts_.reloader.applied_at());
  info.set_refused(parts_.reloader.refused());
  for (std::string& address : parts_.doors.addresses()) info.add_listeners(std::move(address));
  info.set_draining(parts_.drain.draining());
  info.set_log_level(std::string(NameOf(parts_.log.level())));
}

absl::StatusOr<v1::Stats> Steering::GetStats(const v1::GetStatsRequest&) {
  return Asked<v1::Stats>([&](v1::Stats& stats) {
    stats = StatsOf({parts_.config, parts_.ledgers, parts_.shared, parts_.workers});
    const absl::Time now = parts_.wall_clock();
    *stats.mutable_at() = ToProto(now);
    *stats.mutable_uptime() = ToProto(now - started_at_);
  });
}

absl::StatusOr<v1::ListRoutesResponse> Steering::ListRoutes(const v1::ListRoutesRequest&) {
  return NotKnown("its routes");
}

absl::StatusOr<v1::ListUpstreamsResponse> Steering::ListUpstreams(const v1::ListUpstreamsRequest&) {
  return NotKnown("its upstreams");
}

absl::StatusOr<v1::ListFlightsResponse> Steering::ListFlights(const v1::ListFlightsRequest&) {
  return NotKnown("its flights");
}

absl::StatusOr<v1::ListTopKeysResponse> Steering::ListTopKeys(
    const v1::ListTopKeysRequest& request) {
  return Asked<v1::ListTopKeysResponse>(
      [&](v1::ListTopKeysResponse& keys) { keys = TopKeysOf(parts_.ledgers, request); });
}

absl::StatusOr<v1::ListSplitsResponse> Steering::ListSplits(const v1::ListSplitsRequest& request) {
  return Asked<v1::ListSplitsResponse>([&](v1::ListSplitsResponse& splits) {
    const Moment now = {parts_.wall_clock(), net::ReadWorkerClock()};
    splits = SplitsOf(parts_.ledgers, parts_.config, now, request);
  });
}

absl::StatusOr<v1::ListEventsResponse> Steering::ListEvents(const v1::ListEventsRequest&) {
  return NotKnown("its events");
}

absl::StatusOr<Steering::Serving> Steering::GetServing() {
  return Asked<Serving>([&](Serving& serving) {
    const bool serves = !parts_.drain.draining();
    serving[""] = serves;
    for (const auto& upstream : parts_.config.upstreams) serving[upstream.name] = serves;
  });
}

absl::StatusOr<v1::PurgeResponse> Steering::Purge(const v1::PurgeRequest&) {
  return absl::UnimplementedError("this build does not purge by command");
}

absl::StatusOr<v1::ReloadResponse> Steering::Reload(const v1::ReloadRequest&) {
  return absl::UnimplementedError("this build does not reload by command; send SIGHUP");
}

absl::StatusOr<v1::DrainResponse> Steering::Drain(const v1::DrainRequest&) {
  return absl::UnimplementedError("this build does not drain by command; send SIGTERM");
}

absl::StatusOr<v1::SetLogLevelResponse> Steering::SetLogLevel(const v1::SetLogLevelRequest&) {
  return absl::UnimplementedError("this build does not change its log level by command");
}

}  // namespace singleflight::app
