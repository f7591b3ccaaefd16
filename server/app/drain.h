// How a serving process ends.
//
//   serving    until SIGTERM or SIGINT
//   draining   no new connections, GOAWAY to those there are; running calls go on
//   cut off    `timeout` later, where connections are left: they end now, and the status will be 1
//   over       no connection is left, or those that were cut off have not gone after `grace`:
//              the control loop is stopped
//
// A second signal ends the process immediately, whatever runs. Connections are counted again and
// again, since they end on other threads, which have other things to do than to tell.
//
// Threads: the control loop's. Time: its timers'; the wall clock is only shown.

#ifndef SINGLEFLIGHT_SERVER_APP_DRAIN_H_
#define SINGLEFLIGHT_SERVER_APP_DRAIN_H_

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/time/time.h"
#include "server/app/signals.h"

namespace singleflight::app {

class Drain {
 public:
  // What it does to those that serve.
  struct Hooks {
    std::function<void()> begin;            // no new connections; the others end with their calls
    std::function<int64_t()> connections;   // how many are left
    std::function<bool()> over;             // none is, and none comes any more
    std::function<void()> cut_off;          // they end now
    std::function<void(int status)> abort;  // the process ends with that status; does not return
  };

  struct Pace {
    std::chrono::milliseconds poll{5};      // between two counts of connections
    std::chrono::milliseconds grace{1000};  // for those that were cut off
  };

  // From now on the signals that end a process wait for AwaitSignal.
  Drain(boost::asio::io_context& control, std::function<absl::Time()> wall_clock, Hooks hooks,
        Pace pace);

  // How long running calls have, once it begins.
  void set_timeout(absl::Duration timeout) { timeout_ = timeout; }

  void AwaitSignal();

  // As the first signal does; nothing where it has begun.
  void Begin();

  bool draining() const { return draining_; }

  // Since when, what is left, and until when; for people, while draining.
  std::string Status() const;

  // Of the process, when it is over: 0 if all calls ended by themselves, 1 if some were cut off.
  int exit_status() const { return exit_status_; }

 private:
  void OnSignal(int signal);
  void AwaitLast();
  void CutOff();

  boost::asio::io_context& control_;
  const std::function<absl::Time()> wall_clock_;
  const Hooks hooks_;
  const Pace pace_;
  Signals signals_;
  boost::asio::steady_timer poll_;
  boost::asio::steady_timer deadline_;
  absl::Duration timeout_;
  absl::Time began_;
  bool draining_ = false;
  int exit_status_ = 0;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_DRAIN_H_
