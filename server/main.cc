// singleflight-proxy: flags, configuration, App, serve, drain.

#include <spdlog/spdlog.h>

#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "server/app/app.h"
#include "server/config/load.h"
#include "server/flags.h"
#include "server/log.h"
#include "server/net/process.h"

// Read by jemalloc before main. Tables that grow by doubling leave their former sizes behind; those
// go back at once, instead of into a cache of the thread's: with 10,000 waiters they were 7 %.
extern "C" {
const char* malloc_conf = "tcache_max:4096";
}

namespace singleflight {
namespace {

constexpr int kUsageError = 2;

int Complain(absl::string_view message) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
  return kUsageError;
}

int Serve(const std::string& path, const config::Loaded& loaded) {
  net::PrepareProcess();
  std::random_device entropy;
  const uint64_t seed = static_cast<uint64_t>(entropy()) << 32 | entropy();
  absl::StatusOr<std::unique_ptr<App>> app = App::Build(loaded, {path, seed, absl::Now});
  if (!app.ok()) return Complain(app.status().message());
  std::printf("singleflight-proxy ready: %s\n", (*app)->Announcement().c_str());
  std::fflush(stdout);
  return (*app)->Run();
}

int Main(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Flags> flags = ParseFlags(arguments);
  if (!flags.ok()) return Complain(flags.status().message());
  if (flags->action == Flags::Action::kPrint) {
    std::fputs(flags->text.c_str(), stdout);
    return 0;
  }
  const absl::StatusOr<config::Loaded> loaded = config::LoadFile(flags->config);
  if (!loaded.ok()) return Complain(loaded.status().message());
  SetUpLog(loaded->config.log);
  for (const std::string& warning : loaded->warnings) spdlog::warn("{}", warning);
  if (flags->action == Flags::Action::kServe) return Serve(flags->config, *loaded);
  std::printf("%s: ok\n", flags->config.c_str());
  return 0;
}

}  // namespace
}  // namespace singleflight

int main(int argc, char** argv) {
  return singleflight::Main(std::vector<std::string>(argv + 1, argv + argc));
}
