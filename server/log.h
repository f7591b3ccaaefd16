#ifndef SINGLEFLIGHT_SERVER_LOG_H_
#define SINGLEFLIGHT_SERVER_LOG_H_

#include "server/config/config.h"

namespace singleflight {

// Sends the log to stderr in the form that `options` ask for; again where they have changed.
void SetUpLog(const config::LogOptions& options);

}  // namespace singleflight

#endif  // SINGLEFLIGHT_SERVER_LOG_H_
