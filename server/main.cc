// singleflight-proxy: flags, configuration, App, serve, drain.

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/app/app.h"
#include "server/app/flags.h"
#include "server/app/log.h"
#include "server/app/probe.h"
#include "server/config/load.h"
#include "server/host/process.h"
#include "server/host/service.h"

// Read by jemalloc before main: memory that is not used goes back to the system in its time
// (docs/decisions.md, "13. jemalloc, with a thread of its own").
extern "C" {
const char* malloc_conf =
    "tcache_max:4096,background_thread:true,max_background_threads:1,dirty_decay_ms:5000";
}

// Before anything else of the process runs: libraries open descriptors while they are loaded, and
// one that is closed at the start would be theirs then.
extern "C" {
__attribute__((section(".preinit_array"), used)) void (*open_standard_descriptors)() =
    singleflight::host::OpenStandardDescriptors;
}

namespace singleflight::app {
namespace {

constexpr int kUsageError = 2;

// The last word of a program that was called by hand.
int Complain(absl::string_view message) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
  return kUsageError;
}

// What is wrong comes in the form that the file wants for the log.
absl::StatusOr<config::Loaded> Load(const std::string& path, Log& log) {
  config::LogOptions form;
  absl::StatusOr<config::Loaded> loaded = config::LoadFile(path, &form);
  log.SetUp(form);
  if (!loaded.ok()) log.Complain(config::LogLevel::kError, loaded.status().message());
  return loaded;
}

int Check(const std::string& path) {
  Log log;
  const absl::StatusOr<config::Loaded> loaded = Load(path, log);
  if (!loaded.ok()) return kUsageError;
  for (const std::string& warning : loaded->warnings) {
    log.Complain(config::LogLevel::kWarning, absl::StrCat("warning: ", warning));
  }
  std::printf("%s: ok\n", path.c_str());
  return 0;
}

int ProbeAt(const std::string& url) {
  const absl::Status status = Probe(url);
  if (status.ok()) return 0;
  Complain(status.message());
  return absl::IsInvalidArgument(status) ? kUsageError : 1;
}

Entropy DrawEntropy() {
  std::random_device device;
  const auto draw = [&] { return static_cast<uint64_t>(device()) << 32 | device(); };
  return {draw(), {draw(), draw()}, draw(), draw(), draw()};
}

// From here on nothing that is said waits for its reader.
int Serve(const std::string& path) {
  const absl::StatusOr<host::Service> service = host::ReadService();
  if (!service.ok()) return Complain(service.status().message());
  host::PrepareProcess();
  Log log;
  const absl::StatusOr<config::Loaded> loaded = Load(path, log);
  if (!loaded.ok()) return kUsageError;
  for (const std::string& warning : loaded->warnings) spdlog::warn("{}", warning);
  absl::StatusOr<std::unique_ptr<App>> app = App::Build(
      *loaded, {path, DrawEntropy(), absl::Now, &log, std::chrono::steady_clock::now, *service});
  if (!app.ok()) {
    spdlog::error("{}", std::string(app.status().message()));
    return kUsageError;
  }
  log.Announce(absl::StrCat("singleflight-proxy ready: ", (*app)->Announcement()));
  return (*app)->Run();
}

int Main(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Flags> flags = ParseFlags(arguments);
  if (!flags.ok()) return Complain(flags.status().message());
  switch (flags->action) {
    case Flags::Action::kPrint:
      std::fputs(flags->text.c_str(), stdout);
      return 0;
    case Flags::Action::kCheck:
      return Check(flags->config);
    case Flags::Action::kProbe:
      return ProbeAt(flags->text);
    case Flags::Action::kServe:
      return Serve(flags->config);
  }
  return kUsageError;
}

}  // namespace
}  // namespace singleflight::app

int main(int argc, char** argv) {
  return singleflight::app::Main(std::vector<std::string>(argv + 1, argv + argc));
}
