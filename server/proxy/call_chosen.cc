// A call whose route is chosen by its message. Its headers have led to a route that asks for fields
// of the message, so the request is collected before anything else:
//
//   whole, and its side has ended        the first route whose conditions hold, or that has none
//   anything else (core::MatchRefusal)   the first route that has none
//
// Until then route_ is the first that asks: its bounds hold, and a call that is refused or leaves
// meanwhile is counted there. Only with its choice it is one of the calls of its route. From then
// on it is as if that route had been found by its headers and its request had come in one piece.

#include <algorithm>
#include <string>
#include <utility>

#include "server/core/plain_message.h"
#include "server/model/field_values.h"
#include "server/proxy/call.h"

namespace singleflight::proxy {
namespace {

// On a route that shares it goes alone for the same reason.
core::Bypass BypassOf(core::MatchRefusal why) {
  switch (why) {
    case core::MatchRefusal::kSecondMessage:
      return core::Bypass::kSecondMessage;
    case core::MatchRefusal::kOpenEnded:
      return core::Bypass::kOpenEnded;
    case core::MatchRefusal::kRequestTooLarge:
      return core::Bypass::kRequestTooLarge;
    case core::MatchRefusal::kSlowRequest:
      return core::Bypass::kSlowRequest;
    case core::MatchRefusal::kNoMessage:
    case core::MatchRefusal::kUnreadable:
      break;
  }
  return core::Bypass::kNoMessage;
}

}  // namespace

void Call::AwaitMessage(bool end) {
  state_ = State::kChoosing;
  if (!HasRoom()) return ShedForRoom();
  SetDeadline();
  if (end) return ChooseUnseen(core::MatchRefusal::kNoMessage);
  timer_.Set(std::min(deadline_, base::After(began_, context_->limits->request_timeout)));
}

void Call::CollectToChoose(absl::string_view bytes) {
  const Collector::Next next = Gather(bytes);
  if (!HasRoom()) return ShedForRoom();
  switch (next) {
    case Collector::Next::kMore:
      return;
    case Collector::Next::kWhole:
      if (route_->flights.unary || stream_->ending()) return;
      return timer_.Set(std::min(deadline_, base::After(loop().Now(), kGraceForEnd)));
    case Collector::Next::kSecond:
      return ChooseUnseen(core::MatchRefusal::kSecondMessage);
    case Collector::Next::kMalformed:
      return ChooseUnseen(core::MatchRefusal::kNoMessage);
    case Collector::Next::kLong:
      return ChooseUnseen(core::MatchRefusal::kRequestTooLarge);
    case Collector::Next::kOversized:
      return ShedLargeMessage();
  }
}

// Its side has ended, behind one message.
void Call::Choose() {
  std::string inflated;
  absl::optional<absl::string_view> message = core::PlainMessage(
      *request_, collector_->bytes(), route_->flights.max_request_bytes, &inflated);
  if (message.has_value() && !model::IsProtobuf(*message)) message.reset();
  if (!message.has_value()) route_metrics().match_refusals.Add(core::MatchRefusal::kUnreadable);
  if (!TakeChosen(message)) return;
  if (route_->relays()) return RelayCollected({});
  if (collector_->bytes().size() > route_->flights.max_request_bytes) {
    return GoAlone(core::Bypass::kRequestTooLarge);
  }
  Ask();
}

void Call::ChooseUnseen(core::MatchRefusal why, model::SharedHeaders trailing) {
  route_metrics().match_refusals.Add(why);
  if (!TakeChosen(absl::nullopt)) return;
  if (!route_->relays()) return GoAlone(BypassOf(why), std::move(trailing));
  RelayCollected(std::move(trailing));
}

// False: no route takes the call, and its caller has been told.
bool Call::TakeChosen(absl::optional<absl::string_view> message) {
  route_ = context_->routes.Choose(*route_, request_->authority(), request_->path(), message);
  if (route_ == nullptr) {
    RefuseUnrouted();
    return false;
  }
  state_ = State::kCollecting;
  route_metrics().calls.Add();
  if (!route_->relays()) return true;
  role_ = CallRole::kRelay;
  route_metrics().relays.Add();
  return true;
}

}  // namespace singleflight::proxy
