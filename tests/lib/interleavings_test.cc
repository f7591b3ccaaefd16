// Every order in which a few actors can join, gather, leave, forget and land, compared step by step
// with a model of AsyncGroup that is too simple to be wrong.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "singleflight/async_group.h"

namespace singleflight {
namespace {

enum class Op {
  kJoinA,
  kJoinB,
  kJoinAFull,  // takes any flight to be full, so it supersedes
  kGatherA,
  kGatherAFull,
  kStart,  // the flights that the actor leads and that gather
  kLeaveRetire,
  kLeaveKeep,
  kForgetA,
  kLand,  // the flights that the actor leads
  kDrop,  // destroys them unfinished
  kTake,  // takes their waiters; they are answered by kAnswer or at the end
  kAnswer,
};

const char* NameOf(Op op) {
  static constexpr const char* kNames[] = {
      "join a", "join b",   "join a full", "gather a", "gather a full", "start", "leave (retire)",
      "leave",  "forget a", "land",        "drop",     "take",          "answer"};
  return kNames[static_cast<int>(op)];
}

using Script = std::vector<Op>;

// What happens to an actor, and a number: of the flight, or of those aboard.
struct Event {
  enum Kind {
    kLed,
    kFollowed,
    kLeft,
    kLeftLast,
    kTaken,
    kForgot,
    kForgotNothing,
    kGot,
    kGathers,        // leads a flight that is not started yet
    kTurn,           // of a flight that it leads
    kStarted,        // a flight that it leads
    kStartedForNone  // the same, and nobody needs it
  };

  size_t actor;
  Kind kind;
  int number = 0;

  friend bool operator==(const Event&, const Event&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Event& event) {
    static constexpr const char* kNames[] = {
        "led", "followed", "left", "left last", "taken",           "forgot", "forgot nothing",
        "got", "gathers",  "turn", "started",   "started for none"};
    return out << event.actor << " " << kNames[event.kind] << " " << event.number;
  }
};

using Events = std::vector<Event>;

constexpr int kNobody = -1;

// Each flight has a number, its result. A waiter is aboard one flight, or taken, or free. Newcomers
// see one flight per key that is started and one that gathers, at most.
class Model {
 public:
  explicit Model(size_t actors) : actors_(actors) {}

  void Do(size_t actor, Op op) {
    switch (op) {
      case Op::kJoinA:
      case Op::kJoinAFull:
      case Op::kGatherA:
      case Op::kGatherAFull:
        return Join(actor, 'a', op);
      case Op::kJoinB:
        return Join(actor, 'b', op);
      case Op::kStart:
        for (int flight : Led(actor)) Start(actor, flight);
        return;
      case Op::kLeaveRetire:
        return Leave(actor, true);
      case Op::kLeaveKeep:
        return Leave(actor, false);
      case Op::kForgetA:
        return Say({actor, Hide('a') ? Event::kForgot : Event::kForgotNothing});
      case Op::kLand:
      case Op::kDrop:
        for (int flight : Led(actor)) Answer(Retire(flight), op == Op::kLand ? flight : kNobody);
        return;
      case Op::kTake:
        for (int flight : Led(actor)) {
          for (size_t waiter : Retire(flight)) taken_[actor].push_back({waiter, flight});
        }
        return;
      case Op::kAnswer:
        for (auto [waiter, flight] : std::exchange(taken_[actor], {})) Answer({waiter}, flight);
        return;
    }
  }

  size_t flights() const { return flights_.size(); }
  size_t waiting() const {
    size_t waiting = 0;
    for (const auto& [flight, state] : flights_) waiting += state.aboard.size();
    return waiting;
  }
  const Events& events() const { return events_; }

 private:
  struct Flight {
    char key;
    size_t leader;
    bool gathers;
    bool seen = true;     // by newcomers
    int ahead = kNobody;  // whose landing it waits for
    std::vector<size_t> aboard = {};
  };

  // What newcomers see; kNobody: none.
  int Seen(char key, bool gathers) const {
    for (const auto& [flight, state] : flights_) {
      if (state.key == key && state.seen && state.gathers == gathers) return flight;
    }
    return kNobody;
  }

  bool Hide(char key) {
    bool any = false;
    for (auto& [flight, state] : flights_) {
      if (state.key == key) any |= std::exchange(state.seen, false);
    }
    return any;
  }

