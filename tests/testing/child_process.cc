// A program that a test starts, reads from and ends.

#include "tests/testing/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace singleflight::testing {
namespace {

constexpr int kBreath = 5;  // milliseconds

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> WithOwn(std::vector<std::string> environment) {
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  return environment;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command,
                           const std::vector<std::string>& environment) {
  const std::vector<std::string> variables = WithOwn(environment);
  const std::vector<char*> argv = Pointers(command);
  const std::vector<char*> envp = Pointers(variables);
  int out[2];
  if (::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  err_fd_ = ::memfd_create("stderr", MFD_CLOEXEC);
  pid_ = ::fork();
  if (pid_ == 0) {  // only what is safe after a fork of threads
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(err_fd_, STDERR_FILENO);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(out[1]);
  out_fd_ = out[0];
  if (pid_ < 0) throw std::runtime_error("fork");
}

ChildProcess::~ChildProcess() {
  if (!reaped_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(out_fd_);
  ::close(err_fd_);
}

void ChildProcess::Signal(int signal) {
  if (!ended()) ::kill(pid_, signal);
}

bool ChildProcess::ended() {
  int status;
  if (reaped_ || ::waitpid(pid_, &status, WNOHANG) != pid_) return reaped_;
  reaped_ = true;
  status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return true;
}

// False: nothing came, or nothing will come any more.
bool ChildProcess::ReadSome(int timeout_ms) {
  pollfd readable{out_ended_ ? -1 : out_fd_, POLLIN, 0};
  if (::poll(&readable, 1, timeout_ms) <= 0) return false;
  char buffer[4096];
  const ssize_t n = ::read(out_fd_, buffer, sizeof(buffer));
  if (n > 0) out_.append(buffer, static_cast<size_t>(n));
  out_ended_ = n == 0;
  return n > 0;
}

int ChildProcess::WaitExit() {
  const Deadline deadline;
  while (!ended()) {
    if (deadline.passed()) throw std::runtime_error("the process does not end; it said:\n" + err());
    ReadSome(kBreath);
  }
  while (ReadSome(0)) {
  }
  return status_;
}

std::string ChildProcess::ReadLine() {
  const Deadline deadline;
  size_t end;
  while ((end = out_.find('\n')) == std::string::npos) {
    if (deadline.passed())
      throw std::runtime_error("the process prints nothing; it said:\n" + err());
    if (!ReadSome(kBreath) && out_ended_) return std::exchange(out_, "");
  }
  const std::string line = out_.substr(0, end + 1);
  out_.erase(0, end + 1);
  return line;
}

std::string ChildProcess::err() const {
  std::string text;
  char buffer[4096];
  ssize_t n;
  while ((n = ::pread(err_fd_, buffer, sizeof(buffer), static_cast<off_t>(text.size()))) > 0) {
    text.append(buffer, static_cast<size_t>(n));
  }
  return text;
}

void ChildProcess::Breathe() { ReadSome(kBreath); }

}  // namespace singleflight::testing
