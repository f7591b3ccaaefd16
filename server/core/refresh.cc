// When a refresh is due, and how it takes part in the table of flights: it leads, or leaves at once
// to the flight that is there.

#include "server/core/refresh.h"

#include <chrono>
#include <cmath>
#include <utility>

#include "server/core/flight.h"

namespace singleflight::core {
namespace {

// With more time left than so many fetches take, one caller in e^20 would do it: none is asked.
constexpr int kMostEarly = 20;

}  // namespace

bool Refresh::IsDue(const cache::Found& found, base::Instant now, std::minstd_rand* random) {
  using Seconds = std::chrono::duration<double>;
  const base::Instant::duration left = found.lifespan.expires - now;
  if (left <= base::Instant::duration::zero()) return true;
  if (random == nullptr || left > kMostEarly * found.took) return false;
  std::uniform_real_distribution<double> share(0, 1);
  return Seconds(left) <= Seconds(found.took) * -std::log1p(-share(*random));
}

base::Instant Refresh::DeadlineOf(const Route& route, base::Instant now) {
  return base::After(now, route.collapses() ? route.flights.flight_timeout : kWithoutCollapse);
}

base::Instant Refresh::RightOf(const Route& route, base::Instant now) {
  return base::After(DeadlineOf(route, now), kPause);
}

void Refresh::Start(ReadPath& path, Route& route, const model::Key& key, Question question,
                    base::Instant right) {
  auto refresh = std::make_shared<Refresh>(path, route, key, std::move(question), right);
  path.around().loop.Post([refresh = std::move(refresh)] { refresh->Run(); });
}

Refresh::Refresh(ReadPath& path, Route& route, const model::Key& key, Question question,
                 base::Instant right)
    : Waiter(path),
      snapshot_(path.around().snapshot.lock()),
      route_(route),
      key_(key),
      question_(std::move(question)),
      right_(right),
      timer_(path.around().loop.timers(), [this] { OnDeadline(); }) {}

// Others may have a flight in the air: callers that take no kept reply.
void Refresh::Run() {
  if (!HasRoom()) return Fail(RefreshFailure::kNoRoom);
  const LoopContext& around = path().around();
  const uint64_t purged = around.store.PurgedAt(key_, around.OriginOf(route_, *question_.request));
  const base::Instant now = around.loop.Now();
  self_ = shared_from_this();
  Flights::Joined joined = around.flights.Join(
      key_, *this, now,
      {route_.flights.max_waiters, absl::ToChronoNanoseconds(route_.flights.max_join_age), purged,
       purged, nullptr});
  if (joined.role == Role::kFollower) return LeaveTo(joined);
  metrics().refreshes.Add();
  timer_.Set(*question_.deadline);
  Flight::Start(around, route_, std::move(question_), std::move(joined.landing));
}

// For its own callers, who are told of this one as of any other that joins.
void Refresh::LeaveTo(const Flights::Joined& joined) {
  path().Followed(joined.widened);
  if (!path().Leave(route_, *this)) return;  // it has landed, and says what came of it
  Fail(RefreshFailure::kJoined);
  self_.reset();
}

void Refresh::OnDeadline() {
  if (!path().Leave(route_, *this, Unanswered::kDeadline)) return;
  Fail(RefreshFailure::kFailed);
  self_.reset();
}

void Refresh::OnAnswer(const Answer& answer, Counted) {
  const std::shared_ptr<Refresh> keep = std::move(self_);
  timer_.Cancel();
  switch (answer.source) {
    case Answer::Source::kStored:
    case Answer::Source::kHit:
    case Answer::Source::kCollapsed:
      return;
    case Answer::Source::kStale:
    case Answer::Source::kOwn:
      return Fail(RefreshFailure::kFailed);
    case Answer::Source::kForwarded:
      return Fail(answer.status == wire::StatusCode::kOk ? RefreshFailure::kNotKept
                                                         : RefreshFailure::kFailed);
  }
}

// The call that it is given ends here: nobody is there to go on with it.
void Refresh::OnTakeover(Takeover) {
  const std::shared_ptr<Refresh> keep = std::move(self_);
  timer_.Cancel();
  Fail(RefreshFailure::kNotKept);
}

void Refresh::OnReleased(const Question&, core::Release) {
  const std::shared_ptr<Refresh> keep = std::move(self_);
  timer_.Cancel();
  Fail(RefreshFailure::kFailed);
}

// It reads no reply, so none is decoded for it.
absl::optional<Waiter::Asker> Refresh::asker() const { return absl::nullopt; }

void Refresh::Fail(RefreshFailure why) {
  metrics().refresh_failures.Add(why);
  path().around().store.GiveUpRefresh(key_, right_, base::After(loop().Now(), kPause));
}

bool Refresh::HasRoom() const {
  const UpstreamBounds& shared = route_.shared;
  return shared.flights.load(std::memory_order_relaxed) <
         shared.max_flights.load(std::memory_order_relaxed) / 2;
}

RouteMetrics& Refresh::metrics() const { return *path().around().metrics[route_.index]; }

}  // namespace singleflight::core
