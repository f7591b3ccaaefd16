// Which thread a signal is for.

#include "server/base/signals_held.h"

#include <gtest/gtest.h>

#include <thread>

namespace singleflight::base {
namespace {

bool TakesSignal(int signal) {
  sigset_t held;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &held);
  return ::sigismember(&held, signal) == 0;
}

TEST(SignalsHeldTest, AThreadThatIsStartedMeanwhileTakesNoneButItsOwn) {
  bool takes_term = true;
  bool takes_fault = false;
  std::thread thread;
  {
    const SignalsHeld quiet;
    thread = std::thread([&] {
      takes_term = TakesSignal(SIGTERM);
      takes_fault = TakesSignal(SIGSEGV);
    });
  }
  thread.join();
  EXPECT_FALSE(takes_term);
  EXPECT_TRUE(takes_fault);
  EXPECT_TRUE(TakesSignal(SIGTERM)) << "this one, which has started it";
}

}  // namespace
}  // namespace singleflight::base
