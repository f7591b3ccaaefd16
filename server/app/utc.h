// Writes instants for status pages and logs.

#ifndef SINGLEFLIGHT_SERVER_APP_UTC_H_
#define SINGLEFLIGHT_SERVER_APP_UTC_H_

#include <string>

#include "absl/time/time.h"

namespace singleflight::app {

// As people and programs read it: RFC 3339, to the second.
inline std::string Utc(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_UTC_H_
