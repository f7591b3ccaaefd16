// The steps. Threads take turns: a step lets one of them do one thing, or run one task that was
// posted to it. Its clock may be behind, and its timers late; tasks may be under way for a while.

#include "tests/simulation/simulation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/cache/scope.h"
#include "tests/simulation/backend.h"
#include "tests/simulation/invariants.h"

namespace singleflight::simulation {
namespace {

constexpr size_t kMostCallers = 60;
constexpr size_t kNone = kLoops;

}  // namespace

Simulation::Simulation(uint64_t seed, Defect defect) : world_(seed, defect) {
  world_.meanwhile = [this](size_t busy) { ActMeanwhile(busy); };
}

Simulation::~Simulation() = default;

void Simulation::Listen(std::function<void(const std::string&)> listener) {
  world_.report.Listen(std::move(listener));
}

bool Simulation::Step(Ticket ticket) {
  world_.choices = Choices(ticket);
  ++world_.step;
  Act();
  ForgetThoseThatAreOver();
  if (!world_.report.violated()) CheckStep(world_);
  if (!world_.report.violated() && world_.choices.OneIn(8)) CheckJoinable(world_);
  return !world_.report.violated();
}

bool Simulation::Finish() {
  world_.choices = Choices(world_.step);
  ComeToRest(false);
  world_.house.Close();
  if (!world_.report.violated() && world_.house.snapshots() != 0) {
    world_.report.Violated("a configuration is left that nobody uses");
  }
  return !world_.report.violated();
}

void Simulation::Act() {
  const size_t what = world_.choices.Below(64);
  if (what < 20) return SomebodyAsks();
  if (what < 40) return BackendActsSomewhere();
  if (what < 49) return SomeTaskRuns();
  if (what < 54) return TimePasses();
  if (what < 57) return SomebodyGivesUp();
  if (what < 60) return RepliesAreTaken();
  if (what == 60) return world_.choices.OneIn(2) ? Purge() : void();
  if (what == 61) return BackendIsLate(world_);
  if (what == 62) return world_.choices.OneIn(4) ? Reload() : void();
  if (world_.choices.OneIn(8)) ComeToRest(world_.choices.OneIn(4));
}

// While a loop is in the middle of something, others act; no time passes.
void Simulation::ActMeanwhile(size_t busy) {
  if (std::exchange(meanwhile_, true)) return;
  world_.report.Say([&] { return absl::StrCat("  meanwhile, while loop ", busy, " is busy:"); });
  const size_t often = 1 + world_.choices.Below(3);
  for (size_t i = 0; i < often; ++i) {
    const size_t what = world_.choices.Below(16);
    if (what < 6) {
      BackendActsSomewhere();
    } else if (what < 10) {
      SomeTaskRuns();
    } else if (what < 14) {
      SomebodyAsks();
    } else if (what == 14) {
      Purge();
    } else {
      SomebodyGivesUp();
    }
  }
  meanwhile_ = false;
}

// A turn of a loop: its clock is read, its timers run; or its clock is behind; or its timers are
// late.
template <typename Work>
void Simulation::On(size_t loop, const Work& work) {
  const Turn::Taken taken(world_.house.turn, loop);
  busy_[loop] = true;
  world_.refusals_before[loop] = world_.house.RefusalsOn(loop);
  const size_t clock = world_.choices.Below(8);
  if (clock == 1) world_.house.loops[loop].BeginTurn(world_.now);
  if (clock > 1) world_.house.loops[loop].AdvanceTo(world_.now);
  work();
  busy_[loop] = false;
}

size_t Simulation::SomeLoop(const std::function<bool(size_t)>& wanted) {
  size_t loop = world_.choices.Below(kLoops);
  for (size_t i = 0; i < kLoops; ++i, loop = (loop + 1) % kLoops) {
    if (!busy_[loop] && wanted(loop)) return loop;
  }
  return kNone;
}

size_t Simulation::FreeLoop() {
  return SomeLoop([](size_t) { return true; });
}

void Simulation::SomebodyAsks() {
  if (world_.callers.size() >= kMostCallers) return;
  const size_t loop = FreeLoop();
  On(loop, [&] {
    std::shared_ptr<Ask> ask = world_.Draw(loop);
    world_.report.Say([&] { return absl::StrCat("loop ", loop, ": ", ask->ToText()); });
    world_.Begin(std::move(ask));
  });
}

void Simulation::BackendActsSomewhere() {
  const size_t loop = SomeLoop([this](size_t loop) {
    auto& upstreams = world_.house.upstreams[loop];
    return std::any_of(upstreams.begin(), upstreams.end(),
                       [](core::FakeUpstream& upstream) { return upstream.live() > 0; });
  });
  if (loop != kNone) On(loop, [&] { BackendActs(world_, loop); });
}

void Simulation::SomeTaskRuns() {
  const size_t loop =
      SomeLoop([this](size_t loop) { return world_.house.loops[loop].waiting() > 0; });
  if (loop == kNone) return;
  world_.report.Say([&] { return absl::StrCat("loop ", loop, " runs a task"); });
  On(loop, [&] { world_.house.loops[loop].RunSome(world_.choices); });
}

void Simulation::TimePasses() {
  const size_t most = world_.choices.OneIn(8) ? 1000 : 50;
  const absl::Duration time = absl::Milliseconds(1 + world_.choices.Below(most));
  world_.report.Say([&] { return absl::StrCat("time passes: ", absl::FormatDuration(time)); });
  Pass(time);
}

void Simulation::SomebodyGivesUp() {
  if (world_.callers.empty()) return;
  const std::shared_ptr<Caller> caller =
      world_.callers[world_.choices.Below(world_.callers.size())];
  if (busy_[caller->ask().loop] || caller->over() || caller->state() == Caller::State::kOver) {
    return;
  }
  On(caller->ask().loop, [&] {
    if (caller->state() != Caller::State::kOver) caller->GiveUp();
  });
}

void Simulation::RepliesAreTaken() {
  for (const std::shared_ptr<Caller>& caller : world_.callers) {
    if (busy_[caller->ask().loop] || world_.choices.OneIn(2)) continue;
    const Turn::Taken taken(world_.house.turn, caller->ask().loop);
    caller->TakeReply();
  }
}

void Simulation::Purge() {
  const Turn::Taken taken(world_.house.turn, kControl);
  cache::Store& store = world_.house.store;
  const size_t upstream = world_.choices.Below(kUpstreams);
  const size_t tenant = upstream == 0 ? 0 : world_.choices.Below(kTenants);
  switch (world_.choices.Below(8)) {
    case 0:
      world_.report.Say([] { return "everything is purged"; });
      store.Purge(cache::EverythingScope());
      return world_.history.PurgedAll();
    case 1: {
      const auto method = static_cast<Method>(world_.choices.Below(kMethods - 2));
      world_.report.Say([&] { return absl::StrCat(PathOf(method), " is purged"); });
      store.Purge(cache::MethodScope(PathOf(method)));
      return world_.history.PurgedMethod(method);
    }
    case 2:
    case 3:
    case 4: {
      if (world_.callers.empty()) return;
      const Ask& ask = world_.callers[world_.choices.Below(world_.callers.size())]->ask();
      if (Writes(ask.method) || ask.key.bytes.empty()) return;
      world_.report.Say([&] { return absl::StrCat("the key of #", ask.number, " is purged"); });
      store.Purge(cache::KeyScope(ask.key));
      return world_.history.PurgedKey(ask.key.hash);
    }
    default: {
      const size_t group = world_.choices.Below(kGroups);
      world_.report.Say([&] {
        return absl::StrCat(GroupName(group), " of ", AuthorityOf(upstream, tenant), " is purged");
      });
      store.Purge(cache::GroupScope(kUpstreamNames[upstream], AuthorityOf(upstream, tenant),
                                    GroupName(group)));
      return world_.history.PurgedGroup(upstream, tenant, group);
    }
  }
}

void Simulation::Reload() {
  const Turn::Taken taken(world_.house.turn, kControl);
  const size_t configuration = world_.choices.Below(kConfigurations);
  world_.report.Say([&] { return absl::StrCat("configuration ", configuration, " is loaded"); });
  world_.house.Reload(configuration);
}

// No loop's clock, and no task, is behind by kMostLag.
void Simulation::Pass(absl::Duration time) {
  while (time > absl::ZeroDuration()) {
    const absl::Duration some = std::min(time, kMostLag / 2);
    if (unsettled_ + some >= kMostLag) Settle();
    world_.now = base::After(world_.now, some);
    unsettled_ += some;
    time -= some;
  }
}

void Simulation::Settle() {
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t loop = 0; loop < kLoops; ++loop) {
      const Turn::Taken taken(world_.house.turn, loop);
      busy_[loop] = true;
      world_.refusals_before[loop] = world_.house.RefusalsOn(loop);
      world_.house.loops[loop].AdvanceTo(world_.now);
      world_.house.loops[loop].RunEach();
      busy_[loop] = false;
    }
    for (const ScheduledLoop& loop : world_.house.loops) moved = moved || loop.waiting() > 0;
  }
  unsettled_ = absl::ZeroDuration();
  if (!world_.report.violated()) CheckAbandoned(world_);
}

