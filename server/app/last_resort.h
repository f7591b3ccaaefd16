// What is done where the work of a thread has not come to its end in time, because of something
// that it waits for.

#ifndef SINGLEFLIGHT_SERVER_APP_LAST_RESORT_H_
#define SINGLEFLIGHT_SERVER_APP_LAST_RESORT_H_

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>

namespace singleflight::app {

class LastResort {
 public:
  // `act` is called on a thread of its own if this still lives `after` that time.
  LastResort(std::chrono::milliseconds after, std::function<void()> act);

 private:
  std::jthread thread_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_LAST_RESORT_H_
