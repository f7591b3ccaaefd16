#ifndef SINGLEFLIGHT_TESTS_TESTING_CHILD_PROCESS_H_
#define SINGLEFLIGHT_TESTS_TESTING_CHILD_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace singleflight::testing {

// Waits in these helpers end after so long, with an exception that says what was waited for: the
// test fails, and goes on to its TearDown. Long enough for an instrumented program on a busy
// machine.
inline constexpr std::chrono::seconds kPatience(45);

// When kPatience from now is over.
class Deadline {
 public:
  Deadline() : at_(std::chrono::steady_clock::now() + kPatience) {}
  bool passed() const { return std::chrono::steady_clock::now() >= at_; }

 private:
  const std::chrono::steady_clock::time_point at_;
};

// A program in a process of its own, which is killed when its owner goes, or the test.
class ChildProcess {
 public:
  // `environment` ("NAME=value") is added to the test's own.
  explicit ChildProcess(const std::vector<std::string>& command,
                        const std::vector<std::string>& environment = {});
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  void Signal(int signal);
  pid_t pid() const { return pid_; }

  // Its exit status, or 128 and the signal that ended it.
  int WaitExit();
  bool ended();

  // The next line of what it prints; without a line break when it has ended before. WaitExit reads
  // on.
  std::string ReadLine();

  // What it has printed beyond the lines that were read, once it has ended.
  const std::string& out() const { return out_; }

  // What it has written to standard error so far.
  std::string err() const;

  // Between two looks at some state: returns after a few milliseconds, or as soon as the process
  // ends.
  void Breathe();

 private:
  bool ReadSome(int timeout_ms);

  pid_t pid_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;  // a file without a name, so that nothing written is ever waited for
  bool reaped_ = false;
  bool out_ended_ = false;
  int status_ = 0;
  std::string out_;
};

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_CHILD_PROCESS_H_