bool Simulation::AnswerAll() {
  bool any = false;
  for (size_t loop = 0; loop < kLoops; ++loop) {
    On(loop, [&] { any = BackendAnswersAll(world_, loop) || any; });
  }
  return any;
}

// All that goes on comes to its end, after the time in which it has to by itself if the backend is
// silent.
void Simulation::ComeToRest(bool silent) {
  world_.report.Say([&] { return silent ? "the backend is silent" : "the backend catches up"; });
  if (silent) Pass(kFlightTimeout + kMaxJoinAge + 4 * kMostLag);
  constexpr int kMostRounds = 1000;
  for (int round = 0; round < kMostRounds && !world_.report.violated(); ++round) {
    AnswerAll();
    Settle();
    for (const std::shared_ptr<Caller>& caller : world_.callers) caller->TakeReply();
    ForgetThoseThatAreOver();
    if (world_.callers.empty() && world_.house.flights.flights() == 0 && !AnswerAll()) {
      Settle();
      return CheckQuiet(world_);
    }
    CheckStep(world_);
    Pass(absl::Milliseconds(20));
  }
  if (!world_.report.violated()) world_.report.Violated("it does not come to rest");
}

void Simulation::ForgetThoseThatAreOver() {
  std::erase_if(world_.callers, [](const auto& caller) { return caller->over(); });
}

}  // namespace singleflight::simulation
