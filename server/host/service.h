// What the service manager that started this process (systemd, or what speaks as it does) has told
// it in its environment: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).

#ifndef SINGLEFLIGHT_SERVER_HOST_SERVICE_H_
#define SINGLEFLIGHT_SERVER_HOST_SERVICE_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace singleflight::host {

struct Service {
  // One that is open already, for this process to listen on.
  struct Descriptor {
    int fd;
    std::string name;  // FileDescriptorName= of its unit; "unknown": it has none
  };

  std::vector<Descriptor> descriptors;
  std::string notify_socket;              // where it wants to hear of the process; empty: nowhere
  std::chrono::microseconds watchdog{0};  // without a sign of life for so long it ends the process;
                                          // 0: it does not care
};

// A variable's value, or null.
using Variables = absl::FunctionRef<const char*(const char* name)>;

// What was meant for another process (`self` is this one) is nothing. The first of the descriptors
// is `first`; from now on they are not passed on to programs that this one starts.
absl::StatusOr<Service> ReadService(Variables variables, pid_t self, int first = 3);

// From the real environment.
absl::StatusOr<Service> ReadService();

}  // namespace singleflight::host

#endif  // SINGLEFLIGHT_SERVER_HOST_SERVICE_H_
