// AsyncGroup, by way of 16 keys and 32 waiters, against a list of flights that is looked through.

#include <algorithm>
#include <array>
#include <list>
#include <memory>
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
    bool joinable = true;
    int context = 0;
    std::vector<Caller*> aboard;
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
      default:
        return Join();
    }
  }

  At Joinable(int key) {
    return std::find_if(known_.begin(), known_.end(),
                        [&](const Known& known) { return known.key == key && known.joinable; });
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

    const At old = Joinable(key);
    const bool follows = old != known_.end() && old->aboard.size() < limits.max_waiters &&
                         now_ - old->started <= limits.max_join_age &&
                         old->generation >= limits.min_generation;
    auto joined = input_.Chance() ? group_.Join(int{key}, caller, now_, limits)
                                  : group_.Join(key, caller, now_, limits);
    SF_CHECK((joined.role == Role::kFollower) == follows && caller.role() == joined.role);
    SF_CHECK(static_cast<bool>(joined.landing) == !follows);
    if (!follows) {
      if (old != known_.end()) old->joinable = false;
      known_.push_back({key, std::move(joined.landing), now_, limits.generation, true, 0, {}});
    }
    Known& flight = follows ? *old : known_.back();
    flight.aboard.push_back(&caller);
    SF_CHECK(joined.waiting == flight.aboard.size());
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
      if (on_last == OnLast::kRetire) known.joinable = false;
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
    Expect(at->aboard, result);
    known_.erase(at);
  }

  // Its duty destroyed, which tells everyone that nobody will answer.
  void Drop(At at) {
    at->landing = Group::Landing();
    Expect(at->aboard, -1);
    known_.erase(at);
  }

  void Take(At at) {
    Group::WaiterList list = at->landing.Take();
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
    const At at = Joinable(key);
    SF_CHECK(group_.Forget(key) == (at != known_.end()));
    if (at != known_.end()) at->joinable = false;
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
      for (const Caller* caller : known.aboard) SF_CHECK(caller->aboard() && caller->heard == 0);
    }
    SF_CHECK(group_.flights() == known_.size());
    SF_CHECK(group_.waiting() == waiting);
  }

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
