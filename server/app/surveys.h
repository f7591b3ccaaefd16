// What the workers have seen of keys, as the admin service tells it: the top keys, and why calls
// did not meet.
//
// Threads: the control thread's. Reading holds up no worker: one that would add meanwhile leaves a
// call out.

#ifndef SINGLEFLIGHT_SERVER_APP_SURVEYS_H_
#define SINGLEFLIGHT_SERVER_APP_SURVEYS_H_

#include "absl/time/time.h"
#include "server/app/ledgers.h"
#include "server/base/timer_queue.h"
#include "server/config/config.h"
#include "server/model/key_digest.h"
#include "singleflight/admin/v1/admin.pb.h"

namespace singleflight::app {

admin::v1::ListTopKeysResponse TopKeysOf(const Ledgers& ledgers, const model::KeyDigests& digests,
                                         const admin::v1::ListTopKeysRequest& request);

// The same moment by two clocks.
struct Moment {
  absl::Time wall;
  base::Instant steady;
};

// `config`, in force now, is what cures are for.
admin::v1::ListSplitsResponse SplitsOf(const Ledgers& ledgers, const config::Config& config,
                                       const Moment& now,
                                       const admin::v1::ListSplitsRequest& request);

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_SURVEYS_H_
