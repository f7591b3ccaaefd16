// Which calls are sent, which wait, and which fail immediately. (pool_links.cc: what becomes of the
// connections.)
//
// Connections are made for calls only. While calls come or wait, each endpoint in force has one
// (with pick_first, the one that is chosen), and gets one more at a time while all that it has are
// full. Endpoints whose health is checked have one always (pool_health.cc).
//
//   a call comes, and                                     then
//   a connection has room, and nobody waits               it is sent
//   its client has its share of the streams               it waits for that client's turn
//   all connections are full, or are being made           it waits for a stream
//   no name has been found yet                            it waits for an endpoint
//   no connection lives, and each endpoint has to pause,
//   or is unhealthy                                       it fails, and its message says why
//   max_pending_calls are waiting                         it fails: RESOURCE_EXHAUSTED
//   more than half of these are its client's              it fails likewise: the rest is for others
//   as many are in the air as `concurrency` allows        it waits for a slot (concurrency.h)
//   a bound of the breaker is met (breaker.h)             it fails
//   more than half of that are its client's               it fails likewise: the rest is for others
//   the pool has been shut down                           it fails
//
// Which endpoint takes a call: balancing.cc. The clients whose calls wait have their turns. A
// client may take no more than its share of the streams that there are (memory/client.h). Streams
// on a connection that takes no more calls count for nobody: otherwise a client with many long
// calls there would wait for their end beside empty connections. So the queue is served whenever a
// stream or a share may have become free: a connection is ready, has room, or closes; endpoints
// change; a call becomes nobody's (Disown).
//
// A call never fails from within Start: it fails in the next turn of the loop (FailSoon).

#include "server/upstream/pool.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"

namespace singleflight::upstream {
namespace {

constexpr char kShuttingDown[] = "the proxy is shutting down";

// What its caller holds of a call. Destroying it cancels the call.
class Handle final : public core::UpstreamCall {
 public:
  explicit Handle(std::shared_ptr<PooledCall> call) : call_(std::move(call)) {}
  ~Handle() override { call_->Cancel(core::Unanswered::kCancelled); }

  void Cancel(core::Unanswered why) override { call_->Cancel(why); }
  void Send(base::Slice bytes) override { call_->Send(std::move(bytes)); }
  void Finish(model::SharedHeaders trailing) override { call_->Finish(std::move(trailing)); }
  void Disown() override { call_->Disown(); }
  void Consume(size_t bytes) override { call_->Consume(bytes); }
  void SetEvents(core::UpstreamEvents& events) override { call_->SetEvents(events); }
  const core::UpstreamTrip& trip() const override { return call_->trip(); }

