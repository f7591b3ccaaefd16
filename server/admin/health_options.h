// `health:` of the configuration: where /livez, /readyz, /status and /metrics are served; empty:
// nowhere.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_HEALTH_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_ADMIN_HEALTH_OPTIONS_H_

#include <string>

namespace singleflight::admin {

struct HealthOptions {
  std::string address;  // ip:port, localhost:port or [v6]:port; port 0 takes a free one
  std::string where = "health.address";  // it stands there, for messages
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_HEALTH_OPTIONS_H_
