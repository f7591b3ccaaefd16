// The commands that ask and change nothing. Errors: as in failure.h.

#ifndef SINGLEFLIGHT_SERVER_CTL_ASKS_H_
#define SINGLEFLIGHT_SERVER_CTL_ASKS_H_

#include "absl/status/status.h"
#include "server/ctl/job.h"

namespace singleflight::ctl {

absl::Status ShowStats(const Job& job);
absl::Status ShowTop(const Job& job);
absl::Status ShowFlights(const Job& job);
absl::Status ShowRoutes(const Job& job);
absl::Status ShowUpstreams(const Job& job);
absl::Status ShowSplits(const Job& job);
absl::Status ShowEvents(const Job& job);
absl::Status ShowInfo(const Job& job);

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_ASKS_H_