  void Join(size_t actor, char key, Op op) {
    if (actors_[actor].busy) return;
    actors_[actor].busy = true;
    const bool full = op == Op::kJoinAFull || op == Op::kGatherAFull;
    const bool gather = op == Op::kGatherA || op == Op::kGatherAFull;
    const int started = Seen(key, false), gathering = Seen(key, true);
    int flight = gathering;
    if (!gather && started != kNobody) flight = started;
    if (flight != kNobody && !full) return Board(actor, flight, Event::kFollowed);
    const bool waits = gather && started != kNobody && gathering == kNobody;
    if (!waits) Hide(key);
    flights_[next_] = {key, actor, waits};
    if (waits) flights_[next_].ahead = started;
    Board(actor, next_++, waits ? Event::kGathers : Event::kLed);
  }

  void Board(size_t actor, int flight, Event::Kind kind) {
    flights_[flight].aboard.push_back(actor);
    actors_[actor].flight = flight;
    Say({actor, kind, static_cast<int>(flights_[flight].aboard.size())});
  }

  void Start(size_t actor, int flight) {
    Flight& state = flights_[flight];
    if (!state.gathers) return;
    const int started = Seen(state.key, false);
    if (state.seen && started != kNobody) flights_[started].seen = false;
    state.gathers = false;
    state.ahead = kNobody;
    const bool needed = state.seen || !state.aboard.empty();
    Say({actor, needed ? Event::kStarted : Event::kStartedForNone, flight});
  }

  void Leave(size_t actor, bool retire) {
    const std::optional<int> flight = std::exchange(actors_[actor].flight, std::nullopt);
    if (!flight.has_value()) return Say({actor, Event::kTaken});
    Flight& state = flights_[*flight];
    std::erase(state.aboard, actor);
    actors_[actor].busy = false;
    if (!state.aboard.empty()) return Say({actor, Event::kLeft});
    if (retire) {
      state.seen = false;
      state.ahead = kNobody;
    }
    Say({actor, Event::kLeftLast, *flight});
  }

  std::vector<int> Led(size_t actor) const {
    std::vector<int> led;
    for (const auto& [flight, state] : flights_) {
      if (state.leader == actor) led.push_back(flight);
    }
    return led;
  }

  std::vector<size_t> Retire(int flight) {
    std::vector<size_t> aboard = std::move(flights_[flight].aboard);
    for (size_t waiter : aboard) actors_[waiter].flight.reset();
    flights_.erase(flight);
    for (auto& [behind, state] : flights_) {
      if (state.ahead != flight) continue;
      state.ahead = kNobody;
      Say({state.leader, Event::kTurn, behind});
    }
    return aboard;
  }

  void Answer(const std::vector<size_t>& waiters, int result) {
    for (size_t waiter : waiters) {
      actors_[waiter].busy = false;
      Say({waiter, Event::kGot, result});
    }
  }

  void Say(const Event& event) { events_.push_back(event); }

  struct Actor {
    bool busy = false;          // owed an answer
    std::optional<int> flight;  // not yet taken
  };

  std::vector<Actor> actors_;
  std::map<int, Flight> flights_;
  std::map<size_t, std::vector<std::pair<size_t, int>>> taken_;
  int next_ = 0;
  Events events_;
};

// A flight of the real group, and who is told its turn.
struct Led {
  int flight = 0;
  size_t leader = 0;
  Events* events = nullptr;
};

class Real {
 public:
  explicit Real(size_t actors) {
    for (size_t i = 0; i < actors; ++i) {
      actors_.push_back(std::make_unique<Actor>());
      actors_.back()->number = i;
      actors_.back()->events = &events_;
    }
  }

  void Do(size_t actor, Op op) {
    Actor& self = *actors_[actor];
    switch (op) {
      case Op::kJoinA:
        return Join(self, 'a', {});
      case Op::kJoinB:
        return Join(self, 'b', {});
      case Op::kJoinAFull:
        return Join(self, 'a', {.max_waiters = 0});
      case Op::kGatherA:
        return Gather(self, {});
      case Op::kGatherAFull:
        return Gather(self, {.max_waiters = 0});
      case Op::kStart:
        for (auto& [flight, landing] : self.landings) {
          if (!landing.gathers()) continue;
          Say({actor, landing.Start({}) ? Event::kStarted : Event::kStartedForNone, flight});
        }
        return;
      case Op::kLeaveRetire:
        return Leave(self, OnLast::kRetire);
      case Op::kLeaveKeep:
        return Leave(self, OnLast::kKeep);
      case Op::kForgetA:
        return Say({actor, group_.Forget('a') ? Event::kForgot : Event::kForgotNothing});
      case Op::kLand:
        for (auto& [flight, landing] : self.landings) landing.Land(flight);
        return self.landings.clear();
      case Op::kDrop:
        while (!self.landings.empty()) self.landings.erase(self.landings.begin());
        return;
      case Op::kTake:
        for (auto& [flight, landing] : self.landings)
          self.taken.push_back({flight, landing.Take()});
        return self.landings.clear();
      case Op::kAnswer:
        for (auto& [flight, list] : self.taken) {
          while (Group::Waiter* waiter = list.Pop()) waiter->OnLanded(&flight);
        }
        return self.taken.clear();
    }
  }

