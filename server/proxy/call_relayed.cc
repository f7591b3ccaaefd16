// A call that goes upstream by itself: by its route, because it cannot be shared, or because it
// took a flight's call over. Its marks say why, and what a write's reply invalidates is dropped
// before the caller has it.

#include <utility>

#include "server/core/footprint.h"
#include "server/core/retried_call.h"
#include "server/core/shadowed_call.h"
#include "server/proxy/call.h"
#include "server/proxy/replier.h"

namespace singleflight::proxy {
namespace {

// How often a relayed call is sent again where upstream certainly had not begun with it.
constexpr int kRelayResends = 3;

constexpr std::variant<core::Bypass, core::Release> kWhyStreams = core::Release::kReplyStreams;

}  // namespace

// Neither to be shared nor to be kept: relayed with what has been collected.
void Call::GoAlone(core::Bypass why, model::SharedHeaders trailing) {
  why_relayed_ = why;
  role_ = CallRole::kBypass;
  route_metrics().bypasses.Add(why);
  RelayCollected(std::move(trailing));
}

void Call::RelayCollected(model::SharedHeaders trailing) {
  const std::unique_ptr<Collector> collected = std::move(collector_);
  StartRelay();
  if (collected != nullptr && !collected->bytes().empty()) {
    relay_->Scanned(collected->scanner());
    relay_->SendAhead(around().buffered.Hold(collected->Take()));
  }
  if (request_ended_) relay_->Finish(std::move(trailing));
}

void Call::StartRelay() {
  state_ = State::kRelaying;
  AwaitDeadline();
  core::RetriedUpstream retried(around(), *route_);
  core::Upstream& plain = *around().upstreams[route_->upstream];
  core::Upstream& once = route_->options.retry.has_value() ? retried : plain;
  core::ShadowedUpstream shadowed(context_->read_path, *route_, context_->trust, once);
  core::Upstream& upstream = route_->shadows() ? shadowed : once;
  relay_ = std::make_unique<Relay>(
      *stream_, upstream,
      core::UpstreamHead{request_, std::string(upstream.AuthorityFor(*request_)), deadline(), "",
                         kRelayResends, context_->client, false, BeginUpstreamSpan(upstream)},
      SettingOfRelay(), *this);
  if (!route_->relays()) relay_->WatchReply({});
  if (route_->invalidates()) {
    relay_->WatchWrite(
        std::make_unique<PassingWrite>(around(), *route_, request_, context_->client));
  }
}

Relay::Setting Call::SettingOfRelay() const {
  return {loop(), around().buffered, context_->limits->stall_timeout,
          core::BytesOfUpstreamCall(*request_), context_->client};
}

void Call::OnTakeover(core::Takeover takeover) {
  const std::shared_ptr<Call> keep = std::move(aboard_);
  if (state_ != State::kWaiting) return;
  state_ = State::kRelaying;
  why_relayed_ = takeover.why;
  wire::MessageScanner so_far;
  so_far.Feed(takeover.body);
  relay_ = std::make_unique<Relay>(*stream_, std::move(takeover.call), SettingOfRelay(), *this);
  relay_->WatchReply(so_far);
  relay_->GoOn(std::move(takeover.initial), std::move(takeover.body));
}

// Only calls of routes that are not declared to be reads can tell to drop what is kept. A reply
// that streams may never end, and the others before the gate do not wait for that.
bool Call::OnRelayHeaders(model::HeadersView fields, bool end) {
  if (end) NoteStatusOf(fields);
  if (why_relayed_ == kWhyStreams) at_gate_.reset();
  if (route_->relays()) {
    core::Invalidation invalidation = context_->read_path.Invalidate(*route_, *request_, fields);
    if (end) invalidation.Forget();
    relay_->Keep(std::move(invalidation));
    if (Replier(*stream_).SendFirst(model::DownstreamFields(fields), end, {})) return true;
  } else {
    const Marks marks = MarksOfRelay(cache::AgeOf(fields));
    const model::Headers onward =
        model::DownstreamFields(fields, {"age", cache::kTargetedCacheControl});
    if (Replier(*stream_).SendFirst(onward, end, marks.fields())) return true;
  }
  ShedForClient(wire::ParseStatus(fields.Find("grpc-status").value_or("")));
  return false;
}

Marks Call::MarksOfRelay(absl::Duration age) const {
  if (const auto* released = std::get_if<core::Release>(&why_relayed_)) {
    return Marks(context_->marks, *released, role(), age);
  }
  return Marks(context_->marks, std::get<core::Bypass>(why_relayed_), age);
}

// A reply without a status is an error of its own.
void Call::NoteStatusOf(model::HeadersView block) {
  told_ = wire::ParseStatus(block.Find("grpc-status").value_or(""))
              .value_or(wire::StatusCode::kUnknown);
}

bool Call::OnRelayTrailers(model::Headers& fields) {
  NoteStatusOf(fields);
  if (route_->relays()) {
    relay_->Invalidate();
    context_->read_path.Invalidate(*route_, *request_, fields).Forget();
  } else if (fields.Find(cache::kTargetedCacheControl).has_value()) {
    fields = model::Without(fields, cache::kTargetedCacheControl);
  }
  if (Replier(*stream_).TakesTrailers(fields)) return true;
  ShedForClient(wire::ParseStatus(fields.Find("grpc-status").value_or("")));
  return false;
}

void Call::OnRelayEnded() {
  timer_.Cancel();
  CountAdded(relay_->trip());
  EndRelay();
}

// A reset crosses as it is, behind what came before it; whatever else happened becomes a status.
void Call::OnRelayFailed(const core::UpstreamFailure& failure) {
  if (route_->relays()) {
    context_->read_path.Invalidate(*route_, *request_, failure.block).Forget();
  }
  if (failure.kind != core::UpstreamFailure::Kind::kReset) {
    return SendStatus(failure.status, failure.message);
  }
  const std::shared_ptr<Call> keep = shared_from_this();  // the stream lets go of it
  told_ = wire::StatusOfReset(failure.reset_code);
  const auto code = static_cast<http2::ErrorCode>(failure.reset_code);
  std::exchange(stream_, nullptr)->ResetBehindData(code);
  OnRelayEnded();
}

}  // namespace singleflight::proxy
