// The endpoint of an upstream with `transport: grpc` as people see it: its target, in the state of
// gRPC's channel. What gRPC has found behind it, it keeps to itself.
//
// Threads: the control thread's. Cells are written by their workers.

#ifndef SINGLEFLIGHT_SERVER_APP_CHANNEL_ENDPOINT_H_
#define SINGLEFLIGHT_SERVER_APP_CHANNEL_ENDPOINT_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "server/app/endpoints.h"
#include "server/app/events.h"
#include "server/metrics/visitor.h"
#include "server/stub/channel.h"
#include "server/upstream/endpoint_cells.h"
#include "singleflight/admin/v1/admin.pb.h"

namespace singleflight::app {

class ChannelEndpoint {
 public:
  ChannelEndpoint(std::string upstream, std::string target, std::shared_ptr<stub::Channel> channel,
                  size_t workers, std::function<absl::Time()> wall_clock, Events& events);

  // Goes on counting where that of a former configuration was. Before the first Look.
  void Inherit(const ChannelEndpoint& before);

  // Looks at the channel's state. That it fails, and no more, is an event and a line of the log.
  void Look();

  // Whether a call can go there, or at least try.
  bool serves() const { return state_ != upstream::EndpointState::kFailing; }

  const CellsByWorker& cells() const { return cells_; }

  void Describe(admin::v1::Upstream& upstream) const;
  void Show(metrics::Visitor& visitor) const;

 private:
  void Tell(std::string text);

  const std::string upstream_;
  const std::string target_;
  const std::shared_ptr<stub::Channel> channel_;
  const std::function<absl::Time()> wall_clock_;
  Events& events_;
  CellsByWorker cells_;
  upstream::EndpointState state_ = upstream::EndpointState::kIdle;
  bool failing_ = false;  // the latest that lasted: between attempts it is connecting
  absl::Time since_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_CHANNEL_ENDPOINT_H_
