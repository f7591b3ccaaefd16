#include "server/app/channel_endpoint.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/app/proto_time.h"

namespace singleflight::app {

namespace v1 = admin::v1;
using upstream::EndpointState;

ChannelEndpoint::ChannelEndpoint(std::string upstream, std::string target,
                                 std::shared_ptr<stub::Channel> channel, size_t workers,
                                 std::function<absl::Time()> wall_clock, Events& events)
    : upstream_(std::move(upstream)),
      target_(std::move(target)),
      channel_(std::move(channel)),
      wall_clock_(std::move(wall_clock)),
      events_(events),
      since_(wall_clock_()) {
  while (cells_.size() < workers) cells_.push_back(std::make_shared<upstream::EndpointCells>());
}

void ChannelEndpoint::Inherit(const ChannelEndpoint& before) {
  if (before.target_ == target_) cells_ = before.cells_;
}

void ChannelEndpoint::Look() {
  const EndpointState state = channel_->state();
  if (std::exchange(state_, state) == state) return;
  if (state == EndpointState::kFailing && !std::exchange(failing_, true)) {
    since_ = wall_clock_();
    const std::string why = channel_->last_failure();
    spdlog::warn("upstream '{}': gRPC cannot reach {}: {}", upstream_, target_, why);
    Tell(absl::StrCat("it fails: ", why));
  } else if (state == EndpointState::kReady) {
    since_ = wall_clock_();
    if (!std::exchange(failing_, false)) return;
    spdlog::info("upstream '{}': gRPC has reached {} again", upstream_, target_);
    Tell("it is connected again");
  }
}

void ChannelEndpoint::Tell(std::string text) {
  events_.Add("endpoint", absl::StrCat(upstream_, " ", target_), std::move(text));
}

void ChannelEndpoint::Describe(v1::Upstream& upstream) const {
  v1::Endpoint& out = *upstream.add_endpoints();
  out.set_address(target_);
  out.set_state(ToProto(state_));
  *out.mutable_since() = ToProto(since_);
  out.set_last_failure(channel_->last_failure());
  DescribeCells(cells_, out);
}

void ChannelEndpoint::Show(metrics::Visitor& visitor) const {
  const metrics::Labels upstream = {{"upstream", upstream_}};
  visitor.Level("singleflight_upstream_endpoints", "Endpoints that the upstream has.", upstream, 1);
  visitor.Level("singleflight_upstream_endpoints_up", "Those that do not fail.", upstream,
                failing_ ? 0 : 1);
  ShowEndpoint({{"upstream", upstream_}, {"endpoint", target_}}, {!failing_, false}, cells_,
               visitor);
}

}  // namespace singleflight::app
