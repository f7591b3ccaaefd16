// One call after the other, each judged when its reply is whole. A suspicion can only shrink: what
// is left of it after the last call has been the same for each of the two requests, and different
// between them, in every call.
//
// The order of the calls is that of Thue and Morse. Backends take turns, and what they say of
// themselves goes with that; in this order no period of two to four has all calls of one request
// fall on the same one.

#include "server/core/check.h"

#include <algorithm>
#include <utility>

#include "server/cache/privacy.h"
#include "server/core/difference.h"
#include "server/core/refresh.h"

namespace singleflight::core {
namespace {

// The first F is the call that raises the suspicion.
constexpr absl::string_view kTurns = "FLLFLFFL";

bool IsIn(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool Check::IsDue(const LoopContext& around, Route& route) {
  const std::atomic<int64_t>& checks = route.shared.checks;
  const bool room = checks.load(std::memory_order_relaxed) < kMostAtOnce;
  if (room && route.verification->IsAmongFirst()) return true;
  if (!route.verification->Draws(around.random)) return false;
  if (!room) around.metrics[route.index]->check_refusals.Add(CheckRefusal::kInTheAir);
  return room;
}

Check::Check(ReadPath& path, Route& route, Asked own, SharedBy shared_by)
    : path_(path),
      route_(route),
      own_(std::move(own)),
      shared_by_(shared_by),
      timer_(path.around().loop.timers(), [this] { OnDeadline(); }) {
  route_.shared.checks.fetch_add(1, std::memory_order_relaxed);
}

Check::~Check() { route_.shared.checks.fetch_sub(1, std::memory_order_relaxed); }

void Check::Begin(const model::Reply& reply, absl::optional<Asked> leader) {
  if (IsOfTheMoment(reply)) return Tell(Comparison::kFailed);
  snapshot_ = path_.around().snapshot.lock();
  leader_ = std::move(leader);
  path_.around().loop.Post([self = shared_from_this(), reply] {
    self->shared_print_ = self->path_.PrintOf(self->route_, reply);
    self->Send();
  });
}

// What is kept was asked for by another leader than the flight's, and what is stale is known to be
// outdated.
void Check::OnTold(const Answer& answer, const Question& asked) {
  if (answer.source == Answer::Source::kOwn) return;
  if (!answer.was_kept()) return Begin(answer.reply, AskedBy(asked));
  if (answer.lifespan.expires <= path_.around().loop.Now()) return;
  Begin(answer.reply, route_.verification->LeaderOf(asked.line));
}

bool Check::AsksForLeader() const { return kTurns[judged_] == 'L'; }

void Check::Send() {
  self_ = shared_from_this();
  const LoopContext& around = path_.around();
  const Asked& asked = AsksForLeader() ? *leader_ : own_;
  core::Upstream& upstream = *around.upstreams[route_.upstream];
  const base::Instant deadline = Refresh::DeadlineOf(route_, around.loop.Now());
  held_ = std::make_unique<memory::HeldBytes>(route_.shared);
  UpstreamHead head{asked.request, std::string(upstream.AuthorityFor(*asked.request)), deadline,
                    route_.collapses() ? around.chain_hop : ""};
  head.wanted = 0;
  call_ = upstream.Start(std::move(head), *this);
  timer_.Set(deadline);
  call_->Send(asked.message);
  call_->Finish({});
}

// False: there is no room, and it has ended.
bool Check::Hold(size_t bytes) {
  if (held_->Add(static_cast<int64_t>(bytes)) && !path_.around().buffered.budget().spent()) {
    return true;
  }
  End(Comparison::kFailed);
  return false;
}

void Check::OnInitial(model::Headers fields, bool end) {
  initial_ = model::DownstreamFields(fields);
  if (!Hold(initial_->Footprint()) || !end) return;
  Give({*std::move(initial_), "", {}, true, nullptr});
}

void Check::OnData(absl::string_view bytes) {
  call_->Consume(bytes.size());
  const size_t before = body_.footprint();
  body_.Append(bytes, 0);
  if (body_.size() > route_.flights.max_reply_bytes) return End(Comparison::kFailed);
  Hold(body_.footprint() - before);
}

void Check::OnEnd(model::Headers trailing) {
  if (!Hold(trailing.Footprint())) return;
  Give({*std::move(initial_), body_.Take(), std::move(trailing), false, nullptr});
}

void Check::OnDeadline() {
  call_->Cancel(Unanswered::kDeadline);
  End(Comparison::kFailed);
}

void Check::OnFailed(UpstreamFailure) { End(Comparison::kFailed); }

void Check::Give(model::ReplyParts parts) {
  const std::shared_ptr<Check> keep = self_;
  const model::Reply reply = model::MakeReply(std::move(parts));
  LetGo();
  if (IsOfTheMoment(reply)) return End(Comparison::kFailed);
  if (route_.key_policy.shares_across_credentials() && cache::MayBePrivate(reply)) {
    return End(Comparison::kUnshared);
  }
  Judge(path_.PrintOf(route_, reply));
}

void Check::Judge(model::Headers print) {
  if (judged_ == 0) {
    JudgeFirst(std::move(print));
    if (self_ == nullptr) return;
  } else if (!Clear(print)) {
    return End(unsteady_.empty() ? Comparison::kChanged : Comparison::kUnsteady);
  }
  if (++judged_ == kTurns.size()) return End(Comparison::kDiffers);
  path_.around().loop.Post([self = std::move(self_)] { self->Send(); });
}

void Check::JudgeFirst(model::Headers print) {
  suspects_ = model::PartsThatDiffer(shared_print_, print);
  own_print_ = std::move(print);
  if (suspects_.empty()) return End(Comparison::kSame);
  if (!leader_.has_value()) return End(Comparison::kUnexplained);
}

// Takes those parts off the suspects that are not what this request got before. False: none is
// left. What the leader gets as the follower did, the first time that it is asked again, was
// changed; any other part is unsteady.
bool Check::Clear(model::HeadersView print) {
  const std::vector<std::string> moved =
      model::PartsThatDiffer(AsksForLeader() ? shared_print_ : own_print_, print);
  const std::vector<std::string> not_as_own = model::PartsThatDiffer(own_print_, print);
  const auto moves = [&](const std::string& part) {
    if (!IsIn(moved, part)) return false;
    if (judged_ > 1 || IsIn(not_as_own, part)) unsteady_.push_back(part);
    return true;
  };
  suspects_.erase(std::remove_if(suspects_.begin(), suspects_.end(), moves), suspects_.end());
  return !suspects_.empty();
}

void Check::End(Comparison outcome) {
  const std::shared_ptr<Check> keep = std::move(self_);
  LetGo();
  Tell(outcome);
}

void Check::LetGo() {
  timer_.Cancel();
  call_.reset();
  initial_.reset();
  body_.Take();
  held_.reset();
}

void Check::Tell(Comparison outcome) {
  metrics().comparisons[static_cast<size_t>(shared_by_)].Add(outcome);
  const bool differs = outcome == Comparison::kDiffers;
  if (!differs && unsteady_.empty()) return;
  Verification::Trial trial;
  if (differs) trial.differs = suspects_;
  trial.unsteady = unsteady_;
  trial.leader = leader_->client;
  trial.follower = own_.client;
  trial.text = DifferenceText(suspects_, leader_->request.get(), own_.request.get());
  route_.verification->Note(trial, path_.around().loop.Now());
}

RouteMetrics& Check::metrics() const { return *path_.around().metrics[route_.index]; }

}  // namespace singleflight::core
