// Has things done on the control thread, for threads that may wait: those of admin clients. The
// control thread itself waits for nobody.

#ifndef SINGLEFLIGHT_SERVER_APP_ON_CONTROL_H_
#define SINGLEFLIGHT_SERVER_APP_ON_CONTROL_H_

#include <utility>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace singleflight::app {

// Threads: Do from any but the control thread and the workers; Close from any.
class OnControl {
 public:
  explicit OnControl(boost::asio::io_context& control) : control_(control) {}

  // Does `work` on the control thread, and returns when it is done. If that thread has had no time
  // for it within `patience` (DEADLINE_EXCEEDED), or after Close (UNAVAILABLE), it is never done.
  absl::Status Do(std::chrono::milliseconds patience, absl::FunctionRef<void()> work);

  // The control thread does nothing more.
  void Close() { closed_ = true; }

 private:
  boost::asio::io_context& control_;
  std::atomic<bool> closed_{false};
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_ON_CONTROL_H_
