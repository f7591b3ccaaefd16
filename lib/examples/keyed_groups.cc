// A profile is loaded once for all that ask meanwhile. Two of them do not wait to the end: one has
// a deadline, one is told to stop. The others are not disturbed.

#include "singleflight/keyed_groups.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

// A follower gets a copy of the result: share what is dear to copy.
using Profile = std::shared_ptr<const std::string>;

int main() {
  using Clock = std::chrono::steady_clock;
  singleflight::KeyedGroups<std::string, Profile> profiles;
  std::atomic<int> served = 0;
  std::atomic<int> left = 0;
  const auto load = [&] {
    while (left < 2 || profiles.waiting() < 1) std::this_thread::yield();  // a slow database
    return std::make_shared<const std::string>("Ada Lovelace");
  };
  const auto ask = [&](const char* who, const singleflight::Until& until) {
    const auto profile = profiles.Do("user-1", load, until);
    std::printf("%s: %s\n", who, profile ? profile->value->c_str() : "left");
    ++(profile ? served : left);
  };

  {
    std::jthread leader(ask, "leads", singleflight::Until{});
    while (profiles.flights() == 0) std::this_thread::yield();
    std::jthread patient(ask, "waits", singleflight::Until{});
    std::jthread stoppable([&](std::stop_token stop) { ask("is told to stop", {.stop = stop}); });
    while (profiles.waiting() < 2) std::this_thread::yield();
    stoppable.request_stop();
    ask("has a deadline", {.deadline = Clock::now() + std::chrono::milliseconds(5)});
  }
  return served == 2 && left == 2 && profiles.flights() == 0 ? 0 : 1;
}
