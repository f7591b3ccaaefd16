// Which calls are sent, which wait, and which fail immediately. (pool_links.cc: what becomes of the
// connections.)
//
// Connections are made for calls only. While calls come or wait, each endpoint in force has one,
// and gets one more at a time while all that it has are full.
//
//   a call comes, and                                     then
//   a connection has room, and nobody waits               it is sent
//   its client has its share of the streams               it waits for that client's turn
//   all connections are full, or are being made           it waits for a stream
//   no name has been found yet                            it waits for an endpoint
//   no connection lives, and each endpoint has to pause   it fails, and its message says why
//   max_pending_calls are waiting                         it fails: RESOURCE_EXHAUSTED
//   more than half of these are its client's              it fails likewise: the rest is for others
//   the pool has been shut down                           it fails
//
// Endpoints have their turns, and so have the clients whose calls wait. A client may take no more
// than its share of the streams that there are (memory/client.h). Streams on a connection that
// takes no more calls count for nobody: otherwise a client with many long calls there would wait
// for their end beside empty connections. So the queue is served whenever a stream or a share may
// have become free: a connection is ready, has room, or closes; endpoints change; a call becomes
// nobody's (Disown).
//
// A call never fails from within Start: it fails in the next turn of the loop (FailSoon).

#include "server/upstream/pool.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"

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

http2::SessionOptions Bounded(http2::SessionOptions session, const UpstreamOptions& options) {
  session.max_header_list_bytes = options.max_reply_header_bytes;
  return session;
}

}  // namespace

Pool::Pool(net::Worker& worker, const UpstreamOptions& options, std::string target_authority,
           tls::SharedContext tls, const http2::SessionOptions& session_options,
           std::shared_ptr<UpstreamMetrics> metrics, uint64_t seed, Hooks hooks)
    : worker_(worker),
      options_(options),
      target_authority_(std::move(target_authority)),
      tls_(std::move(tls)),
      session_options_(Bounded(session_options, options)),
      metrics_(std::move(metrics)),
      random_(static_cast<std::minstd_rand::result_type>(seed)),
      hooks_(std::move(hooks)),
      backends_(options.max_connections_per_endpoint, tls_ != nullptr),
      pause_over_(worker.timers(), [this] {
        if (!queue_.empty()) ConnectWhereUseful();
        AwaitPauses();
        TellStates();
      }) {}

Pool::~Pool() { Shutdown(); }

absl::string_view Pool::AuthorityFor(const model::Request& request) const {
  switch (options_.authority_rule) {
    case AuthorityRule::kPreserve:
      if (request.authority().empty()) break;  // nothing to preserve
      return request.authority();
    case AuthorityRule::kFixed:
      return options_.authority;
    case AuthorityRule::kTarget:
      break;
  }
  return target_authority_;
}

std::unique_ptr<core::UpstreamCall> Pool::Start(core::UpstreamHead head,
                                                core::UpstreamEvents& events) {
  metrics_->begun.Add();
  if (head.again) metrics_->resent.Add();
  auto call = std::make_shared<PooledCall>(*this, std::move(head), events);
  Dispatch(call);
  return std::make_unique<Handle>(std::move(call));
}

// Sends the call, or lets it wait, or lets it fail in the next turn: the table above, row by row.
void Pool::Dispatch(std::shared_ptr<PooledCall> call) {
  if (shut_down_) {
    return FailSoon(std::move(call), core::Unanswered::kUnreachable, kShuttingDown);
  }
  ConnectWhereUseful();
  const bool may_open = queue_.empty() && backends_.MayOpen(call->client());
  if (Link* link = may_open ? backends_.Pick() : nullptr) return call->OpenOn(*link);
  if (!backends_.AnyHope()) {
    return FailSoon(std::move(call), core::Unanswered::kUnreachable, backends_.WhyUnreachable());
  }
  if (queue_.size() >= options_.max_pending_calls) {
    return FailSoon(
        std::move(call), core::Unanswered::kNoRoom,
        absl::StrCat("max_pending_calls (", options_.max_pending_calls, ") calls are waiting"));
  }
  if (PastShareOfQueue(call->client())) {
    return FailSoon(
        std::move(call), core::Unanswered::kClientShare,
        absl::StrCat("more than half of max_pending_calls (", options_.max_pending_calls,
                     ") are this client's; what is left is for others"));
  }
  Enqueue(std::move(call));
  // Calls before it may be waiting for their clients' shares, and not for a stream.
  if (queue_.size() > 1) ServeQueue();
}

void Pool::Enqueue(std::shared_ptr<PooledCall> call) {
  PooledCall& queued = *call;
  queued.queued_ = true;
  queued.place_ = queue_.Push(std::move(call));
  metrics_->pending.Add(1);
}

bool Pool::PastShareOfQueue(const memory::Client* client) const {
  return client != nullptr &&
         memory::PastShare(static_cast<int64_t>(queue_.of(client) + 1),
                           static_cast<int64_t>(queue_.size() + 1), options_.max_pending_calls);
}

void Pool::StreamOpened(const PooledCall& call, Link& link) {
  metrics_->active.Add(1);
  link.cells().calls.Add();
  link.cells().active.Add(1);
  link.shares().Opened(call.client());
}

void Pool::StreamEnded(const PooledCall& call, Link& link) {
  metrics_->active.Add(-1);
  link.cells().active.Add(-1);
  link.shares().Ended(call.client());
}

void Pool::Dequeue(PooledCall& call) {
  if (!std::exchange(call.queued_, false)) return;
  metrics_->pending.Add(-1);
  queue_.Erase(call.place_);
}

void Pool::FailSoon(std::shared_ptr<PooledCall> call, core::Unanswered reason,
                    absl::string_view why) {
  spdlog::debug("upstream '{}': a call fails: {}", name(),
                fmt::string_view(why.data(), why.size()));
  const bool callers_own =
      reason == core::Unanswered::kBound || reason == core::Unanswered::kClientShare;
  using Kind = core::UpstreamFailure::Kind;
  core::UpstreamFailure failure{callers_own ? Kind::kCallersOwn : Kind::kUnreachable, 0,
                                callers_own || reason == core::Unanswered::kNoRoom
                                    ? wire::StatusCode::kResourceExhausted
                                    : wire::StatusCode::kUnavailable,
                                absl::StrCat("upstream '", name(), "': ", why)};
  worker_.Post([call = std::move(call), failure = std::move(failure), reason]() mutable {
    call->Fail(std::move(failure), reason);
  });
}

void Pool::ServeQueue() {
  while (!queue_.empty()) {
    Link* link = backends_.Pick();
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
  for (const std::shared_ptr<Link>& link : backends_.LinksWithoutCalls()) link->Retire();
  backends_.DropIdle();
  ServeOrFailQueue();
}

void Pool::SetDrained(const net::Endpoint& endpoint, bool drained) {
  backends_.SetDrained(endpoint, drained);
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
  for (const std::shared_ptr<Link>& link : backends_.Links()) RetireIfIdle(*link);
}

void Pool::Shutdown() {
  shut_down_ = true;
  pause_over_.Cancel();
  FailQueue(kShuttingDown);
  for (const std::shared_ptr<Link>& link : backends_.Links()) link->Close(kShuttingDown);
}

}  // namespace singleflight::upstream
