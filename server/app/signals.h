// Signals as events of the control loop. No handler is set: those that are awaited here are held
// back from the thread that serves the loop, and read from a descriptor (signalfd(2)); of several
// that wait, the lowest number comes first. All other threads are started with their signals held
// (SignalsHeld).
//
// Threads: the control loop's. What comes before Await waits for it. Signals stay held when this is
// gone, since a process that ends has nothing to do for them.

#ifndef SINGLEFLIGHT_SERVER_APP_SIGNALS_H_
#define SINGLEFLIGHT_SERVER_APP_SIGNALS_H_

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>
#include <functional>
#include <initializer_list>

namespace singleflight::app {

class Signals {
 public:
  Signals(boost::asio::io_context& control, std::initializer_list<int> signals);

  // Calls `on_signal` once, with the number of the next one.
  void Await(std::function<void(int signal)> on_signal);

 private:
  boost::asio::posix::stream_descriptor descriptor_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_SIGNALS_H_