 private:
  const std::shared_ptr<PooledCall> call_;
};

// Of a call that gets no stream.
core::UpstreamFailure::Kind KindOf(core::Unanswered reason) {
  using core::Unanswered;
  using Kind = core::UpstreamFailure::Kind;
  if (reason == Unanswered::kBound || reason == Unanswered::kClientShare) return Kind::kCallersOwn;
  const bool no_room = reason == Unanswered::kNoRoom || reason == Unanswered::kBreaker ||
                       reason == Unanswered::kOverload;
  return no_room ? Kind::kNoRoom : Kind::kUnreachable;
}

http2::SessionOptions Bounded(http2::SessionOptions session, const UpstreamOptions& options) {
  session.max_header_list_bytes = options.max_reply_header_bytes;
  return session;
}

}  // namespace

Pool::Pool(net::Worker& worker, const UpstreamOptions& options, std::string target_authority,
           tls::SharedContext tls, const http2::SessionOptions& session_options,
           std::shared_ptr<UpstreamMetrics> metrics, uint64_t seed, Hooks hooks, Shared shared)
    : worker_(worker),
      options_(options),
      target_authority_(std::move(target_authority)),
      tls_(std::move(tls)),
      session_options_(Bounded(session_options, options)),
      metrics_(std::move(metrics)),
      breaker_(std::move(shared.breaker), options.name, worker, metrics_->breaker_refused),
      slots_(std::move(shared.concurrency), options_, worker, *metrics_, breaker_),
      random_(static_cast<std::minstd_rand::result_type>(seed)),
      hooks_(std::move(hooks)),
      backends_(options.max_connections_per_endpoint, tls_ != nullptr, options.load_balancing, seed,
                options.ejection.has_value() ? options.ejection->slow_start : absl::ZeroDuration()),
      pause_over_(worker.timers(), [this] {
        if (!queue_.empty()) ConnectWhereUseful();
        WatchHealth();
        AwaitPauses();
        TellStates();
      }) {}

Pool::~Pool() { Shutdown(); }

absl::string_view Pool::AuthorityFor(const model::Request& request) const {
  return upstream::AuthorityFor(options_, target_authority_, request);
}

std::unique_ptr<core::UpstreamCall> Pool::Start(core::UpstreamHead head,
                                                core::UpstreamEvents& events) {
  metrics_->begun.Add();
  if (head.again) metrics_->resent.Add();
  const size_t wanted = head.wanted;
  auto call = std::make_shared<PooledCall>(*this, std::move(head), events);
  if (TakeOrFail(BreakerBound::kCalls, call)) {
    call->counted_ = true;
    Admit(call, wanted);
  }
  return std::make_unique<Handle>(std::move(call));
}

bool Pool::TakeOrFail(BreakerBound bound, const std::shared_ptr<PooledCall>& call) {
  switch (breaker_.Take(bound, call->client())) {
    case Taken::kYes:
      return true;
    case Taken::kMet:
      FailSoon(call, core::Unanswered::kBreaker, breaker_.Refuse(bound));
      return false;
    case Taken::kPastShare:
      FailSoon(call, core::Unanswered::kClientShare, breaker_.WhyPastShare(bound));
      return false;
  }
  SF_CHECK(!"unreachable");
}

// For the client that it began with, whoever's it has become.
void Pool::Ended(const PooledCall& call) {
  breaker_.GiveBack(BreakerBound::kCalls, call.head_.client.get());
}

// Lets the call have a slot of `concurrency`, where there is such, or wait for one.
void Pool::Admit(const std::shared_ptr<PooledCall>& call, size_t wanted) {
  if (!slots_.on() || shut_down_) return Dispatch(call);
  if (slots_.TryEnter(*call)) return Dispatch(call);
  if (slots_.waiting() + queue_.size() >= options_.max_pending_calls) {
    return FailSoon(call, core::Unanswered::kNoRoom, WhyNoRoom());
  }
  if (PastShareOfPending(call->client(),
                         slots_.waiting_of(call->client()) + queue_.of(call->client()),
                         slots_.waiting() + queue_.size())) {
    return FailSoon(call, core::Unanswered::kClientShare, WhyPastShare());
  }
  if (!TakeOrFail(BreakerBound::kPending, call)) return;
  if (slots_.Enter(call, wanted)) Dispatch(call);
}

void Pool::RefuseSlot(std::shared_ptr<PooledCall> call, OverloadRefusal why) {
  const std::string text = slots_.Refuse(*call, why);
  FailSoon(std::move(call), core::Unanswered::kOverload, text);
}

std::string Pool::WhyNoRoom() const {
  return absl::StrCat("max_pending_calls (", options_.max_pending_calls, ") calls are waiting");
}

std::string Pool::WhyPastShare() const {
  return absl::StrCat("more than half of max_pending_calls (", options_.max_pending_calls,
                      ") are this client's; what is left is for others");
}

// Sends the call, or lets it wait, or lets it fail in the next turn: the table above, row by row.
void Pool::Dispatch(std::shared_ptr<PooledCall> call) {
  if (shut_down_) {
    return FailSoon(std::move(call), core::Unanswered::kUnreachable, kShuttingDown);
  }
  ConnectWhereUseful();
  const bool may_open = queue_.empty() && backends_.MayOpen(call->client());
  if (Link* link = may_open ? LinkFor(*call) : nullptr) return call->OpenOn(*link);
  if (!backends_.AnyHope()) {
    return FailSoon(std::move(call), core::Unanswered::kUnreachable, backends_.WhyUnreachable());
  }
  if (queue_.size() >= options_.max_pending_calls) {
    return FailSoon(std::move(call), core::Unanswered::kNoRoom, WhyNoRoom());
  }
  if (PastShareOfPending(call->client(), queue_.of(call->client()), queue_.size())) {
    return FailSoon(std::move(call), core::Unanswered::kClientShare, WhyPastShare());
  }
  if (!TakeOrFail(BreakerBound::kPending, call)) return;
  Enqueue(std::move(call));
  if (wants_link_) {
    breaker_.Refuse(BreakerBound::kConnections);
    AwaitPauses();
  }
  // Calls before it may be waiting for their clients' shares, and not for a stream.
  if (queue_.size() > 1) ServeQueue();
}

// A call that has to wait takes whichever stream comes first.
Link* Pool::LinkFor(const PooledCall& call) {
  if (const std::string* endpoint = call.avoided()) {
    if (Link* const link = backends_.PickElsewhere(*endpoint, Now(), MostPerEndpoint())) {
      return link;
    }
  }
  return backends_.Pick(Now(), MostPerEndpoint());
}

void Pool::Enqueue(std::shared_ptr<PooledCall> call) {
  PooledCall& queued = *call;
  queued.queued_ = true;
  queued.place_ = queue_.Push(std::move(call));
  metrics_->pending.Add(1);
}

void Pool::EnqueueAgain(std::shared_ptr<PooledCall> call) {
  breaker_.TakeAnyway(BreakerBound::kPending);
  Enqueue(std::move(call));
}

// `its` of `all` calls that wait are the client's; whether no further one of it may.
bool Pool::PastShareOfPending(const memory::Client* client, size_t its, size_t all) const {
  return client != nullptr &&
         memory::PastShare(static_cast<int64_t>(its + 1), static_cast<int64_t>(all + 1),
                           options_.max_pending_calls);
}

MostAtOne Pool::MostPerEndpoint() const {
  const auto half = [](int64_t bound) { return bound - bound / 2; };
  return {slots_.on() ? half(slots_.limit()) : INT64_MAX, half(breaker_.max(BreakerBound::kCalls))};
}

// An atomic that all workers write: only where a mode or a bound wants it.
void Pool::CountLoad(Link& link, int64_t more) const {
  if (options_.load_balancing != LoadBalancing::kLeastRequest && !breaker_.on()) return;
  link.shared().active.fetch_add(more, std::memory_order_relaxed);
}

void Pool::StreamOpened(const PooledCall& call, Link& link) {
  metrics_->active.Add(1);
  if (link.shared().ejected.load(std::memory_order_relaxed)) metrics_->to_ejected.Add();
  link.cells().calls.Add();
  link.cells().active.Add(1);
  CountLoad(link, 1);
  if (call.admission_ != nullptr) slots_.SentTo(link.shared_owner(), *call.admission_);
  link.shares().Opened(call.client());
}

void Pool::StreamEnded(const PooledCall& call, Link& link) {
  metrics_->active.Add(-1);
  link.cells().active.Add(-1);
  CountLoad(link, -1);
  link.shares().Ended(call.client());
}

void Pool::Dequeue(PooledCall& call) {
  if (!std::exchange(call.queued_, false)) return;
  metrics_->pending.Add(-1);
  breaker_.GiveBack(BreakerBound::kPending, call.client());
  queue_.Erase(call.place_);
}

void Pool::FailSoon(std::shared_ptr<PooledCall> call, core::Unanswered reason,
                    absl::string_view why) {
  spdlog::debug("upstream '{}': a call fails: {}", name(),
                fmt::string_view(why.data(), why.size()));
  const core::UpstreamFailure::Kind kind = KindOf(reason);
  core::UpstreamFailure failure{
      kind, 0,
      kind == core::UpstreamFailure::Kind::kCallersOwn || reason == core::Unanswered::kNoRoom
          ? wire::StatusCode::kResourceExhausted
          : wire::StatusCode::kUnavailable,
      absl::StrCat("upstream '", name(), "': ", why)};
  worker_.Post([call = std::move(call), failure = std::move(failure), reason]() mutable {
    call->Fail(std::move(failure), reason);
  });
}

void Pool::ServeQueue() {
  while (!queue_.empty()) {
    Link* link = backends_.Pick(Now(), MostPerEndpoint());
    if (link == nullptr) return ConnectWhereUseful();
    const std::shared_ptr<PooledCall> call =
        queue_.Next([this](const memory::Client* client) { return backends_.MayOpen(client); });
    if (call == nullptr) return;
    Dequeue(*call);
    call->OpenOn(*link);
  }
}

void Pool::FailQueue(const std::string& why) {
  while (!queue_.empty()) {
    const std::shared_ptr<PooledCall> call =
        queue_.Next([](const memory::Client*) { return true; });
    Dequeue(*call);
    FailSoon(call, core::Unanswered::kUnreachable, why);
  }
}

void Pool::SetEndpoints(SharedEndpointList list, const std::vector<EndpointSeat>& seats) {
  backends_.Set(*list, seats);
  WatchHealth();
  for (const std::shared_ptr<Link>& link : backends_.LinksWithoutCalls()) link->Retire();
  backends_.DropIdle();
  ServeOrFailQueue();
}

void Pool::SetDrained(const net::Endpoint& endpoint, bool drained) {
  backends_.SetDrained(endpoint, drained);
  WatchHealth();
  for (const std::shared_ptr<Link>& link : backends_.LinksWithoutCalls()) link->Retire();
  ServeOrFailQueue();
}

// After something about connections has changed.
void Pool::ServeOrFailQueue() {
  if (queue_.empty()) return;
  ConnectWhereUseful();
  ServeQueue();
  if (!backends_.AnyHope()) FailQueue(backends_.WhyUnreachable());
}

void Pool::Retire() {
  retired_ = true;
  StopWatches();
  for (const std::shared_ptr<Link>& link : backends_.Links()) RetireIfIdle(*link);
}

void Pool::Shutdown() {
  shut_down_ = true;
  pause_over_.Cancel();
  StopWatches();
  FailQueue(kShuttingDown);
  while (PooledCall* const call = slots_.TakeFirst()) {
    FailSoon(call->shared_from_this(), core::Unanswered::kUnreachable, kShuttingDown);
  }
  for (const std::shared_ptr<Link>& link : backends_.Links()) link->Close(kShuttingDown);
}

}  // namespace singleflight::upstream
