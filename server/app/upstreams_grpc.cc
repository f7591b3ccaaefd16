// Upstreams with `transport: grpc`: one channel of gRPC's each, and a stub on every worker.

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/app/on_worker.h"
#include "server/app/upstreams.h"

namespace singleflight::app {
namespace {

// Between two looks at gRPC's channels.
constexpr std::chrono::seconds kBetweenLooks(1);

}  // namespace

absl::StatusOr<std::shared_ptr<const Upstreams::Running>> Upstreams::MakeGrpc(
    std::shared_ptr<Running> running, const std::string& authority) {
  const upstream::UpstreamOptions& options = running->options;
  if (completions_ == nullptr) completions_ = std::make_unique<stub::Completions>();
  absl::StatusOr<std::shared_ptr<stub::Channel>> channel =
      stub::Channel::Make(options, authority, *completions_);
  if (!channel.ok()) {
    return absl::Status(
        channel.status().code(),
        absl::StrCat("upstream '", options.name, "': tls: ", channel.status().message()));
  }
  running->channel = std::make_shared<ChannelEndpoint>(options.name, options.target, *channel,
                                                       workers_.size(), wall_clock_, events_);
  for (const auto& before : in_force_) {
    if (before->is_grpc() && before->options.name == options.name) {
      running->channel->Inherit(*before->channel);
    }
  }
  for (size_t i = 0; i < workers_.size(); ++i) {
    net::Worker& worker = *workers_[i];
    running->stubs.push_back(OwnedOn(
        worker, std::make_unique<stub::Stub>(stub::Stub::Surroundings{worker, *worker.buffered(),
                                                                      ledger_.Of(i, options.name),
                                                                      running->channel->cells()[i]},
                                             options, authority, *channel)));
  }
  return std::shared_ptr<const Running>(std::move(running));
}

void Upstreams::BeginGrpc(const Running& running) {
  for (size_t i = 0; i < workers_.size(); ++i) stubs_[i].push_back(running.stubs[i]);
}

// gRPC tells nobody of a channel's state without keeping the channel.
void Upstreams::LookAtChannels() {
  bool any = false;
  for (const auto& running : in_force_) {
    if (!running->is_grpc()) continue;
    running->channel->Look();
    any = true;
  }
  if (!any || std::exchange(looking_, true)) return;
  look_.expires_after(kBetweenLooks);
  look_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    looking_ = false;
    LookAtChannels();
  });
}

}  // namespace singleflight::app
