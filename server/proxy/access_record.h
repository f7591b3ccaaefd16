// One call as the access log tells of it, and the line that it becomes. docs/logs.md lists the
// fields for users, and a test compares that page with a whole line.
//
// What clients send is written escaped and cut off; whatever they send, a record is one line.

#ifndef SINGLEFLIGHT_SERVER_PROXY_ACCESS_RECORD_H_
#define SINGLEFLIGHT_SERVER_PROXY_ACCESS_RECORD_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/model/key_digest.h"
#include "server/proxy/access_log_options.h"

namespace singleflight::proxy {

// What a call has not is empty, and is not written.
struct AccessRecord {
  absl::string_view time;   // when it ended, as RFC 3339 writes it
  absl::string_view route;  // as metrics call it
  absl::string_view method;
  absl::string_view role;
  absl::string_view code;  // "NOT_FOUND"
  uint64_t duration_us = 0;
  uint64_t received = 0;  // bytes of messages
  uint64_t sent = 0;
  absl::string_view upstream;
  absl::string_view endpoint;
  absl::string_view peer;
  absl::optional<model::KeyDigest> key;
  absl::string_view trace;   // 32 hexadecimal digits
  absl::string_view leader;  // of a follower's leader, likewise
};

// Of a text, the bytes that are written.
inline constexpr size_t kLongestAccessText = 256;

// No line is longer: it has fewer than 16 fields, a byte becomes six at most, "\u001b", and names
// are short.
inline constexpr size_t kLongestAccessLine = 16 * (6 * kLongestAccessText + 32);

// Writes the line, its end included, to where there is room for kLongestAccessLine. Returns where
// it ends.
char* WriteAccessLine(AccessLogFormat format, const AccessRecord& record, char* out);

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_ACCESS_RECORD_H_
