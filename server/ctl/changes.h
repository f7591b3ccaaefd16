// The commands that change something. Errors: as in failure.h.

#ifndef SINGLEFLIGHT_SERVER_CTL_CHANGES_H_
#define SINGLEFLIGHT_SERVER_CTL_CHANGES_H_

#include "absl/status/status.h"
#include "server/ctl/job.h"

namespace singleflight::ctl {

absl::Status Purge(const Job& job);
absl::Status Reload(const Job& job);
absl::Status Drain(const Job& job);
absl::Status ShareAgain(const Job& job);
absl::Status SetLogLevel(const Job& job);

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_CHANGES_H_
