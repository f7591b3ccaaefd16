#ifndef SINGLEFLIGHT_SERVER_HOST_PROCESS_H_
#define SINGLEFLIGHT_SERVER_HOST_PROCESS_H_

#include <cstdint>

namespace singleflight::host {

// Call first. Where the process began without a standard descriptor (0 to 2), the next file or
// socket would become it, and code that means the log would write to it. Each is opened on
// /dev/null.
void OpenStandardDescriptors();

// Prepares the process for serving: as many descriptors as it may have (each connection is one); a
// peer that is gone, a closed stderr or a full disk is an error of the write and not a signal;
// signals that mean nothing here do nothing; SIGHUP waits for whoever awaits it. Call before there
// are threads.
void PrepareProcess();

// How many descriptors the process may have open.
uint64_t DescriptorLimit();

// How much memory the process takes now; 0: the system does not say.
uint64_t ResidentBytes();

}  // namespace singleflight::host

#endif  // SINGLEFLIGHT_SERVER_HOST_PROCESS_H_
