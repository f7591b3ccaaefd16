#ifndef SINGLEFLIGHT_TESTS_TESTING_PROXY_PROCESS_H_
#define SINGLEFLIGHT_TESTS_TESTING_PROXY_PROCESS_H_

#include <gmock/gmock.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/testing/child_process.h"

namespace singleflight::testing {

// The binary under test: what the environment variable SINGLEFLIGHT_PROXY names, or the build's
// own.
std::string ProxyBinary();

// A file with `text` under a name of its own, removed with its owner.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text);
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();
  const std::string& path() const { return path_; }

  // At no moment there is half a file.
  void Replace(const std::string& text);

 private:
  std::string path_;
};

// A name below a new folder, for a Unix socket. The folder is removed with its owner.
class TemporaryPath {
 public:
  TemporaryPath();
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;
  ~TemporaryPath();
  std::string path() const { return folder_ + "/s"; }

 private:
  std::string folder_;
};

// The real proxy on a configuration, ready to be called.
class ProxyProcess {
 public:
  // Returns when it has said that it is ready. Throws, with what it wrote, if it ends instead.
  explicit ProxyProcess(const std::string& yaml);

  // The shell redirects its descriptors: "2>/dev/full 0<&-".
  struct Redirections {
    std::string text;
    std::string before = ":";  // a command that the shell runs first
  };
  ProxyProcess(const std::string& yaml, const Redirections& redirections);

  // On a file of one's own.
  ProxyProcess(const std::string& config_path, const std::vector<std::string>& environment);

  // Where its listeners are, in the order of the configuration.
  const std::string& address(size_t listener = 0) const { return addresses_.at(listener); }

  // Where its health pages are; empty if nowhere.
  const std::string& health() const { return health_; }

  // Where its admin service is; empty if nowhere.
  const std::string& admin() const { return admin_; }

  // Where its dashboard is; empty if nowhere.
  const std::string& dashboard() const { return dashboard_; }

  // See SumOf.
  int64_t Metric(const std::string& selector) const;

  // Returns when the metric is as it should be: WaitForMetric("singleflight_waiters", Ge(2)).
  void WaitForMetric(const std::string& selector, const ::testing::Matcher<int64_t>& matcher);

  // Returns when what it has logged is as it should be. The log is written beside what it tells of.
  void WaitForLog(const ::testing::Matcher<const std::string&>& matcher);

  // Another configuration, where the first is not on a file of one's own.
  void Rewrite(const std::string& yaml) { file_.Replace(yaml); }

  void Signal(int signal) { process_.Signal(signal); }
  pid_t pid() const { return process_.pid(); }
  int WaitExit() { return process_.WaitExit(); }
  bool ended() { return process_.ended(); }
  std::string err() const { return process_.err(); }

 private:
  void AwaitReady();

  TemporaryFile file_;
  ChildProcess process_;
  std::vector<std::string> addresses_;
  std::string health_;
  std::string admin_;
  std::string dashboard_;
};

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_PROXY_PROCESS_H_
