// What golang.org/x/sync/singleflight does, done here. README.md shows both side by side.

#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "singleflight/async_group.h"
#include "singleflight/join_future.h"
#include "singleflight/keyed_groups.h"
#include "singleflight/outcome.h"

namespace {

using singleflight::Outcome;
using Profile = std::shared_ptr<const std::string>;
using Flights = singleflight::AsyncGroup<std::string, Outcome<Profile>>;

Profile LoadProfile(const std::string& id) {
  if (id.empty()) throw std::invalid_argument("a profile of nobody");
  return std::make_shared<const std::string>("the profile of " + id);
}

// An executor: a thread for each task, which ends before this does.
class Pool {
 public:
  template <typename Task>
  void operator()(Task task) {
    threads_.emplace_back(std::move(task));
  }

 private:
  std::vector<std::jthread> threads_;
};

// Do, shared, Forget.
bool Do(const std::string& id) {
  singleflight::KeyedGroups<std::string, Profile> profiles;
  const auto load = [id] { return LoadProfile(id); };

  auto got = profiles.Do(id, load);
  if (got.role == singleflight::Role::kLeader) {
    std::printf("loaded %s for %zu callers\n", got.value->c_str(), got.shared_by);
  }

  const bool shared = got.shared_by > 1;
  profiles.Forget(id);
  return !shared && profiles.flights() == 0;
}

// The errors and panics of Go.
bool Throw() {
  singleflight::KeyedGroups<std::string, Profile> profiles;
  try {
    profiles.Do("", [] { return LoadProfile(""); });
  } catch (const std::invalid_argument& error) {
    std::printf("%s\n", error.what());
    return profiles.flights() == 0;
  }
  return false;
}

// Do and a context: a follower leaves.
bool Leave(const std::string& id, std::chrono::steady_clock::time_point deadline,
           std::stop_token stop) {
  singleflight::KeyedGroups<std::string, Profile> profiles;
  const auto load = [id] { return LoadProfile(id); };

  auto got = profiles.Do(id, load, {.deadline = deadline, .stop = stop});
  if (!got) return false;  // left
  return *got->value == "the profile of " + id;
}

// DoChan and a context: a leader leaves too.
bool DoOn(const std::string& id, std::chrono::steady_clock::time_point deadline) {
  singleflight::KeyedGroups<std::string, Profile> profiles;
  Pool pool;
  const auto load = [id] { return LoadProfile(id); };

  auto got = profiles.DoOn(pool, id, load, {.deadline = deadline});
  if (!got) return false;  // left; the load goes on for the others
  return *got->value == "the profile of " + id;
}

// DoChan.
bool DoChan(const std::string& id) {
  Flights flights;
  Pool pool;
  const auto start = [&](Flights::Landing landing) {
    pool([id, landing = std::move(landing)]() mutable {
      landing.Land(Outcome<Profile>::Of([&] { return LoadProfile(id); }));
    });
  };

  std::future<Profile> profile = singleflight::JoinFuture(flights, id, start);
  return *profile.get() == "the profile of " + id;
}

}  // namespace

int main() {
  const auto never = std::chrono::steady_clock::time_point::max();
  const bool right =
      Do("ada") && Throw() && Leave("ada", never, {}) && DoOn("ada", never) && DoChan("ada");
  return right ? 0 : 1;
}
