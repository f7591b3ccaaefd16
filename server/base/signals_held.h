// Threads that are started while one of these lives take no signals: those of the process are for
// the thread that waits for them. A thread that is about to end would otherwise be chosen now and
// then, and where a signal is put off for a moment (as ThreadSanitizer does), take it along.
//
// Threads: whichever starts another.

#ifndef SINGLEFLIGHT_SERVER_BASE_SIGNALS_HELD_H_
#define SINGLEFLIGHT_SERVER_BASE_SIGNALS_HELD_H_

#include <pthread.h>

#include <csignal>
#include <initializer_list>

namespace singleflight::base {

class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t all;
    ::sigfillset(&all);
    // A fault's own thread hears of it, and so does a profiler's.
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF}) {
      ::sigdelset(&all, own);
    }
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
  ~SignalsHeld() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace singleflight::base

#endif  // SINGLEFLIGHT_SERVER_BASE_SIGNALS_HELD_H_
