#include "server/stub/channel.h"

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <utility>

#include "server/stub/dial.h"

namespace singleflight::stub {

absl::StatusOr<std::shared_ptr<Channel>> Channel::Make(const upstream::UpstreamOptions& options,
                                                       const std::string& authority,
                                                       Completions& completions) {
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = Dial(options, options.target, authority);
  if (!channel.ok()) return channel.status();
  return std::shared_ptr<Channel>(new Channel(*std::move(channel), completions));
}

Channel::Channel(std::shared_ptr<grpc::Channel> channel, Completions& completions)
    : completions_(completions),
      channel_(std::move(channel)),
      stub_(std::make_unique<GenericStub>(channel_)) {}

Channel::~Channel() = default;

void Channel::NoteFailure(const std::string& why) {
  MutexLock lock(mu_);
  last_failure_ = why;
}

std::string Channel::last_failure() const {
  MutexLock lock(mu_);
  return last_failure_;
}

upstream::EndpointState Channel::state() const {
  switch (channel_->GetState(/*try_to_connect=*/false)) {
    case GRPC_CHANNEL_IDLE:
      return upstream::EndpointState::kIdle;
    case GRPC_CHANNEL_CONNECTING:
      return upstream::EndpointState::kConnecting;
    case GRPC_CHANNEL_READY:
      return upstream::EndpointState::kReady;
    case GRPC_CHANNEL_TRANSIENT_FAILURE:
    case GRPC_CHANNEL_SHUTDOWN:
      return upstream::EndpointState::kFailing;
  }
  return upstream::EndpointState::kIdle;
}

}  // namespace singleflight::stub
