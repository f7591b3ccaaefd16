// Lets the control thread use what lives on a worker's loop: to do something there and wait for it,
// and to let go of it there.

#ifndef SINGLEFLIGHT_SERVER_APP_ON_WORKER_H_
#define SINGLEFLIGHT_SERVER_APP_ON_WORKER_H_

#include <latch>
#include <memory>

#include "server/net/worker.h"

namespace singleflight::app {

// Does `work` on a running worker's thread, and returns when it is done. From another thread.
template <typename Work>
void RunOn(net::Worker& worker, const Work& work) {
  std::latch done(1);
  worker.Post([&] {
    work();
    done.count_down();
  });
  done.wait();
}

// `object` is destroyed on its worker's thread, wherever the last reference is given up, and never
// from within one of its own callbacks.
template <typename T>
std::shared_ptr<T> OwnedOn(net::Worker& worker, std::unique_ptr<T> object) {
  return std::shared_ptr<T>(
      object.release(), [&worker](T* last) { worker.Post([gone = std::unique_ptr<T>(last)] {}); });
}

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_ON_WORKER_H_
