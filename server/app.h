#ifndef SINGLEFLIGHT_SERVER_APP_H_
#define SINGLEFLIGHT_SERVER_APP_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace singleflight {

// The composition root: builds every part of the proxy from a configuration, in the order of their
// dependence, and takes them down in reverse. Threads: the one that made it; Run serves signals,
// health pages and name look-ups on it.
class App {
 public:
  // Binds every address. Upstreams that are not there yet are no failure. `seed` keys hashes and
  // jitter.
  static absl::StatusOr<std::unique_ptr<App>> Build(const config::Config& config, uint64_t seed);
  ~App();

  // "listening on …; health on …", with the ports that were chosen.
  std::string Announcement() const;

  // Serves until SIGTERM or SIGINT, then drains: no new connections, GOAWAY, running calls end
  // within drain_timeout. Returns the exit status: 0 when all calls ended by themselves, 1 when
  // some had to be cut off. A second signal ends the process at once.
  int Run();

 private:
  struct Parts;
  explicit App(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace singleflight

#endif  // SINGLEFLIGHT_SERVER_APP_H_
