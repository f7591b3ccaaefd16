// `access_log:` of the configuration.

#ifndef SINGLEFLIGHT_SERVER_PROXY_ACCESS_LOG_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_PROXY_ACCESS_LOG_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace singleflight::proxy {

enum class AccessLogFormat {
  kText,  // name=value, a call a line
  kJson,  // one object a line
};

inline constexpr char kStandardError[] = "stderr";
inline constexpr uint32_t kEveryCall = 1'000'000;

// A call is written if `errors`, `slower_than` or `sample` says
// so; if the configuration has none of the three, every call is.
struct AccessLogOptions {
  std::string to = {};  // kStandardError, or the path of a file
  AccessLogFormat format = AccessLogFormat::kText;
  bool errors = false;  // what ended with another status than OK
  absl::optional<absl::Duration> slower_than = {};
  absl::optional<uint32_t> sample = {};  // so many calls of a million, whatever they are
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_ACCESS_LOG_OPTIONS_H_
