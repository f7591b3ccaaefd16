// What a running process can be asked and told, whoever asks: the gRPC service and the HTTP server
// use this and nothing else of the process. Requests and answers are those of
// proto/singleflight/admin/v1/admin.proto, which says what each means.
//
// Who may is not asked here: whoever calls an order has asked Rights before.
//
// Threads: every method, from any thread but the workers' and the control thread, which have to
// answer. A method may wait: a question for kPatience, Reload for kLongPatience, Purge for as long
// as it takes to look at what is kept. No worker and no control thread ever waits for the caller.
// Errors: as the service says them. UNAVAILABLE: the process ends. DEADLINE_EXCEEDED: it has had no
// time to answer. UNIMPLEMENTED: this build does not know it.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_STEERING_H_
#define SINGLEFLIGHT_SERVER_ADMIN_STEERING_H_

#include <chrono>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "singleflight/admin/v1/admin.pb.h"

namespace singleflight::admin {

class Steering {
 public:
  // Until the control thread begins with a question. It has other things to do, none of which takes
  // long.
  static constexpr std::chrono::milliseconds kPatience{1000};

  // Likewise with an order that reads files and opens addresses.
  static constexpr std::chrono::milliseconds kLongPatience{10'000};

  virtual ~Steering() = default;

  // --- questions ---

  virtual absl::StatusOr<v1::Info> GetInfo(const v1::GetInfoRequest& request) = 0;
  virtual absl::StatusOr<v1::Stats> GetStats(const v1::GetStatsRequest& request) = 0;
  virtual absl::StatusOr<v1::ListRoutesResponse> ListRoutes(
      const v1::ListRoutesRequest& request) = 0;
  virtual absl::StatusOr<v1::ListUpstreamsResponse> ListUpstreams(
      const v1::ListUpstreamsRequest& request) = 0;
  virtual absl::StatusOr<v1::ListFlightsResponse> ListFlights(
      const v1::ListFlightsRequest& request) = 0;
  virtual absl::StatusOr<v1::ListTopKeysResponse> ListTopKeys(
      const v1::ListTopKeysRequest& request) = 0;
  virtual absl::StatusOr<v1::ListSplitsResponse> ListSplits(
      const v1::ListSplitsRequest& request) = 0;
  virtual absl::StatusOr<v1::ListEventsResponse> ListEvents(
      const v1::ListEventsRequest& request) = 0;

  // Whether new calls are welcome, by service: "" is the process, other names are upstreams. An
  // upstream is not serving while no endpoint of it can take a call, and nothing is while the
  // process drains or a worker is stuck.
  using Serving = std::map<std::string, bool>;
  virtual absl::StatusOr<Serving> GetServing() = 0;

  // --- orders ---

  virtual absl::StatusOr<v1::PurgeResponse> Purge(const v1::PurgeRequest& request) = 0;
  virtual absl::StatusOr<v1::ReloadResponse> Reload(const v1::ReloadRequest& request) = 0;
  virtual absl::StatusOr<v1::DrainResponse> Drain(const v1::DrainRequest& request) = 0;
  virtual absl::StatusOr<v1::ShareAgainResponse> ShareAgain(
      const v1::ShareAgainRequest& request) = 0;
  virtual absl::StatusOr<v1::SetLogLevelResponse> SetLogLevel(
      const v1::SetLogLevelRequest& request) = 0;
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_STEERING_H_
