#include "server/app/last_resort.h"

#include <sys/time.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <utility>

#include "server/base/signals_held.h"

namespace singleflight::app {
namespace {

constexpr std::chrono::seconds kTimeToAct(1);

// Zero: never.
void SetAlarm(std::chrono::milliseconds after) {
  itimerval when{};
  when.it_value.tv_sec = after.count() / 1000;
  when.it_value.tv_usec = after.count() % 1000 * 1000;
  ::setitimer(ITIMER_REAL, &when, nullptr);
}

}  // namespace

// The alarm comes first: already the beginning of a thread takes locks.
LastResort::LastResort(std::chrono::milliseconds after, std::function<void()> act) {
  std::signal(SIGALRM, [](int) { ::_exit(1); });
  SetAlarm(after + kTimeToAct);
  const base::SignalsHeld quiet;
  thread_ = std::jthread([after, act = std::move(act)](const std::stop_token& in_time) {
    std::mutex mu;
    std::condition_variable_any over;
    std::unique_lock<std::mutex> lock(mu);
    over.wait_for(lock, in_time, after, [] { return false; });
    if (!in_time.stop_requested()) act();
  });
}

// The thread first: what holds it up is what the alarm is for.
LastResort::~LastResort() {
  thread_ = {};
  SetAlarm(std::chrono::milliseconds(0));
}

}  // namespace singleflight::app
