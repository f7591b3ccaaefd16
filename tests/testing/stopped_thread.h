#ifndef SINGLEFLIGHT_TESTS_TESTING_STOPPED_THREAD_H_
#define SINGLEFLIGHT_TESTS_TESTING_STOPPED_THREAD_H_

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/child_process.h"

namespace singleflight::testing {

// A thread of another process that does nothing for as long as this lives, as under a debugger.
class StoppedThread {
 public:
  // `name`: as top -H shows it.
  StoppedThread(pid_t process, const std::string& name) : thread_(Find(process, name)) {
    if (::ptrace(PTRACE_SEIZE, thread_, nullptr, nullptr) != 0 ||
        ::ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr) != 0 ||
        ::waitpid(thread_, nullptr, __WALL) != thread_) {
      throw std::runtime_error("cannot stop " + name);
    }
  }
  StoppedThread(const StoppedThread&) = delete;
  StoppedThread& operator=(const StoppedThread&) = delete;
  ~StoppedThread() { ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr); }

  // Returns when its process has ended. Nobody else is told of that before.
  void WaitForEnd() { ::waitpid(thread_, nullptr, __WALL); }

 private:
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
