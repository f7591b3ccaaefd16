#ifndef SINGLEFLIGHT_SERVER_CORE_REQUEST_TAGS_H_
#define SINGLEFLIGHT_SERVER_CORE_REQUEST_TAGS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/core/route.h"
#include "server/model/request.h"

namespace singleflight::core {

// The tags that `cache.tags` of `route` gives the reply to a request of one message, `frame` as on
// the wire. Nothing: they cannot be told, or are too many, so a purge of one of them could miss the
// reply, which is not kept.
absl::optional<std::vector<std::string>> RequestTags(const Route& route,
                                                     const model::Request& request,
                                                     absl::string_view frame);

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_REQUEST_TAGS_H_
