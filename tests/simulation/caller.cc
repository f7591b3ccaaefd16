// A caller's way, as server/proxy/call.cc, call_relayed.cc and call_at_gate.cc go it.

#include "tests/simulation/caller.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/cache/groups.h"
#include "server/core/retried_call.h"
#include "server/memory/held_bytes.h"
#include "tests/simulation/judge.h"

namespace singleflight::simulation {
namespace {

constexpr int kRelayResends = 3;

// It asks for the authority when it makes the key, before it looks, and before it looks again.
constexpr int kPauses = 3;

absl::string_view NameOf(core::Served served) {
  switch (served) {
    case core::Served::kKept:
      return "a hit";
    case core::Served::kLeads:
      return "leads";
    case core::Served::kFollows:
      return "follows";
    case core::Served::kUnreadable:
      return "alone: cannot read what is kept";
    case core::Served::kStreams:
      return "alone: the method streams";
    case core::Served::kTooLarge:
      return "alone: the replies are too large";
    case core::Served::kNoStore:
      return "alone: no-store";
    case core::Served::kDiffered:
      return "alone: checks have found that replies differ";
    case core::Served::kNothingKept:
      return "refused: only-if-cached";
    case core::Served::kPastShare:
      return "refused: past its share";
  }
  return "";
}

}  // namespace

Caller::Caller(World& world, std::shared_ptr<const Snapshot> snapshot, std::shared_ptr<Ask> ask)
    : Waiter(House::PathOf(*snapshot)),
      world_(world),
      snapshot_(std::move(snapshot)),
      ask_(std::move(ask)),
      route_(snapshot_->routes->table.Find(ask_->request->authority(), ask_->request->path())),
      timer_(loop().timers(), [this] { OnDeadline(); }) {
  ask_->policy = snapshot_->routes->policies[route_->index];
  ask_->shares_across_credentials = route_->key_policy.shares_across_credentials();
  ask_->ignores_device = (snapshot_->routes->number & kIgnores) != 0 && !Writes(ask_->method);
  ask_->finishes = route_->flights.on_abandon == core::OnAbandon::kComplete;
  ask_->fills_up = route_->flights.max_waiters < core::CollapseOptions().max_waiters;
}

void Caller::Become(State state) {
  state_ = state;
  since_ = world_.now;
  if (state != State::kOver) return;
  timer_.Cancel();
  at_gate_.reset();
  call_.reset();
  invalidation_ = core::Invalidation();
  NoteDropped();
  dropped_.clear();
  reply_ = model::Reply();
}

void Caller::Begin() {
  const std::shared_ptr<Caller> keep = shared_from_this();
  came_ = world_.history.Now();
  metrics().calls.Add();
  if (const absl::optional<absl::Duration> timeout = ask_->request->timeout()) {
    deadline_ = base::After(loop().Now(), *timeout);
  }
  if (!route_->relays()) {
    ask_->key = path().KeyFor(*route_, ask_->trust, *ask_->request, ask_->message);
    world_.asked.try_emplace(ask_->key.hash, ask_);
  }
  floors_ = world_.history.FloorsOf(*ask_);
  if (route_->relays()) {
    metrics().relays.Add();
    ask_->role = Role::kAlone;
    return StartRelay(base::Slice(ask_->message));
  }
  const core::Served served = Serve(ask_->message, [this] {
    if (ask_->dawdles) world_.meanwhile(ask_->loop);
    return base::Slice(ask_->message);
  });
  world_.report.Say([&] { return absl::StrCat("  #", ask_->number, " is ", NameOf(served)); });
  switch (served) {
    case core::Served::kKept:
      ask_->role = Role::kHit;
      return metrics().hits.Add();
    case core::Served::kLeads:
      ask_->role = Role::kLeads;
      return metrics().leaders.Add();
    case core::Served::kFollows:
      ask_->role = Role::kFollows;
      return metrics().followers.Add();
    case core::Served::kUnreadable:
      return GoAlone(core::Bypass::kKeptEncoding, base::Slice(ask_->message));
    case core::Served::kStreams:
      return GoAlone(core::Bypass::kStreamingMethod, base::Slice(ask_->message));
    case core::Served::kTooLarge:
      return GoAlone(core::Bypass::kLargeReply, base::Slice(ask_->message));
    case core::Served::kNoStore:
      return GoAlone(core::Bypass::kNoStore, base::Slice(ask_->message));
    case core::Served::kDiffered:
      return GoAlone(core::Bypass::kDiffered, base::Slice(ask_->message));
    case core::Served::kNothingKept:
    case core::Served::kPastShare:
      ask_->role = Role::kRefused;
      metrics().refused.Add();
      return Become(State::kOver);
  }
}

core::Served Caller::Serve(absl::string_view message, absl::FunctionRef<base::Slice()> take) {
  Become(State::kWaiting);
  joined_at_ = loop().Now();
  serving_ = true;
  world_.pauses[ask_->loop] = ask_->dawdles ? kPauses : 0;
  const core::Served served = path().Serve(
      *route_, {ask_->trust, ask_->request, message, take, deadline_, world_.clients[ask_->client]},
      *this);
  serving_ = false;
  world_.pauses[ask_->loop] = 0;
  const bool ended = state_ == State::kOver || state_ == State::kWriting;
  if (!ended && deadline_.has_value()) timer_.Set(*deadline_);
  return served;
}

absl::optional<core::Waiter::Asker> Caller::asker() const {
  if (state_ != State::kWaiting) return absl::nullopt;
  return Asker{*route_, *ask_->request};
}

void Caller::OnAnswer(const core::Answer& answer, core::Counted counted) {
  const std::shared_ptr<Caller> keep = shared_from_this();
  if (state_ != State::kWaiting && !owed_) {
    world_.report.Violated(absl::StrCat("#", ask_->number, " had left or heard, and hears"));
  }
  if (state_ != State::kWaiting) {
    owed_ = false;
    return;
  }
  NoteHit(answer);
  const bool large = answer.reply.body.size() > memory::kSmallReplyBytes;
  reply_ = answer.reply;
  if (large) {
    absl::optional<model::Reply> held =
        path().Hold(*route_, answer.reply, world_.clients[ask_->client], counted);
    if (!held.has_value()) return Become(State::kOver);  // RESOURCE_EXHAUSTED
    reply_ = *std::move(held);
  }
  JudgeAnswer(world_, *this, answer);
  timer_.Cancel();
  Become(large ? State::kWriting : State::kOver);
  if (ask_->asks_again) AskTheSame(answer.source);
}

void Caller::NoteHit(const core::Answer& answer) {
  if (!absl::SimpleAtoi(answer.reply.initial.Find("x-serial").value_or(""), &ask_->got)) return;
  const bool over = answer.lifespan.expires <= loop().Now();
  if (serving_ && over && answer.source == core::Answer::Source::kHit) ++world_.tally.stale_hits;
}

// A reply is stored before it lands: whoever asks then finds it.
void Caller::AskTheSame(core::Answer::Source source) {
  const std::shared_ptr<Ask> again = Again(*ask_, ++world_.asks_drawn);
  world_.report.Say([&] { return absl::StrCat("  asks the same at once, ", again->ToText()); });
  const Role role = world_.Begin(again);
  if (source != core::Answer::Source::kStored || !ask_->cache_control.empty() ||
      world_.house.InForce(ask_->loop) != snapshot_) {
    return;
  }
  if (role == Role::kLeads || role == Role::kFollows) {
    world_.report.Violated(absl::StrCat("#", ask_->number, " got a reply that is kept, asked for ",
                                        "it at once, and did not find it"));
  }
}

void Caller::OnTakeover(core::Takeover takeover) {
  const std::shared_ptr<Caller> keep = shared_from_this();
  if (state_ != State::kWaiting) {
    if (!owed_) world_.report.Violated("a caller that had left was given a call");
    owed_ = false;
    return;
  }
  if (role() != singleflight::Role::kLeader) {
    world_.report.Violated(absl::StrCat("#", ask_->number, " follows, and was given the call"));
  }
  world_.report.Say([&] { return absl::StrCat("  #", ask_->number, " goes on with the call"); });
  Become(State::kRelaying);
  ask_->alone = true;
  scanner_.Feed(takeover.body);
  call_ = std::move(takeover.call);
  call_->SetEvents(*this);
  if (takeover.initial.has_value()) JudgeOwnReply(world_, *this, *takeover.initial);
}

void Caller::OnReleased(const core::Question& asked, core::Release why) {
  const std::shared_ptr<Caller> keep = shared_from_this();
  ++world_.tally.released;
  if (state_ != State::kWaiting) {
    if (!owed_) world_.report.Violated("a caller that had left was released");
    owed_ = false;
    return;
  }
  world_.report.Say(
      [&] { return absl::StrCat("  #", ask_->number, " is released: ", core::NameOf(why)); });
  JudgeReleased(world_, *this, asked);
  streams_ = why == core::Release::kReplyStreams;
  const bool again = why == core::Release::kLeaderRefused && !std::exchange(asked_again_, true);
  again ? AskAgain(asked) : EnterGate(asked);
}

void Caller::AskAgain(const core::Question& asked) {
  const base::Slice message = path().MessageFor(*route_, *ask_->request, asked);
  ask_->role = Role::kAsking;
  ask_->sent = false;
  switch (Serve(message.view(), [&message] { return message; })) {
    case core::Served::kKept:
      ask_->role = Role::kHit;
      return;
    case core::Served::kLeads:
      ask_->role = Role::kLeads;
      return;
    case core::Served::kFollows:
      ask_->role = Role::kFollows;
      return;
    case core::Served::kUnreadable:
    case core::Served::kStreams:
    case core::Served::kTooLarge:
    case core::Served::kNoStore:
    case core::Served::kDiffered:
    case core::Served::kNothingKept:
      ask_->role = Role::kFollows;
      return EnterGate(asked);
    case core::Served::kPastShare:
      ask_->role = Role::kRefused;
      return Become(State::kOver);
  }
}

void Caller::EnterGate(const core::Question& asked) {
  Become(State::kQueued);
  at_gate_ = std::make_unique<AtGate>(*this, asked);
  at_gate_->ticket = route_->shared.release_gate->Enter(
      asked.line, std::max(route_->flights.max_waiters, core::CollapseOptions().max_waiters),
      loop(), [weak = weak_from_this()](absl::Duration turn) {
        const std::shared_ptr<Caller> self = weak.lock();
        if (self != nullptr && self->state_ == State::kQueued) self->OnAdmitted(turn);
      });
  if (at_gate_->ticket == nullptr) return Become(State::kOver);
  at_gate_->timer.Set(base::After(
      loop().Now(), route_->options.collapse.value_or(core::CollapseOptions()).flight_timeout));
}

void Caller::OnAdmitted(absl::Duration turn) {
  const core::Question asked = std::exchange(at_gate_->asked, {});
  at_gate_->timer.Set(base::After(loop().Now(), turn));
  StartRelay(path().MessageFor(*route_, *ask_->request, asked));
}

void Caller::OnGateTimer() {
  if (state_ != State::kQueued) return at_gate_->ticket->StandAside();
  world_.report.Say([&] { return absl::StrCat("  #", ask_->number, " got no turn at the gate"); });
  Become(State::kOver);
}

void Caller::GiveUp(core::Unanswered why) {
  const std::shared_ptr<Caller> keep = shared_from_this();
  const bool waited = state_ == State::kWaiting;
  if (waited) owed_ = !path().Leave(*route_, *this, why);
  world_.report.Say([&] {
    return absl::StrCat("  #", ask_->number, " gives up (", core::NameOf(why), ")",
                        owed_ ? ", too late" : "");
  });
  if (call_ != nullptr) call_->Cancel(why);
  Become(State::kOver);
}

void Caller::TakeReply() {
  if (state_ == State::kWriting) Become(State::kOver);
}

void Caller::GoAlone(core::Bypass why, base::Slice message) {
  ask_->role = Role::kAlone;
  metrics().bypasses.Add(why);
  StartRelay(std::move(message));
}

void Caller::StartRelay(base::Slice message) {
  Become(State::kRelaying);
  if (deadline_.has_value()) timer_.Set(*deadline_);
  ask_->alone = true;
  core::RetriedUpstream retried(path().around(), *route_);
  core::Upstream& plain = *path().around().upstreams[route_->upstream];
  core::Upstream& upstream = route_->options.retry.has_value() ? retried : plain;
  call_ = upstream.Start({ask_->request, std::string(upstream.AuthorityFor(*ask_->request)),
                          deadline_, "", kRelayResends, world_.clients[ask_->client]},
                         *this);
  call_->Send(std::move(message));
  call_->Finish({});
}

// What the reply of a write drops, before the writer has it.
void Caller::Drop(model::HeadersView block, bool end) {
  const std::string ours = absl::StrCat("\"", GroupName(ask_->group()), "\"");
  if (block.Find(cache::kCacheGroupInvalidation) == absl::string_view(ours)) {
    dropped_.push_back(ask_->group());
    ++world_.tally.groups_dropped;
  }
  if (world_.defect != Defect::kWritesDropNothing) {
    core::Invalidation invalidation = path().Invalidate(*route_, *ask_->request, block);
    if (end) invalidation.Forget();
    invalidation_ = std::move(invalidation);
  }
  NoteDropped();
}

void Caller::NoteDropped() {
  for (const size_t group : dropped_) {
    world_.history.PurgedGroup(ask_->upstream(), ask_->tenant, group);
  }
}

void Caller::OnInitial(model::Headers fields, bool end) {
  const std::shared_ptr<Caller> keep = shared_from_this();
  JudgeOwnReply(world_, *this, fields);
  if (streams_) at_gate_.reset();
  if (route_->relays()) Drop(fields, end);
  if (end) EndRelay(fields);
}

void Caller::OnData(absl::string_view bytes) {
  const uint64_t before = scanner_.complete();
  scanner_.Feed(bytes);
  if (before <= 1 && scanner_.complete() > 1)
    route_->NoteStream(ask_->request->path(), loop().Now());
  call_->Consume(bytes.size());
}

void Caller::OnEnd(model::Headers trailing) {
  const std::shared_ptr<Caller> keep = shared_from_this();
  if (scanner_.ExactlyOne() && trailing.Find("grpc-status") == absl::string_view("0")) {
    route_->NoteUnary(ask_->request->path());
  }
  if (route_->relays()) {
    invalidation_.Discharge();
    NoteDropped();
    Drop(trailing, true);
  }
  EndRelay(trailing);
}

void Caller::OnFailed(core::UpstreamFailure failure) {
  const std::shared_ptr<Caller> keep = shared_from_this();
  if (route_->relays()) Drop(failure.block, true);
  world_.report.Say([&] { return absl::StrCat("  #", ask_->number, " hears: ", failure.message); });
  Become(State::kOver);
}

// Of a write that went well and named its group: whoever asks from now on reads it, or a later one.
void Caller::EndRelay(model::HeadersView last) {
  uint64_t serial = 0;
  const Sent* sent = nullptr;
  if (absl::SimpleAtoi(last.Find("x-serial").value_or(""), &serial))
    sent = world_.FindSerial(serial);
  if (Writes(ask_->method) && sent != nullptr && !dropped_.empty() &&
      last.Find("grpc-status") == absl::string_view("0")) {
    world_.history.Completed(ask_->item(), sent->version);
  }
  world_.report.Say([&] { return absl::StrCat("  #", ask_->number, " has its reply, ", serial); });
  Become(State::kOver);
}

}  // namespace singleflight::simulation
