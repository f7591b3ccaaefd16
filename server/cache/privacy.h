#ifndef SINGLEFLIGHT_SERVER_CACHE_PRIVACY_H_
#define SINGLEFLIGHT_SERVER_CACHE_PRIVACY_H_

#include "server/model/reply.h"

namespace singleflight::cache {

// Whether a reply may be meant for the caller alone whose credentials it answers (docs/semantics.md
// §3): by its status, `cache-control: private` or `set-cookie`, wherever in the reply they stand.
// What cannot be read may say it.
bool MayBePrivate(const model::Reply& reply);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_PRIVACY_H_
