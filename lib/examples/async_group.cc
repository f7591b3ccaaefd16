// A server that never blocks: three identical calls become one upstream call. The first caller
// leaves before the reply; the last two are answered by the thread that received it.

#include "singleflight/async_group.h"

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>

namespace {

using Flights = singleflight::AsyncGroup<std::string, std::string>;

class Call : public Flights::Waiter {
 public:
  void OnLanded(const std::string* reply) override { answer = reply ? *reply : "unavailable"; }

  std::string answer = "none";
};

}  // namespace

int main() {
  Flights flights;
  const Flights::TimePoint now{};  // of the event loop
  const Flights::JoinLimits limits = {.max_waiters = 1000, .max_join_age = std::chrono::seconds(1)};
  Call first, second, third, stranger;

  Flights::Joined lead = flights.Join("/shop/Get?id=7", first, now, limits);
  if (!lead.landing) return 1;  // the first call leads and owns the duty to land
  (void)flights.Join("/shop/Get?id=7", second, now, limits);
  (void)flights.Join("/shop/Get?id=7", third, now, limits);
  // A landing that is dropped answers "nobody will", so this caller does not wait for ever.
  (void)flights.Join("/shop/Get?id=8", stranger, now, limits);

  const auto left = flights.Leave(first, Flights::OnLast::kRetire);
  if (left.outcome != Flights::Left::Outcome::kLeft) return 1;

  std::thread([landing = std::move(lead.landing)]() mutable {
    landing.Land("blue kettle");
  }).join();
  std::printf("%s, %s, %s, %s\n", first.answer.c_str(), second.answer.c_str(), third.answer.c_str(),
              stranger.answer.c_str());
  const bool right = first.answer == "none" && second.answer == "blue kettle" &&
                     third.answer == "blue kettle" && stranger.answer == "unavailable";
  return right && flights.flights() == 0 ? 0 : 1;
}
