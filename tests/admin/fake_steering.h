// A Steering that says what a test told it to, and notes what it was asked.

#ifndef SINGLEFLIGHT_TESTS_ADMIN_FAKE_STEERING_H_
#define SINGLEFLIGHT_TESTS_ADMIN_FAKE_STEERING_H_

#include <string>
#include <vector>

#include "server/admin/steering.h"

namespace singleflight::admin::testing {

class FakeSteering final : public Steering {
 public:
  absl::StatusOr<v1::Info> GetInfo(const v1::GetInfoRequest&) override { return info; }
  absl::StatusOr<v1::Stats> GetStats(const v1::GetStatsRequest&) override { return stats; }
  absl::StatusOr<v1::ListRoutesResponse> ListRoutes(const v1::ListRoutesRequest&) override {
    return v1::ListRoutesResponse();
  }
  absl::StatusOr<v1::ListUpstreamsResponse> ListUpstreams(
      const v1::ListUpstreamsRequest&) override {
    return v1::ListUpstreamsResponse();
  }
  absl::StatusOr<v1::ListFlightsResponse> ListFlights(const v1::ListFlightsRequest&) override {
    return absl::UnavailableError("the process ends");
  }
  absl::StatusOr<v1::ListTopKeysResponse> ListTopKeys(
      const v1::ListTopKeysRequest& request) override {
    asked.push_back(request.ShortDebugString());
    return v1::ListTopKeysResponse();
  }
  absl::StatusOr<v1::ListSplitsResponse> ListSplits(const v1::ListSplitsRequest&) override {
    return v1::ListSplitsResponse();
  }
  absl::StatusOr<v1::ListEventsResponse> ListEvents(const v1::ListEventsRequest&) override {
    return v1::ListEventsResponse();
  }
  absl::StatusOr<Serving> GetServing() override { return Serving(); }

  absl::StatusOr<v1::PurgeResponse> Purge(const v1::PurgeRequest& request) override {
    orders.push_back("purge " + request.ShortDebugString());
    v1::PurgeResponse response;
    response.set_dropped(7);
    return response;
  }
  absl::StatusOr<v1::ReloadResponse> Reload(const v1::ReloadRequest&) override {
    orders.push_back("reload");
    return absl::FailedPreconditionError("f.yaml:3:1: is wrong");
  }
  absl::StatusOr<v1::DrainResponse> Drain(const v1::DrainRequest& request) override {
    orders.push_back("drain " + request.ShortDebugString());
    return v1::DrainResponse();
  }
  absl::StatusOr<v1::ShareAgainResponse> ShareAgain(const v1::ShareAgainRequest& request) override {
    orders.push_back("share again " + request.route());
    return v1::ShareAgainResponse();
  }
  absl::StatusOr<v1::SetLogLevelResponse> SetLogLevel(
      const v1::SetLogLevelRequest& request) override {
    orders.push_back("level " + request.level());
    return v1::SetLogLevelResponse();
  }

  v1::Info info;
  v1::Stats stats;
  std::vector<std::string> asked;
  std::vector<std::string> orders;
};

}  // namespace singleflight::admin::testing

#endif  // SINGLEFLIGHT_TESTS_ADMIN_FAKE_STEERING_H_
