// A pool's waits and slots, in order of time; one timer sees to all of them.

#include "server/upstream/pool_concurrency.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/upstream/pooled_call.h"

namespace singleflight::upstream {
namespace {

constexpr absl::Duration kLookAtHeld = absl::Milliseconds(250);

void CountAt(Admission& admission, std::shared_ptr<EndpointShared> endpoint) {
  if (admission.at != nullptr) admission.at->slots.fetch_sub(1, std::memory_order_relaxed);
  admission.at = std::move(endpoint);
  if (admission.at != nullptr) admission.at->slots.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

PoolConcurrency::PoolConcurrency(std::shared_ptr<Concurrency> shared,
                                 const UpstreamOptions& options, base::Loop& loop,
                                 UpstreamMetrics& metrics, PoolBreaker& breaker)
    : shared_(std::move(shared)),
      upstream_(options.name),
      max_wait_(options.concurrency.max_wait),
      loop_(loop),
      metrics_(metrics),
      breaker_(breaker),
      timer_(loop.timers(), [this] { Tick(); }) {}

// The next refusal opens it again, elsewhere.
PoolConcurrency::~PoolConcurrency() {
  if (watches_) CloseAlarm();
}

bool PoolConcurrency::TryEnter(PooledCall& call) {
  absl::optional<Concurrency::Slot> slot = shared_->TryEnter(call.client());
  if (!slot.has_value()) return false;
  call.admission_ = std::make_unique<Admission>();
  Admit(call, *std::move(slot));
  return true;
}

bool PoolConcurrency::Enter(const std::shared_ptr<PooledCall>& call, size_t wanted) {
  call->admission_ = std::make_unique<Admission>();
  Concurrency::Entered entered = shared_->Enter(
      {wanted, call->client(), loop_},
      [call](absl::optional<Concurrency::Slot> slot) { call->OnSlot(std::move(slot)); });
  if (entered.slot.has_value()) {
    breaker_.GiveBack(BreakerBound::kPending, call->client());
    Admit(*call, *std::move(entered.slot));
    return true;
  }
  metrics_.pending.Add(1);
  Admission& admission = *call->admission_;
  admission.number = entered.number;
  admission.wanted = wanted;
  admission.since = loop_.Now();
  admission.place = waiting_.insert(waiting_.end(), call.get());
  ++by_client_[call->client()];
  if (waiting_.size() == 1) SetTimer();
  return false;
}

size_t PoolConcurrency::waiting_of(const memory::Client* client) const {
  const auto found = by_client_.find(client);
  return found == by_client_.end() ? 0 : found->second;
}

void PoolConcurrency::Forget(const memory::Client* client) {
  const auto found = by_client_.find(client);
  if (--found->second == 0) by_client_.erase(found);
}

void PoolConcurrency::StopWaiting(PooledCall& call) {
  if (std::exchange(call.admission_->number, 0) == 0) return;
  waiting_.erase(call.admission_->place);
  Forget(call.client());
  metrics_.pending.Add(-1);
  breaker_.GiveBack(BreakerBound::kPending, call.client());
}

void PoolConcurrency::Admit(PooledCall& call, Concurrency::Slot slot) {
  StopWaiting(call);
  Admission& admission = *call.admission_;
  admission.slot.emplace(std::move(slot));
  admission.since = loop_.Now();
  admission.place = held_.insert(held_.end(), &call);
  if (!timer_.pending()) SetTimer();
}

std::string PoolConcurrency::Refuse(PooledCall& call, OverloadRefusal why) {
  StopWaiting(call);
  metrics_.overload_refused.Add(why);
  std::string text = absl::StrCat("concurrency (", shared_->limit(), ") calls are in the air, and ",
                                  why == OverloadRefusal::kMaxWait
                                      ? "none ended for this one within max_wait ("
                                      : "others will take what ends within max_wait (",
                                  absl::FormatDuration(max_wait_), ")");
  if (shared_->alarm().Opens(loop_.Now())) {
    watches_ = true;
    spdlog::warn("upstream '{}': overloaded: {}", upstream_, text);
    if (!timer_.pending()) SetTimer();
  }
  return text;
}

PooledCall* PoolConcurrency::TakeFirst() {
  if (waiting_.empty()) return nullptr;
  PooledCall* const call = waiting_.front();
  shared_->Leave(call->admission_->number);
  StopWaiting(*call);
  return call;
}

void PoolConcurrency::Disown(PooledCall& call) {
  breaker_.GiveBack(BreakerBound::kPending, call.client());
  breaker_.TakeAnyway(BreakerBound::kPending);
  Forget(call.client());
  ++by_client_[nullptr];
  shared_->Disown(call.admission_->number);
}

void PoolConcurrency::Measure(PooledCall& call, bool overdue) {
  const core::UpstreamTrip& trip = call.trip();
  if (!call.admission_->slot.has_value() || trip.sent == base::Instant()) return;
  const bool answered = trip.first != base::Instant();
  if (!answered && !overdue) return;
  const base::Instant end = answered ? trip.first : loop_.Now();
  shared_->Measure({loop_.Now(), absl::FromChrono(end - trip.sent), answered},
                   *call.admission_->at);
}

void PoolConcurrency::SentTo(const std::shared_ptr<EndpointShared>& endpoint,
                             Admission& admission) {
  if (admission.slot.has_value()) CountAt(admission, endpoint);
}

void PoolConcurrency::End(PooledCall& call) {
  Admission& admission = *call.admission_;
  if (admission.number != 0) {
    shared_->Leave(admission.number);
    StopWaiting(call);
  } else if (admission.slot.has_value()) {
    held_.erase(admission.place);
    CountAt(admission, nullptr);
    admission.slot->GiveBack(absl::FromChrono(loop_.Now() - admission.since));
    admission.slot.reset();
  }
}

void PoolConcurrency::Tick() {
  EndWaits();
  if (!waiting_.empty()) {
    TellRanks();
    shared_->RaiseIfStuck(loop_.Now());
  }
  LetGo();
  if (watches_ && loop_.Now() >= shared_->alarm().quiet_at()) CloseAlarm();
  SetTimer();
}

// A call that has its answer already hears it in the next turn.
void PoolConcurrency::EndWaits() {
  std::vector<std::shared_ptr<PooledCall>> ended;
  for (PooledCall* call : waiting_) {
    if (base::After(call->admission_->since, max_wait_) > loop_.Now()) break;
    if (shared_->Leave(call->admission_->number)) ended.push_back(call->shared_from_this());
  }
  for (const auto& call : ended) call->OnWaitedTooLong();
}

void PoolConcurrency::TellRanks() {
  std::vector<Concurrency::Rank> changed;
  for (PooledCall* call : waiting_) {
    const size_t wanted = call->Wanted();
    if (std::exchange(call->admission_->wanted, wanted) == wanted) continue;
    changed.push_back({call->admission_->number, wanted});
  }
  if (!changed.empty()) shared_->SetRanks(changed);
}

void PoolConcurrency::LetGo() {
  const base::Instant began_before = loop_.Now() - absl::ToChronoNanoseconds(kStreamAfter);
  for (auto at = held_.begin(); at != held_.end();) {
    PooledCall& call = **at;
    if (call.admission_->since > began_before) break;
    ++at;
    if (call.IsStream(began_before) || call.Hangs()) End(call);
  }
}

void PoolConcurrency::SetTimer() {
  base::Instant next = base::Instant::max();
  if (!waiting_.empty()) {
    const base::Instant end = base::After(waiting_.front()->admission_->since, max_wait_);
    next = std::min(end, base::After(loop_.Now(), kRankEvery));
  } else if (!held_.empty()) {
    next = base::After(loop_.Now(), kLookAtHeld);
  }
  if (watches_) next = std::min(next, shared_->alarm().quiet_at());
  if (next != base::Instant::max()) timer_.Set(next);
}

void PoolConcurrency::CloseAlarm() {
  watches_ = false;
  spdlog::info("upstream '{}': not overloaded any more: {} calls were refused", upstream_,
               shared_->alarm().Close());
}

}  // namespace singleflight::upstream
