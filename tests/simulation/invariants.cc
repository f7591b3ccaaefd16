// The sums, and where they may differ: what is on its way counts for one side already.

#include "tests/simulation/invariants.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/core/flight.h"
#include "tests/simulation/caller.h"

namespace singleflight::simulation {
namespace {

// `name` is what is counted, as the product and as the simulation counts it.
void Expect(World& world, absl::string_view name, uint64_t its, uint64_t ours) {
  if (its == ours) return;
  world.report.Violated(absl::StrCat(name, ": the product has ", its, ", and it should be ", ours));
}

void Require(World& world, bool holds, absl::string_view otherwise) {
  if (!holds) world.report.Violated(std::string(otherwise));
}

// The most that a caller may be in its state.
absl::Duration PatienceOf(const Caller& caller) {
  switch (caller.state()) {
    case Caller::State::kWaiting:
      if (!caller.ask().collapses()) return absl::InfiniteDuration();
      return kFlightTimeout + (caller.ask().gathers() ? kMaxJoinAge : absl::ZeroDuration()) +
             3 * kMostLag;
    case Caller::State::kQueued:
      return (caller.ask().collapses() ? kFlightTimeout : absl::Seconds(15)) + 3 * kMostLag;
    case Caller::State::kNew:
    case Caller::State::kRelaying:
    case Caller::State::kWriting:
    case Caller::State::kOver:
      return absl::InfiniteDuration();
  }
  return absl::InfiniteDuration();
}

void CheckPatience(World& world, const Caller& caller) {
  if (absl::FromChrono(world.now - caller.since()) > PatienceOf(caller)) {
    world.report.Violated(absl::StrCat("#", caller.ask().number, " waits for too long"));
  }
  const bool goes_on =
      caller.state() != Caller::State::kOver && caller.state() != Caller::State::kWriting;
  if (goes_on && caller.deadline().has_value() &&
      base::After(*caller.deadline(), 2 * kMostLag) < world.now) {
    world.report.Violated(absl::StrCat("#", caller.ask().number, " outlives its deadline"));
  }
}

void CheckStore(World& world) {
  const cache::Census census = world.house.store.TakeCensus();
  uint64_t gone = 0;
  for (const uint64_t count : census.gone) gone += count;
  const uint64_t stores =
      world.house.Sum([](const core::RouteMetrics& route) { return route.stores.value(); });
  Expect(world, "entries of the store", census.entries, stores - gone);
  Require(world, census.bytes <= world.house.store_options.max_bytes,
          "the store is larger than it may be");
}

// To look is to use, so not after every step.
void CheckSizes(World& world) {
  cache::RequestControl anything;
  anything.max_stale = absl::InfiniteDuration();
  uint64_t bytes = 0;
  size_t entries = 0;
  cache::Store& store = world.house.store;
  for (const auto& [hash, ask] : world.asked) {
    store.Find(ask->key, ask->origin(), world.now);  // what is over goes
    const cache::Found found = store.FindFor(anything, ask->key, ask->origin(), world.now);
    if (!found.reply) continue;
    uint64_t serial = 0;
    const bool known = absl::SimpleAtoi(found.reply.initial.Find("x-serial").value_or(""), &serial);
    const Sent* const sent = world.FindSerial(serial);
    if (!known || sent == nullptr) return world.report.Violated("the store has a reply of nobody");
    ++entries;
    bytes += cache::Entry::FootprintOf(ask->key, found.reply, sent->plan.names_group ? 2 : 0,
                                       found.extended);
  }
  const cache::Census census = store.TakeCensus();
  Expect(world, "entries that can be found", census.entries, entries);
  const uint64_t most = bytes + world.house.store_options.max_bytes / 64;
  Require(world, census.bytes >= bytes && census.bytes <= most,
          absl::StrCat("the store says ", census.bytes, " bytes, its entries have ", bytes));
  Require(world, store.IsSound(), "what is kept is not what is indexed");
}

void CheckNothingIsHeld(World& world) {
  House& house = world.house;
  Expect(world, "flights", house.flights.flights(), 0);
  Expect(world, "waiters", house.flights.waiting(), 0);
  int64_t untold = 0;
  for (size_t loop = 0; loop < kLoops; ++loop) {
    Expect(world, "timers", house.loops[loop].timers().size(), 0);
    Expect(world, "tasks", house.loops[loop].waiting(), 0);
    untold += house.buffered[loop].untold();
    for (core::FakeUpstream& upstream : house.upstreams[loop]) {
      Expect(world, "upstream calls", upstream.live(), 0);
    }
  }
  Expect(world, "buffered bytes", static_cast<uint64_t>(house.budget.bytes() + untold), 0);
  for (const auto& bounds : house.bounds) {
    Expect(world, "flights of an upstream", static_cast<uint64_t>(bounds->flights.load()), 0);
    Expect(world, "held bytes", static_cast<uint64_t>(bounds->held_bytes.load()), 0);
    Expect(world, "callers at the gate", bounds->release_gate->queued(), 0);
    Expect(world, "callers behind the gate", bounds->release_gate->inside(), 0);
    for (const auto& client : world.clients) {
      if (client == nullptr) continue;
      Expect(world, "a client's bytes", static_cast<uint64_t>(client->buffered.load()), 0);
      Expect(world, "a client's held bytes",
             static_cast<uint64_t>(client->HeldOf(bounds->name)->load()), 0);
    }
  }
}

// Whoever comes next finds all places free.
void CheckGates(World& world) {
  ScheduledLoop& loop = world.house.loops[0];
  const Turn::Taken taken(world.house.turn, kControl);
  for (const auto& bounds : world.house.bounds) {
    core::ReleaseGate& gate = *bounds->release_gate;
    std::vector<std::unique_ptr<core::ReleaseGate::Ticket>> tickets;
    for (size_t i = 0; i < gate.at_once(); ++i) {
      tickets.push_back(gate.Enter(i, 1, loop, [](absl::Duration) {}));
    }
    Expect(world, "callers that the gate lets in", gate.inside(), gate.at_once());
    tickets.clear();
    loop.RunEach();
  }
}

void CheckCounters(World& world) {
  using Metrics = core::RouteMetrics;
  const House& house = world.house;
  const Tally& tally = world.tally;
  Expect(world, "calls by role",
         house.Sum([](const Metrics& route) { return route.calls.value(); }),
         house.Sum([](const Metrics& route) {
           return route.hits.value() + route.leaders.value() + route.followers.value() +
                  route.relays.value() + route.bypasses.sum() + route.departed.value() +
                  route.refused.value();
         }));
  const uint64_t released = house.Sum([](const Metrics& route) { return route.released.sum(); });
  const uint64_t failed = house.Sum([](const Metrics& route) {
    return route.refresh_failures.of(core::RefreshFailure::kFailed);
  });
  Require(
      world, released >= tally.released && released <= tally.released + failed,
      absl::StrCat("waiters released: the product has ", released, ", callers ", tally.released));
  Expect(world, "hits whose time was over", house.Sum([](const Metrics& route) {
    return route.stale.of(core::StaleUse::kWhileRevalidate) +
           route.stale.of(core::StaleUse::kMaxStale);
  }),
         tally.stale_hits);
  Expect(world, "flights that were sent later", house.Sum([](const Metrics& route) {
    return route.gathered.of(core::GatheringEnd::kTurn) +
           route.gathered.of(core::GatheringEnd::kMaxJoinAge);
  }),
         tally.gathered);
  Expect(world, "groups that writes have dropped",
         house.Sum([](const Metrics& route) { return route.invalidations.value(); }),
         tally.groups_dropped);
  const uint64_t refreshes =
      house.Sum([](const Metrics& route) { return route.refreshes.value(); });
  const uint64_t refused =
      house.Sum([](const Metrics& route) { return route.resource_exhausted.value(); });
  Require(
      world, refreshes >= tally.refreshes && refreshes <= tally.refreshes + refused,
      absl::StrCat("refreshes: the product has ", refreshes, ", the backend ", tally.refreshes));
}

}  // namespace

void CheckStep(World& world) {
  size_t aboard = 0;
  for (const std::shared_ptr<Caller>& caller : world.callers) {
    aboard += caller->aboard() ? 1 : 0;
    CheckPatience(world, *caller);
    Require(world, !caller->aboard() || caller->state() == Caller::State::kWaiting,
            "a caller is aboard a flight that it does not wait for");
  }
  const size_t waiting = world.house.flights.waiting();
  const size_t flights = world.house.flights.flights();  // each may have a refresh aboard
  Require(world, waiting >= aboard && waiting <= aboard + flights,
          absl::StrCat("the flights have ", waiting, " waiters, and ", aboard, " callers wait"));
  for (const auto& bounds : world.house.bounds) {
    Require(world, bounds->held_bytes.load() >= 0 && bounds->flights.load() >= 0,
            "an upstream holds less than nothing");
  }
  CheckStore(world);
}

void CheckJoinable(World& world) {
  std::map<uint64_t, size_t> found;
  world.house.flights.ForEachJoinable([&](const core::Flights::Joinable& joinable) {
    if (joinable.context == nullptr) return;
    const core::Flight& flight = *joinable.context;
    const size_t most = flight.route().flights.gathers() ? 2 : 1;
    if (++found[flight.key_hash()] <= most) return;
    world.report.Violated(absl::StrCat("newcomers find more than ", most, " flights of a key"));
  });
}

void CheckAbandoned(World& world) {
  for (auto& of_loop : world.house.upstreams) {
    for (core::FakeUpstream& upstream : of_loop) {
      for (const core::FakeCall* call : upstream.live_calls()) {
        const Sent* const sent = world.Find(*call);
        if (sent == nullptr || sent->ask->alone || sent->ask->role == Role::kHit) continue;
        if (call->wanted() > 0 || sent->ask->finishes) continue;
        world.report.Violated(absl::StrCat("call ", sent->serial, " goes on, and nobody waits"));
      }
    }
  }
}

void CheckQuiet(World& world) {
  Require(world, world.callers.empty(), "callers are left when nothing goes on");
  CheckNothingIsHeld(world);
  CheckGates(world);
  CheckCounters(world);
  CheckSizes(world);
}

}  // namespace singleflight::simulation
