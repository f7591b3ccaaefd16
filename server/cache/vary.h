#ifndef SINGLEFLIGHT_SERVER_CACHE_VARY_H_
#define SINGLEFLIGHT_SERVER_CACHE_VARY_H_

#include "server/model/key.h"
#include "server/model/reply.h"

namespace singleflight::cache {

// Whether the `vary` fields of a reply, in either block, say that it depends on metadata that its
// key leaves out (RFC 9110 §12.5.5), or may say so, because they are malformed. How callers encode
// is none of it: each gets what he can read.
bool VariesBeyond(const model::Reply& reply, const model::KeyPolicy& policy);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_VARY_H_
