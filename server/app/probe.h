// Asks a health page (`singleflight-proxy --probe URL`), for containers that have nothing else to
// ask with.

#ifndef SINGLEFLIGHT_SERVER_APP_PROBE_H_
#define SINGLEFLIGHT_SERVER_APP_PROBE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace singleflight::app {

// OK: the page at `url` ("http://127.0.0.1:9900/readyz") answered with status 200 within 3 s.
// InvalidArgument: that is no such URL. Unavailable: it says why not. Blocks.
absl::Status Probe(absl::string_view url);

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_PROBE_H_