  size_t flights() const { return group_.flights(); }
  size_t waiting() const { return group_.waiting(); }
  const Events& events() const { return events_; }

 private:
  using Group = AsyncGroup<char, int, Led>;

  struct Actor : Group::Waiter {
    void OnLanded(const int* result) override {
      busy = false;
      events->push_back({number, Event::kGot, result == nullptr ? kNobody : *result});
    }
    size_t number = 0;
    Events* events = nullptr;
    bool busy = false;
    std::vector<std::pair<int, Group::Landing>> landings;
    std::vector<std::pair<int, Group::WaiterList>> taken;
  };

  void Join(Actor& actor, char key, const JoinLimits& limits) {
    if (actor.busy) return;
    actor.busy = true;
    auto joined = group_.Join(key, actor, {}, limits);
    const bool leads = joined.role == Role::kLeader;
    if (leads) {
      joined.landing.set_context({next_, actor.number, &events_});
      actor.landings.push_back({next_++, std::move(joined.landing)});
    }
    Say({actor.number, leads ? Event::kLed : Event::kFollowed, static_cast<int>(joined.waiting)});
  }

  void Gather(Actor& actor, const JoinLimits& limits) {
    if (actor.busy) return;
    actor.busy = true;
    auto joined = group_.Gather('a', actor, {}, limits);
    Event::Kind kind = Event::kFollowed;
    if (joined.role == Role::kLeader) {
      const auto ahead =
          joined.landing.AwaitTurn({next_, actor.number, &events_}, {}, [](const Led& led) {
            led.events->push_back({led.leader, Event::kTurn, led.flight});
          });
      kind = ahead.has_value() ? Event::kGathers : Event::kLed;
      actor.landings.push_back({next_++, std::move(joined.landing)});
    }
    Say({actor.number, kind, static_cast<int>(joined.waiting)});
  }

  void Leave(Actor& actor, OnLast on_last) {
    const Group::Left left = group_.Leave(actor, on_last);
    switch (left.outcome) {
      case Group::Left::Outcome::kLeft:
        actor.busy = false;
        return Say({actor.number, Event::kLeft});
      case Group::Left::Outcome::kLeftLast:
        actor.busy = false;
        return Say({actor.number, Event::kLeftLast, left.context.flight});
      case Group::Left::Outcome::kAlreadyTaken:
        return Say({actor.number, Event::kTaken});
    }
  }

  void Say(const Event& event) { events_.push_back(event); }

