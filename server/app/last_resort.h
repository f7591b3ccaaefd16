// What is done where the work of a thread has not come to its end in time, because of something
// that it waits for. Should that hold up the last resort as well (a lock of the allocator or of the
// log, say), the process ends without it, with status 1 and not a word.
//
// One at a time in a process: it has the process's alarm (SIGALRM), and is made by a thread that
// does not hold signals back.

#ifndef SINGLEFLIGHT_SERVER_APP_LAST_RESORT_H_
#define SINGLEFLIGHT_SERVER_APP_LAST_RESORT_H_

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>

namespace singleflight::app {

class LastResort {
 public:
  // `act` is called on a thread of its own if this still lives `after` that time. It has a second.
  LastResort(std::chrono::milliseconds after, std::function<void()> act);
  LastResort(const LastResort&) = delete;
  LastResort& operator=(const LastResort&) = delete;
  ~LastResort();

 private:
  std::jthread thread_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_LAST_RESORT_H_
