// What admin clients ask and order (admin::Steering), carried to the parts that know and do it.
//
// Most of it is the control thread's: a question is done there, and the client's thread waits for
// it (OnControl). The flight table, the store and the events are asked where they are, since each
// is for any thread. Workers are posted to, and nobody waits for them.

#ifndef SINGLEFLIGHT_SERVER_APP_STEERING_H_
#define SINGLEFLIGHT_SERVER_APP_STEERING_H_

#include <utility>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "server/admin/steering.h"
#include "server/app/doors.h"
#include "server/app/drain.h"
#include "server/app/events.h"
#include "server/app/ledgers.h"
#include "server/app/log.h"
#include "server/app/on_control.h"
#include "server/app/reloader.h"
#include "server/app/schemas.h"
#include "server/app/snapshot.h"
#include "server/app/supervision.h"
#include "server/app/upstreams.h"
#include "server/app/workers.h"
#include "server/config/config.h"
#include "server/model/key_digest.h"

namespace singleflight::app {

class Steering final : public admin::Steering {
 public:
  // What is asked and steered. All of it outlives the server that clients come by.
  struct Parts {
    const config::Config& config;  // in force
    const std::string& config_path;
    const std::function<absl::Time()>& wall_clock;
    const Ledgers& ledgers;
    const std::shared_ptr<RouteSet>& routes;  // those in force
    const model::KeyDigests& digests;
    Shared& shared;
    Workers& workers;
    Upstreams& upstreams;
    const Schemas& schemas;
    const Doors& doors;
    Reloader& reloader;
    app::Drain& drain;
    const Supervision& supervision;
    Log& log;
    Events& events;
  };

  Steering(boost::asio::io_context& control, const Parts& parts);

  // The control thread answers no more: questions that wait for it end, and so do those that come.
  void Close() { on_control_.Close(); }

  // A page of text, written on the control thread.
  absl::StatusOr<std::string> Write(absl::FunctionRef<std::string()> write);

  absl::StatusOr<admin::v1::Info> GetInfo(const admin::v1::GetInfoRequest& request) override;
  absl::StatusOr<admin::v1::Stats> GetStats(const admin::v1::GetStatsRequest& request) override;
  absl::StatusOr<admin::v1::ListRoutesResponse> ListRoutes(
      const admin::v1::ListRoutesRequest& request) override;
  absl::StatusOr<admin::v1::ListUpstreamsResponse> ListUpstreams(
      const admin::v1::ListUpstreamsRequest& request) override;
  absl::StatusOr<admin::v1::ListFlightsResponse> ListFlights(
      const admin::v1::ListFlightsRequest& request) override;
  absl::StatusOr<admin::v1::ListTopKeysResponse> ListTopKeys(
      const admin::v1::ListTopKeysRequest& request) override;
  absl::StatusOr<admin::v1::ListSplitsResponse> ListSplits(
      const admin::v1::ListSplitsRequest& request) override;
  absl::StatusOr<admin::v1::ListEventsResponse> ListEvents(
      const admin::v1::ListEventsRequest& request) override;
  absl::StatusOr<Serving> GetServing() override;

  absl::StatusOr<admin::v1::PurgeResponse> Purge(const admin::v1::PurgeRequest& request) override;
  absl::StatusOr<admin::v1::ReloadResponse> Reload(
      const admin::v1::ReloadRequest& request) override;
  absl::StatusOr<admin::v1::DrainResponse> Drain(const admin::v1::DrainRequest& request) override;
  absl::StatusOr<admin::v1::ShareAgainResponse> ShareAgain(
      const admin::v1::ShareAgainRequest& request) override;
  absl::StatusOr<admin::v1::SetLogLevelResponse> SetLogLevel(
      const admin::v1::SetLogLevelRequest& request) override;

 private:
  // An answer of the control thread: `fill(answer)` there.
  template <typename Answer, typename Fill>
  absl::StatusOr<Answer> Asked(const Fill& fill);

  // The same where there may be none: `ask()` returns it, or why not.
  template <typename Answer>
  absl::StatusOr<Answer> Ordered(absl::FunctionRef<absl::StatusOr<Answer>()> ask,
                                 std::chrono::milliseconds patience);

  void FillInfo(admin::v1::Info& info) const;
  void NameFields(admin::v1::Split& split) const;
  void FillUpstreams(admin::v1::ListUpstreamsResponse& upstreams) const;
  void Describe(const core::Flights::Joinable& flight, admin::v1::Flight& out) const;
  absl::StatusOr<cache::Scope> ScopeOf(const admin::v1::PurgeRequest& request);
  absl::StatusOr<cache::Scope> ScopeOfKey(const std::string& text) const;
  absl::StatusOr<cache::Scope> ScopeOf(const admin::v1::Group& group);
  absl::StatusOr<admin::v1::DrainResponse> SetDrained(const admin::v1::EndpointName& endpoint,
                                                      bool drained);

  const Parts parts_;
  const absl::Time started_at_;
  OnControl on_control_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_STEERING_H_