  Group group_{1};
  Events events_;
  std::vector<std::unique_ptr<Actor>> actors_;
  int next_ = 0;
};

using Step = std::pair<size_t, Op>;  // who does what

std::string Story(const std::vector<Step>& steps) {
  std::string story;
  for (auto [actor, op] : steps) story += std::to_string(actor) + ": " + NameOf(op) + "\n";
  return story;
}

// Plays the steps of one order. In the end everyone who leads lands and answers.
void Play(const std::vector<Script>& scripts, const std::vector<size_t>& order) {
  std::vector<Step> steps;
  std::vector<size_t> next(scripts.size(), 0);
  for (size_t actor : order) steps.push_back({actor, scripts[actor][next[actor]++]});
  for (size_t actor = 0; actor < scripts.size(); ++actor) {
    steps.push_back({actor, Op::kLand});
    steps.push_back({actor, Op::kAnswer});
  }
  Model model(scripts.size());
  Real real(scripts.size());
  for (auto [actor, op] : steps) {
    model.Do(actor, op);
    real.Do(actor, op);
    ASSERT_EQ(real.flights(), model.flights()) << Story(steps);
    ASSERT_EQ(real.waiting(), model.waiting()) << Story(steps);
  }
  ASSERT_EQ(real.events(), model.events()) << Story(steps);
  ASSERT_EQ(real.flights() + real.waiting(), 0u) << Story(steps);
}

// Plays every order in which the scripts can interleave.
size_t PlayAllOrders(const std::vector<Script>& scripts) {
  std::vector<size_t> order;
  for (size_t actor = 0; actor < scripts.size(); ++actor) {
    order.insert(order.end(), scripts[actor].size(), actor);
  }
  size_t orders = 0;
  do {
    Play(scripts, order);
    ++orders;
  } while (!::testing::Test::HasFailure() && std::next_permutation(order.begin(), order.end()));
  return orders;
}

// Plays every choice of one script per actor, in every order.
size_t PlayAllChoices(const std::vector<Script>& choices, size_t actors) {
  size_t orders = 0;
  std::vector<size_t> choice(actors, 0);
  const auto turn = [&] {
    size_t i = 0;
    while (i < actors && ++choice[i] == choices.size()) choice[i++] = 0;
    return i < actors;
  };
  do {
    // The group does not tell actors apart, so one arrangement of the same scripts is enough.
    if (!std::is_sorted(choice.begin(), choice.end())) continue;
    std::vector<Script> scripts;
    for (size_t i : choice) scripts.push_back(choices[i]);
    orders += PlayAllOrders(scripts);
  } while (!::testing::Test::HasFailure() && turn());
  return orders;
}

TEST(InterleavingsTest, ThreeActorsWithAFewStepsEachDoAsTheModelDoes) {
  const std::vector<Script> choices = {
      {Op::kJoinA, Op::kLand},
      {Op::kJoinA, Op::kLand, Op::kJoinA},
      {Op::kJoinA, Op::kLeaveRetire, Op::kJoinA},
      {Op::kJoinA, Op::kLeaveKeep, Op::kDrop},
      {Op::kJoinA, Op::kTake, Op::kAnswer},
      {Op::kJoinA, Op::kForgetA, Op::kLand},
      {Op::kJoinAFull, Op::kLand},
      {Op::kJoinAFull, Op::kLeaveRetire, Op::kDrop},
      {Op::kJoinB, Op::kLeaveRetire, Op::kJoinA},
      {Op::kJoinB, Op::kTake, Op::kForgetA},
  };
  EXPECT_GT(PlayAllChoices(choices, 3), 100'000u);
}

TEST(InterleavingsTest, ThreeActorsThatGatherDoAsTheModelDoes) {
  const std::vector<Script> choices = {
      {Op::kGatherA, Op::kLand},
      {Op::kGatherA, Op::kStart, Op::kLand},
      {Op::kGatherA, Op::kLand, Op::kGatherA},
      {Op::kGatherA, Op::kLeaveRetire, Op::kGatherA},
      {Op::kGatherA, Op::kLeaveKeep, Op::kStart},
      {Op::kGatherA, Op::kTake, Op::kAnswer},
      {Op::kGatherA, Op::kForgetA, Op::kDrop},
      {Op::kGatherAFull, Op::kStart, Op::kLand},
      {Op::kGatherAFull, Op::kLeaveRetire, Op::kDrop},
      {Op::kJoinA, Op::kLand, Op::kGatherA},
      {Op::kJoinAFull, Op::kLand},
  };
  EXPECT_GT(PlayAllChoices(choices, 3), 100'000u);
}

TEST(InterleavingsTest, FourActorsOfWhomMostGatherDoAsTheModelDoes) {
  const std::vector<Script> choices = {
      {Op::kGatherA, Op::kLand},        {Op::kGatherA, Op::kStart},
      {Op::kGatherA, Op::kLeaveRetire}, {Op::kGatherA, Op::kLeaveKeep},
      {Op::kGatherAFull, Op::kForgetA}, {Op::kJoinA, Op::kDrop},
  };
  EXPECT_GT(PlayAllChoices(choices, 4), 100'000u);
}

TEST(InterleavingsTest, FourActorsWithTwoStepsEachDoAsTheModelDoes) {
  const std::vector<Script> choices = {
      {Op::kJoinA, Op::kLand},        {Op::kJoinA, Op::kLeaveRetire}, {Op::kJoinA, Op::kLeaveKeep},
      {Op::kJoinA, Op::kDrop},        {Op::kJoinA, Op::kTake},        {Op::kJoinAFull, Op::kLand},
      {Op::kJoinB, Op::kLeaveRetire}, {Op::kForgetA, Op::kJoinB},
  };
  EXPECT_GT(PlayAllChoices(choices, 4), 100'000u);
}

}  // namespace
}  // namespace singleflight
