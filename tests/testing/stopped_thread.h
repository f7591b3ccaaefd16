#ifndef SINGLEFLIGHT_TESTS_TESTING_STOPPED_THREAD_H_
#define SINGLEFLIGHT_TESTS_TESTING_STOPPED_THREAD_H_

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/child_process.h"

namespace singleflight::testing {

// A thread of another process that does nothing for as long as this lives, as under a debugger. It
// is stopped where it waits for events: elsewhere it could have a lock (the allocator's, say) that
// every other thread needs.
class StoppedThread {
 public:
  // `name`: as top -H shows it.
  StoppedThread(pid_t process, const std::string& name) : thread_(Find(process, name)) {
    Require(::ptrace(PTRACE_SEIZE, thread_, nullptr, nullptr));
    for (const Deadline deadline; !StopsWhereItWaits(process); std::this_thread::yield()) {
      if (deadline.passed()) throw std::runtime_error(name + " never waits");
      Require(::ptrace(PTRACE_CONT, thread_, nullptr, nullptr));
    }
  }
  StoppedThread(const StoppedThread&) = delete;
  StoppedThread& operator=(const StoppedThread&) = delete;
  ~StoppedThread() { ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr); }

  // Returns when its process has ended. Nobody else is told of that before.
  void WaitForEnd() { ::waitpid(thread_, nullptr, __WALL); }

 private:
  static void Require(int64_t status) {
    if (status < 0) throw std::system_error(errno, std::generic_category(), "a thread to stop");
  }

  bool StopsWhereItWaits(pid_t process) const {
    Require(::ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr));
    Require(::waitpid(thread_, nullptr, __WALL));
    int64_t call = 0;  // "running" and -1 are no call
    std::ifstream(absl::StrCat("/proc/", process, "/task/", thread_, "/syscall")) >> call;
#ifdef SYS_epoll_wait
    if (call == SYS_epoll_wait) return true;
#endif
    return call == SYS_epoll_pwait;
  }

  // A thread gets its name a moment after it has begun.
  static pid_t Find(pid_t process, const std::string& name) {
    for (const Deadline deadline; !deadline.passed(); std::this_thread::yield()) {
      if (const pid_t thread = FindNow(process, name); thread != 0) return thread;
    }
    throw std::runtime_error("there is no thread " + name);
  }

  // 0: there is none.
  static pid_t FindNow(pid_t process, const std::string& name) {
    const std::string tasks = absl::StrCat("/proc/", process, "/task");
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      std::string comm;
      std::getline(std::ifstream(task.path() / "comm"), comm);
      if (comm == name) return std::stoi(task.path().filename());
    }
    return 0;
  }

  const pid_t thread_;
};

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_STOPPED_THREAD_H_
