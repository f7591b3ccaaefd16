// Tells whether a reply may be meant for one caller alone, the one whose credentials it answers
// (docs/semantics.md §3). Its status, `cache-control: private` and `set-cookie` say so, wherever
// they stand in the reply. What cannot be read may say so too.

#ifndef SINGLEFLIGHT_SERVER_CACHE_PRIVACY_H_
#define SINGLEFLIGHT_SERVER_CACHE_PRIVACY_H_

#include "server/model/reply.h"

namespace singleflight::cache {

bool MayBePrivate(const model::Reply& reply);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_PRIVACY_H_
