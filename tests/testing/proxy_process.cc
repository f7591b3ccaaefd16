// The real proxy, in a process of its own.

#include "tests/testing/proxy_process.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/testing/http_get.h"
#include "tests/testing/metrics_text.h"

namespace singleflight::testing {

std::string ProxyBinary() {
  const char* chosen = std::getenv("SINGLEFLIGHT_PROXY");
  return chosen != nullptr && *chosen != '\0' ? chosen : SINGLEFLIGHT_PROXY_OF_THE_BUILD;
}

namespace {

// The configuration at `path`, if the proxy may have it. Distributions' gRPC does not tell
// ThreadSanitizer what its locks order, so that one run in many reports a race that is none: said
// in every run of a test that starts it (PITFALLS 45).
const std::string& WithoutGrpc(const std::string& path) {
  const char* is = std::getenv("SINGLEFLIGHT_PROXY_IS");
  if (is == nullptr || absl::string_view(is) != "thread") return path;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, "admin:") && !absl::StartsWith(line, "tracing:")) continue;
    throw std::runtime_error("gRPC would start in a proxy that ThreadSanitizer instruments, by '" +
                             line + "': this test wants the label admin");
  }
  return path;
}

}  // namespace

TemporaryFile::TemporaryFile(const std::string& text) {
  char name[] = "/tmp/singleflight-XXXXXX";
  const int fd = ::mkstemp(name);
  if (fd < 0) throw std::runtime_error("mkstemp");
  ::close(fd);
  path_ = name;
  std::ofstream(path_) << text;
}

void TemporaryFile::Replace(const std::string& text) {
  const std::string next = path_ + ".next";
  std::ofstream(next) << text;
  if (std::rename(next.c_str(), path_.c_str()) != 0) throw std::runtime_error("rename");
}

TemporaryFile::~TemporaryFile() { ::unlink(path_.c_str()); }

TemporaryPath::TemporaryPath() {
  char name[] = "/tmp/singleflight-XXXXXX";
  if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
  folder_ = name;
}

TemporaryPath::~TemporaryPath() {
  ::unlink(path().c_str());
  ::rmdir(folder_.c_str());
}

ProxyProcess::ProxyProcess(const std::string& yaml)
    : file_(yaml), process_({ProxyBinary(), "--config", WithoutGrpc(file_.path())}) {
  AwaitReady();
}

ProxyProcess::ProxyProcess(const std::string& yaml, const Redirections& redirections)
    : file_(yaml),
      process_({"/bin/bash", "-c",
                redirections.before + "; exec \"$0\" \"$@\" " + redirections.text, ProxyBinary(),
                "--config", WithoutGrpc(file_.path())}) {
  AwaitReady();
}

ProxyProcess::ProxyProcess(const std::string& config_path,
                           const std::vector<std::string>& environment)
    : file_(""), process_({ProxyBinary(), "--config", WithoutGrpc(config_path)}, environment) {
  AwaitReady();
}

// "singleflight-proxy ready: listening on A, B; health on C; admin (grpc) on D; admin (http) on E"
void ProxyProcess::AwaitReady() {
  const std::string line = process_.ReadLine();
  absl::string_view rest = line;
  if (!absl::ConsumePrefix(&rest, "singleflight-proxy ready: listening on ") ||
      !absl::ConsumeSuffix(&rest, "\n")) {
    throw std::runtime_error("the proxy is not ready: " + line + process_.err());
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(rest, "; ");
  addresses_ = absl::StrSplit(parts.front(), ", ");
  for (absl::string_view part : parts) {
    if (absl::ConsumePrefix(&part, "health on ")) health_ = std::string(part);
    if (absl::ConsumePrefix(&part, "admin (grpc) on ")) admin_ = std::string(part);
    if (absl::ConsumePrefix(&part, "admin (http) on ")) dashboard_ = std::string(part);
  }
}

int64_t ProxyProcess::Metric(const std::string& selector) const {
  return SumOf(HttpGet(health_, "/metrics").body, selector);
}

void ProxyProcess::WaitForMetric(const std::string& selector,
                                 const ::testing::Matcher<int64_t>& matcher) {
  const Deadline deadline;
  for (int64_t value; !matcher.Matches(value = Metric(selector)); process_.Breathe()) {
    if (!deadline.passed() && !process_.ended()) continue;
    throw std::runtime_error(selector + " is " + std::to_string(value) +
                             " for ever; the proxy said:\n" + process_.err());
  }
}

void ProxyProcess::WaitForLog(const ::testing::Matcher<const std::string&>& matcher) {
  const Deadline deadline;
  for (; !matcher.Matches(process_.err()); process_.Breathe()) {
    if (!deadline.passed() && !process_.ended()) continue;
    throw std::runtime_error("the log is for ever:\n" + process_.err());
  }
}

}  // namespace singleflight::testing
