// What the process takes of the machine, as the system counts it.

#ifndef SINGLEFLIGHT_SERVER_HOST_PROCESS_USAGE_H_
#define SINGLEFLIGHT_SERVER_HOST_PROCESS_USAGE_H_

#include <cstdint>

namespace singleflight::host {

// What the system does not say is 0.
struct ProcessUsage {
  double cpu_seconds = 0;  // of all threads since the start, in user and system mode
  int64_t virtual_bytes = 0;
  int64_t open_descriptors = 0;
  int64_t started_at = 0;  // in Unix time, seconds
};

// Takes longer the more descriptors are open.
ProcessUsage TakeUsage();

}  // namespace singleflight::host

#endif  // SINGLEFLIGHT_SERVER_HOST_PROCESS_USAGE_H_
