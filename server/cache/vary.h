// Tells whether a reply depends on metadata that its key leaves out: its `vary` fields (RFC 9110
// §12.5.5), in either block, say so, or may say so because they are malformed. Metadata about
// encodings does not matter here, because each caller gets a reply that it can read.

#ifndef SINGLEFLIGHT_SERVER_CACHE_VARY_H_
#define SINGLEFLIGHT_SERVER_CACHE_VARY_H_

#include "server/model/key.h"
#include "server/model/reply.h"

namespace singleflight::cache {

bool VariesBeyond(const model::Reply& reply, const model::KeyPolicy& policy);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_VARY_H_
