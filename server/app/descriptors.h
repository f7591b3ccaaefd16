// Shares out the descriptors that the process may have (RLIMIT_NOFILE): how many are for clients,
// and a warning where the configuration counts on more.

#ifndef SINGLEFLIGHT_SERVER_APP_DESCRIPTORS_H_
#define SINGLEFLIGHT_SERVER_APP_DESCRIPTORS_H_

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace singleflight::app {

// How many of the process's descriptors client connections may have. The others are kept back for
// what a proxy full of clients still has to do: to answer probes, to reach upstreams, to read
// files.
inline uint64_t DescriptorsForClients(uint64_t limit, size_t workers, size_t upstreams) {
  const uint64_t kept = 160 + workers * (8 + 2 * upstreams);
  return limit - std::min(kept, limit / 2);
}

inline void WarnOfDescriptors(uint64_t max_connections, uint64_t for_clients, uint64_t limit) {
  if (max_connections <= for_clients) return;
  spdlog::warn(
      "limits.max_connections ({}) is more than there are descriptors for: of {} (RLIMIT_NOFILE), "
      "{} are for clients, the others are kept back for upstreams and health pages; raise "
      "RLIMIT_NOFILE, or lower max_connections",
      max_connections, limit, for_clients);
}

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_DESCRIPTORS_H_
