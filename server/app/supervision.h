// What the service manager that started the process hears of it (sd_notify(3)): that it serves,
// takes another configuration, stops, and is alive.
//
// It says that it is alive if its watchdog asks for it, four times in each interval, and only if
// every worker has had a turn since the last time. So a thread that is stuck, the control thread's
// own included, lets the watchdog end the process, and a worker that is merely busy does not.
//
// Threads: the control thread's. Time: its timers'; the clock is only shown.

#ifndef SINGLEFLIGHT_SERVER_APP_SUPERVISION_H_
#define SINGLEFLIGHT_SERVER_APP_SUPERVISION_H_

#include <utility>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/host/notify_socket.h"
#include "server/host/service.h"
#include "server/net/worker.h"

namespace singleflight::app {

class Supervision {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;  // CLOCK_MONOTONIC

  // `loops` outlive this object, and run from Ready on.
  Supervision(boost::asio::io_context& control, std::vector<net::Worker*> loops,
              const host::Service& service, Clock clock);

  // `status` is a line for people, which `systemctl status` shows.
  void Ready(absl::string_view status);

  // From the one to the other the configuration is being exchanged.
  void Reloading();
  void Reloaded(absl::string_view status);

  void Stopping(absl::string_view status);

 private:
  void BeginRound();
  void AwaitTick();
  void Tick();
  void TellOfStuck(size_t silent);
  void Send(absl::string_view message);

  const std::vector<net::Worker*> loops_;
  const host::NotifySocket socket_;
  const Clock clock_;
  const std::chrono::microseconds watchdog_;  // 0: nobody watches
  boost::asio::steady_timer tick_;
  std::shared_ptr<std::atomic<size_t>> silent_;  // workers that have not turned in this round
  bool stuck_ = false;                           // some did not in time, which has been said
  bool unheard_ = false;                         // likewise that the service manager does not hear
  std::string status_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_SUPERVISION_H_
