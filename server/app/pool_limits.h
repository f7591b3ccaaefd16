// What all pools of one upstream share to hold calls back, by the upstream's name: it outlives the
// configurations that name the upstream alike, and is there only where one of them asks for it.
//
// Threads: the control thread's.

#ifndef SINGLEFLIGHT_SERVER_APP_POOL_LIMITS_H_
#define SINGLEFLIGHT_SERVER_APP_POOL_LIMITS_H_

#include <map>
#include <memory>
#include <string>

#include "server/metrics/visitor.h"
#include "server/upstream/pool.h"
#include "singleflight/admin/v1/admin.pb.h"

namespace singleflight::app {

class PoolLimits {
 public:
  // Of that upstream; what there is goes on.
  upstream::Pool::Shared Of(const upstream::UpstreamOptions& options);

  // The options are in force from now on.
  static void Apply(const upstream::UpstreamOptions& options, const upstream::Pool::Shared& limits);

  // Forgets what nobody has any more.
  void ForgetGone();

  static void Show(const std::string& upstream, const upstream::Pool::Shared& limits,
                   metrics::Visitor& visitor);
  static void Describe(const upstream::Pool::Shared& limits, admin::v1::Upstream& upstream);

 private:
  // By name.
  std::map<std::string, std::weak_ptr<upstream::Breaker>> breakers_;
  std::map<std::string, std::weak_ptr<upstream::Concurrency>> concurrency_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_POOL_LIMITS_H_
