// Looks first and passes on then, since whoever hears the end of a call may destroy it. What is
// gathered is bounded as for a flight (max_request_bytes, max_reply_bytes) and counted; past a
// bound the call is not looked at any more, and goes on.

#include "server/core/shadowed_call.h"

#include "absl/strings/match.h"
#include "server/cache/privacy.h"
#include "server/cache/vary.h"
#include "server/core/difference.h"
#include "server/core/request_tags.h"

namespace singleflight::core {

std::unique_ptr<UpstreamCall> ShadowedUpstream::Start(UpstreamHead head, UpstreamEvents& events) {
  return std::make_unique<ShadowedCall>(path_, route_, trust_, next_, std::move(head), events);
}

ShadowedCall::ShadowedCall(ReadPath& path, Route& route, uint32_t trust, Upstream& next,
                           UpstreamHead head, UpstreamEvents& events)
    : path_(path),
      route_(route),
      trust_(trust),
      request_(head.request),
      events_(&events),
      own_bytes_(path.around().buffered),
      call_(next.Start(std::move(head), *this)) {}

void ShadowedCall::Send(base::Slice bytes) {
  if (!asked_) {
    request_scanner_.Feed(bytes.view());
    message_.Append(bytes.view(), 0);
    own_bytes_.Set(static_cast<int64_t>(message_.footprint()));
    const bool too_large = message_.size() > route_.flights.max_request_bytes;
    if (too_large || around().buffered.budget().spent()) LookNoMore();
  }
  call_->Send(std::move(bytes));
}

void ShadowedCall::Finish(model::SharedHeaders trailing) {
  if (!asked_) {
    sent_at_ = around().loop.Now();
    if (trailing.empty() && request_scanner_.ExactlyOne()) Board();
    LookNoMore();
  }
  call_->Finish(std::move(trailing));
}

// At the request: what the call would be is decided.
void ShadowedCall::LookNoMore() {
  asked_ = true;
  metrics().would_be.Add(role_);
  message_.Take();
  own_bytes_.Set(0);
}

// As ReadPath::Serve, which acts on what this tells.
void ShadowedCall::Board() {
  const bool obeys = route_.ObeysControlOf(*request_);
  const cache::RequestControl control =
      obeys ? cache::ParseRequestControl(request_->fields()) : cache::RequestControl();
  if (control.no_store) return;
  const model::Key& key = path_.KeyFor(route_, trust_, *request_, message_.view());
  const cache::Found found = Kept(key, control);
  if (found.reply) {
    model::Headers print;
    for (const model::Field part : found.reply.initial) print.Add(part);
    kept_.print = std::make_shared<const model::Headers>(std::move(print));
    role_ = WouldBe::kHit;
    return;
  }
  if (control.only_if_cached) return;
  Shadow::Place place = route_.shadow->Board(key.hash, route_.flights, sent_at_, found.purged);
  role_ = place.role;
  party_ = std::move(place.party);
  if (role_ != WouldBe::kLeader) return;
  key_ = key;
  if (route_.caches()) tags_ = RequestTags(route_, *request_, message_.view());
  fill_ = around().store.BeginFill();
  path_.NoteLead(route_, key_);
}

cache::Found ShadowedCall::Kept(const model::Key& key, const cache::RequestControl& control) const {
  const cache::Origin origin = around().OriginOf(route_, *request_);
  if (route_.caches()) return around().store.FindFor(control, key, origin, sent_at_);
  cache::Found nothing;
  nothing.purged = around().store.PurgedAt(key, origin);
  return nothing;
}

void ShadowedCall::OnInitial(model::Headers fields, bool end) {
  if (!asked_) LookNoMore();  // its reply does not wait for its request
  if (IsWatched()) {
    framed_ =
        fields.Find(":status") == absl::string_view("200") &&
        absl::StartsWithIgnoreCase(fields.Find("content-type").value_or(""), "application/grpc");
    age_.Read(fields);
    initial_ = model::DownstreamFields(fields);
    if (end) Judge({*std::move(initial_), "", {}, true, nullptr});
  }
  events_->OnInitial(std::move(fields), end);
}

void ShadowedCall::OnData(absl::string_view bytes) {
  if (IsWatched()) Look(bytes);
  events_->OnData(bytes);
}

void ShadowedCall::Look(absl::string_view reply) {
  if (framed_) scanner_.Feed(reply);
  body_.Append(reply, scanner_.to_come());
  own_bytes_.Set(static_cast<int64_t>(body_.footprint()));
  const bool streams =
      scanner_.MoreThanOne() || scanner_.state() == wire::MessageScanner::State::kMalformed;
  if (streams || body_.size() > route_.flights.max_reply_bytes) {
    EndWithout(Comparison::kUnshared);
  } else if (around().buffered.budget().spent()) {
    EndWithout(Comparison::kFailed);
  }
}

void ShadowedCall::OnEnd(model::Headers trailing) {
  if (IsWatched()) {
    age_.Read(trailing);
    Judge({*std::move(initial_), body_.Take(), trailing, false, nullptr});
  }
  events_->OnEnd(std::move(trailing));
}

void ShadowedCall::OnFailed(UpstreamFailure failure) {
  EndWithout(Comparison::kFailed);
  events_->OnFailed(std::move(failure));
}

void ShadowedCall::Judge(model::ReplyParts parts) {
  const model::Reply reply = model::MakeReply(std::move(parts));
  if (IsOfTheMoment(reply)) return EndWithout(Comparison::kFailed);
  const Printed printed{std::make_shared<const model::Headers>(path_.PrintOf(route_, reply)),
                        request_};
  over_ = true;
  own_bytes_.Set(0);
  const base::Instant now = around().loop.Now();
  Shadow& shadow = *route_.shadow;
  if (role_ == WouldBe::kHit) {
    Count(SharedBy::kHit, {{shadow.Compare(kept_, printed, now), 1}});
  } else if (role_ == WouldBe::kFollower) {
    Count(SharedBy::kFollower, shadow.Compare(*party_, printed, now));
  } else {
    Keep(reply, *printed.print);
    const bool shared =
        !route_.key_policy.shares_across_credentials() || !cache::MayBePrivate(reply);
    Count(SharedBy::kFollower, shadow.Land(key_.hash, *party_, printed, shared, now));
  }
}

void ShadowedCall::Count(SharedBy by, const Shadow::Counts& counts) {
  for (const Shadow::Count& count : counts) {
    metrics().comparisons[static_cast<size_t>(by)].Add(count.outcome, count.calls);
  }
}

// As Flight::Keep, but what is kept is the print.
void ShadowedCall::Keep(const model::Reply& reply, const model::Headers& print) {
  if (!route_.caches()) return;
  const base::Instant now = around().loop.Now();
  const cache::Verdict verdict =
      cache::Judge(reply, *route_.options.cache, age_, absl::FromChrono(now - sent_at_));
  const bool whole = framed_ && (scanner_.ExactlyOne() || reply.body.empty());
  if (verdict.refusal.has_value() || !whole || cache::VariesBeyond(reply, route_.key_policy)) {
    return;
  }
  if (!tags_.has_value()) return;
  const absl::optional<cache::Labels> labels =
      cache::LabelsOf(reply, around().OriginOf(route_, *request_), *tags_);
  if (!labels.has_value()) return;
  const absl::optional<cache::Refusal> refusal = around().store.Put(
      key_, model::MakeReply({print, "", {}, true, nullptr}),
      {base::After(sent_at_, -age_.value()), base::After(now, verdict.lifetime)}, *labels, fill_);
  if (!refusal.has_value()) metrics().stores.Add();
}

// Nothing of it is to be compared.
void ShadowedCall::EndWithout(Comparison outcome) {
  if (!IsWatched()) return;
  over_ = true;
  body_.Take();
  own_bytes_.Set(0);
  if (role_ == WouldBe::kHit) return Count(SharedBy::kHit, {{outcome, 1}});
  if (role_ == WouldBe::kFollower) return Count(SharedBy::kFollower, {{outcome, 1}});
  const bool shared = outcome != Comparison::kUnshared;
  Count(SharedBy::kFollower,
        route_.shadow->Land(key_.hash, *party_, {}, shared, around().loop.Now()));
}

RouteMetrics& ShadowedCall::metrics() const { return *around().metrics[route_.index]; }

}  // namespace singleflight::core
