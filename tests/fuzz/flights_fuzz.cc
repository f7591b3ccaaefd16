// AsyncGroup, by way of 16 keys and 32 waiters, against a list of flights that is looked through.

#include <algorithm>
#include <array>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "server/base/check.h"
#include "singleflight/async_group.h"
#include "tests/fuzz/input.h"

namespace singleflight {
namespace {

using fuzz::Input;

constexpr int kKeys = 16;
constexpr size_t kWaiters = 32;

// Keys meet in shards and buckets.
struct FewHashes {
  size_t operator()(int key) const { return static_cast<size_t>(key % 5); }
};

using Group = AsyncGroup<int, int, int, FewHashes>;

struct Caller final : Group::Waiter {
  void OnLanded(const int* result) override {
    ++heard;
    landed_with = result == nullptr ? -1 : *result;
  }
  int heard = 0;
  int landed_with = 0;
};

class Machine {
 public:
  explicit Machine(Input& input) : input_(input) {}

  void Run() {
    while (!input_.empty()) {
      Step();
      Check();
    }
    while (!known_.empty()) Land(known_.begin());
    while (!taken_.empty()) DeliverOne(taken_.begin());
    Check();
  }

 private:
  // What must be so of a flight in the air.
  struct Known {
    int key;
    Group::Landing landing;
    Group::TimePoint started;
    uint64_t generation;
    bool gathers = false;
    const Known* ahead = nullptr;  // whose landing it waits for
    bool joinable = true;
    int context = 0;
    std::vector<Caller*> aboard = {};
  };
  struct Taken {
    Group::WaiterList list;
    std::vector<Caller*> waiters;
  };
  using At = std::list<Known>::iterator;

  void Step() {
    switch (input_.Below(16)) {
      case 0:
      case 1:
        return Leave();
      case 2:
        return WithSome([this](At at) { Land(at); });
      case 3:
        return WithSome([this](At at) { Take(at); });
      case 4:
        return WithSome([this](At at) { Drop(at); });
      case 5:
        return Forget();
      case 6:
        return WithSome([this](At at) { SetContext(*at); });
      case 7:
        now_ += std::chrono::milliseconds(input_.Byte());
        return;
      case 8:
        if (!taken_.empty()) DeliverOne(taken_.begin());
        return;
      case 9:
        return WithSome([this](At at) { Start(*at); });
      default:
        return Join();
    }
  }

  // What newcomers find: at most one that is started, and one that gathers.
  At Joinable(int key, bool gathers) {
    return std::find_if(known_.begin(), known_.end(), [&](const Known& known) {
      return known.key == key && known.joinable && known.gathers == gathers;
    });
  }

  void Hide(int key) {
    for (Known& known : known_) known.joinable = known.joinable && known.key != key;
  }

  bool IsRecent(const Known& known, const JoinLimits& limits) const {
    return now_ - known.started <= limits.max_join_age;
  }
  bool MayJoin(At at, const JoinLimits& limits) const {
    if (at == known_.end() || at->aboard.size() >= limits.max_waiters) return false;
    if (at->gathers) return (now_ - at->started) / 2 <= limits.max_join_age;
    return IsRecent(*at, limits) && at->generation >= limits.min_generation;
  }

  Group::Joined Ask(int key, Caller& caller, const JoinLimits& limits, bool gather) {
    const bool moves = input_.Chance();
    if (gather) {
      return moves ? group_.Gather(int{key}, caller, now_, limits)
                   : group_.Gather(key, caller, now_, limits);
    }
    return moves ? group_.Join(int{key}, caller, now_, limits)
                 : group_.Join(key, caller, now_, limits);
  }

  void Join() {
    Caller& caller = callers_[input_.Below(kWaiters)];
    if (caller.aboard()) return;
    const int key = static_cast<int>(input_.Below(kKeys));
    JoinLimits limits;
    if (input_.Chance()) limits.max_waiters = input_.Below(5);
    if (input_.Chance()) limits.max_join_age = std::chrono::milliseconds(input_.Byte());
    limits.generation = input_.Below(4);
    limits.min_generation = input_.Below(4);

    const bool gather = input_.Chance();
    const At started = Joinable(key, false), gathering = Joinable(key, true);
    At old = !gather && MayJoin(started, limits) ? started : gathering;
    const bool follows = MayJoin(old, limits);
    const bool waits = gather && !follows && gathering == known_.end() && started != known_.end() &&
                       IsRecent(*started, limits);
    auto joined = Ask(key, caller, limits, gather);
    SF_CHECK((joined.role == Role::kFollower) == follows && caller.role() == joined.role);
    SF_CHECK(static_cast<bool>(joined.landing) == !follows);
    if (!follows) {
      if (!waits) Hide(key);
      known_.push_back({key, std::move(joined.landing), now_, limits.generation, waits,
                        waits ? &*started : nullptr});
      if (gather) Await(known_.back());
    }
    Known& flight = follows ? *old : known_.back();
    flight.aboard.push_back(&caller);
    SF_CHECK(joined.waiting == flight.aboard.size());
  }

