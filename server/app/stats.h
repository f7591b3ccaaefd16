// What the process has counted since it began, as the admin service tells it.

#ifndef SINGLEFLIGHT_SERVER_APP_STATS_H_
#define SINGLEFLIGHT_SERVER_APP_STATS_H_

#include <string>
#include <vector>

#include "server/app/ledgers.h"
#include "server/app/snapshot.h"
#include "server/app/workers.h"
#include "server/config/config.h"
#include "singleflight/admin/v1/admin.pb.h"

namespace singleflight::app {

struct StatsSources {
  const config::Config& config;  // in force
  const Ledgers& ledgers;
  const Shared& shared;
  const Workers& workers;
};

// All but the times. On the control thread.
admin::v1::Stats StatsOf(const StatsSources& from);

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_STATS_H_
