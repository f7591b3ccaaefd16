// Reads the sections by which operators see and steer: traffic does not depend on them. They are
// called from draft.cc, which lists all that a file may say.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_OPERATOR_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_OPERATOR_OPTIONS_H_

#include "server/config/draft.h"

namespace singleflight::config {

void ReadHealth(Mapping& in, Draft& draft);
void ReadAdmin(Mapping& in, Draft& draft);
void ReadLog(Mapping& in, LogOptions& out);
void ReadAccessLog(Mapping& in, proxy::AccessLogOptions& out);
void ReadTracing(Mapping& in, Draft& draft);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_OPERATOR_OPTIONS_H_