  void Await(Known& known) {
    known.context = 1 + static_cast<int>(input_.Byte());
    const auto since = known.landing.AwaitTurn(known.context, now_, [](const int& context) {
      ++turns_;
      told_ = context;
    });
    SF_CHECK(since.has_value() == known.gathers);
    SF_CHECK(!known.gathers || *since == known.ahead->started);
  }

  void Start(Known& known) {
    const bool needed = !known.aboard.empty() || known.joinable;
    SF_CHECK(known.landing.Start(now_) == needed);
    if (!known.gathers) return;
    const At started = Joinable(known.key, false);
    if (known.joinable && started != known_.end()) started->joinable = false;
    known.gathers = false;
    known.ahead = nullptr;
    known.started = now_;
  }

  // Who waited for the flight that has landed has its turn, and nobody else has.
  void ExpectTurn(const Known& landed) {
    int turns = 0;
    for (Known& known : known_) {
      if (known.ahead != &landed) continue;
      known.ahead = nullptr;
      SF_CHECK(told_ == known.context);
      ++turns;
    }
    SF_CHECK(std::exchange(turns_, 0) == turns);
  }

  void Leave() {
    Caller& caller = callers_[input_.Below(kWaiters)];
    const OnLast on_last = input_.Chance() ? OnLast::kRetire : OnLast::kKeep;
    for (Known& known : known_) {
      if (std::erase(known.aboard, &caller) == 0) continue;
      const Group::Left left = group_.Leave(caller, on_last);
      if (!known.aboard.empty()) return SF_CHECK(left.outcome == Group::Left::Outcome::kLeft);
      SF_CHECK(left.outcome == Group::Left::Outcome::kLeftLast);
      SF_CHECK(left.context == known.context);
      if (on_last == OnLast::kRetire) {
        known.joinable = false;
        known.ahead = nullptr;
      }
      return;
    }
    SF_CHECK(group_.Leave(caller, on_last).outcome == Group::Left::Outcome::kAlreadyTaken);
  }

  template <typename Action>
  void WithSome(Action action) {
    if (known_.empty()) return;
    action(std::next(known_.begin(), static_cast<ptrdiff_t>(input_.Below(known_.size()))));
  }

  void Expect(const std::vector<Caller*>& waiters, int result) {
    for (Caller* caller : waiters) {
      SF_CHECK(caller->heard == 1 && caller->landed_with == result && !caller->aboard());
      caller->heard = 0;
    }
  }

  void Land(At at) {
    const int result = static_cast<int>(input_.Byte());
    at->landing.Land(result);
    ExpectTurn(*at);
    Expect(at->aboard, result);
    known_.erase(at);
  }

  // Its duty destroyed, which tells everyone that nobody will answer.
  void Drop(At at) {
    at->landing = Group::Landing();
    ExpectTurn(*at);
    Expect(at->aboard, -1);
    known_.erase(at);
  }

  void Take(At at) {
    Group::WaiterList list = at->landing.Take();
    ExpectTurn(*at);
    SF_CHECK(list.size() == at->aboard.size());
    if (!list.empty()) taken_.push_back({std::move(list), at->aboard});
    known_.erase(at);
  }

  // To the waiter that came first.
  void DeliverOne(std::list<Taken>::iterator at) {
    Group::Waiter* const first = at->list.Pop();
    SF_CHECK(first == at->waiters.front());
    const int result = 7;
    first->OnLanded(&result);
    Expect({at->waiters.front()}, result);
    at->waiters.erase(at->waiters.begin());
    SF_CHECK(at->list.size() == at->waiters.size());
    if (at->list.empty()) taken_.erase(at);
  }

  void Forget() {
    const int key = static_cast<int>(input_.Below(kKeys));
    const bool any = Joinable(key, false) != known_.end() || Joinable(key, true) != known_.end();
    SF_CHECK(group_.Forget(key) == any);
    Hide(key);
  }

  void SetContext(Known& known) {
    known.context = 1 + static_cast<int>(input_.Byte());
    SF_CHECK(known.landing.set_context(known.context) == !known.aboard.empty());
  }

  void Check() {
    size_t waiting = 0;
    for (const Known& known : known_) {
      waiting += known.aboard.size();
      SF_CHECK(known.landing.key() == known.key);
      SF_CHECK(known.landing.waiting() == known.aboard.size());
      SF_CHECK(known.landing.superseded() == !known.joinable);
      SF_CHECK(known.landing.gathers() == known.gathers);
      for (const Caller* caller : known.aboard) SF_CHECK(caller->aboard() && caller->heard == 0);
    }
    SF_CHECK(group_.flights() == known_.size());
    SF_CHECK(group_.waiting() == waiting);
  }

  static inline int turns_ = 0, told_ = 0;  // how many were told, and the context of the latest

  Input& input_;
  Group::TimePoint now_;
  Group group_{2};
  std::array<Caller, kWaiters> callers_;
  std::list<Known> known_;
  std::list<Taken> taken_;
};

}  // namespace
}  // namespace singleflight

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace singleflight;
  Input input(data, size);
  Machine(input).Run();
  return 0;
}
