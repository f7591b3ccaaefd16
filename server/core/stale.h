// Which failures of upstream are worse than a kept reply whose time is over (RFC 5861 §4).
//
// A status that is about the call, or about its caller, is an answer and no failure: it reaches
// callers, and what was kept before it is dropped. A bound of this program counts by the status
// that callers would be told.

#ifndef SINGLEFLIGHT_SERVER_CORE_STALE_H_
#define SINGLEFLIGHT_SERVER_CORE_STALE_H_

#include "server/core/upstream.h"
#include "server/model/reply.h"

namespace singleflight::core {

bool ToleratesFailure(const UpstreamFailure& failure);

// Of a reply that came. False: it is no failure.
bool ToleratesFailure(const model::Reply& reply);

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_STALE_H_
