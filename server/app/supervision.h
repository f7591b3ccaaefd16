// What the service manager that started the process hears of it (sd_notify(3)): that it serves,
// takes another configuration, stops, and is alive.
//
// Each worker is asked for a turn again and again. One that has none in time is stuck, which the
// log and the health pages say; one that is merely busy is not.
//
// The service manager hears that the process is alive if its watchdog asks for it, four times in
// each interval, and only if every worker has had a turn since the last time. So a thread that is
// stuck, the control thread's own included, lets the watchdog end the process.
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
#include "server/metrics/visitor.h"
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

  // How many workers do not turn, for people; empty: all do.
  const std::string& stuck() const { return stuck_; }

  void Show(metrics::Visitor& visitor) const;

 private:
  void BeginRound();
  void AwaitTick();
  void Tick();
  void TellOfStuck(size_t silent);
  void Send(absl::string_view message);

  const std::vector<net::Worker*> loops_;
  const host::NotifySocket socket_;
  const Clock clock_;
  const bool watched_;                     // by a watchdog
  const std::chrono::microseconds round_;  // the time that a worker has for a turn
  boost::asio::steady_timer tick_;
  std::shared_ptr<std::atomic<size_t>> silent_;  // workers that have not turned in this round
  std::string stuck_;                            // what has been said of these
  bool unheard_ = false;                         // likewise that the service manager does not hear
  std::string status_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_SUPERVISION_H_
