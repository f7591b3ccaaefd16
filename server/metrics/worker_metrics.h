// What one worker counts: for each route, for each upstream, and for its client connections; and
// the reasons that it counts by.

#ifndef SINGLEFLIGHT_SERVER_METRICS_WORKER_METRICS_H_
#define SINGLEFLIGHT_SERVER_METRICS_WORKER_METRICS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/metrics/bounds.h"
#include "server/metrics/cell.h"
#include "server/metrics/refused.h"
#include "server/metrics/visitor.h"

namespace singleflight::metrics {

// Why a call on a collapse route went alone. Each value is relayed.
enum class Bypass : uint8_t {
  kSecondMessage,    // the caller sent a second message
  kOpenEnded,        // a message was complete, but the caller's side stayed open
  kRequestTooLarge,  // more bytes than collapse.max_request_bytes
  kNoMessage,        // the caller's side ended without exactly one well-formed message
  kStreamingMethod,  // the method turned out to stream a short while ago
  kLargeReply,       // the key's reply turned out to be too large to share a short while ago
  kSlowRequest,      // the request was not whole within limits.request_timeout
  kKeptEncoding,     // neither the caller nor this program can read the encoding of what is kept
};
inline constexpr size_t kBypasses = 8;

// Why waiters of a flight were released to make their own calls.
enum class Release : uint8_t {
  kReplyStreams,   // the reply has a second message or does not end
  kReplyTooLarge,  // it is larger than collapse.max_reply_bytes
  kReplyPrivate,   // it is meant for one caller, and the route shares across credentials
  kReplyEncoding,  // neither the waiter nor this program can read its encoding, or it is about the
                   // encoding of the leader's request
  kLeaderRefused,  // the call was not sent, for a reason that concerns the leader alone
};
inline constexpr size_t kReleases = 5;

// As labels say it: "second_message".
absl::string_view NameOf(Bypass why);
absl::string_view NameOf(Release why);

// Why a released waiter was refused instead of making a call of its own.
enum class GateRefusal : uint8_t {
  kFlightTimeout,  // it was not its turn within collapse.flight_timeout
  kQueueFull,      // as many of its key were waiting as may
};
inline constexpr size_t kGateRefusals = 2;

absl::string_view NameOf(GateRefusal why);

// Why a reply is not kept.
enum class StoreRefusal {
  kStatus,       // it is not OK, or says so more than once, or the HTTP status is not 200
  kNotWhole,     // its body is not exactly one message, or is compressed and nothing says how
  kVary,         // it depends on metadata that the key leaves out, or its vary is malformed
  kNoStore,      // its cache-control forbids it, or is malformed, or contradicts itself
  kPrivate,      // it is meant for one caller: cache-control: private, set-cookie
  kStale,        // it was as old as it may get when it came, or its age is malformed
  kGroups,       // its cache-groups are malformed, or more than can be remembered
  kTooLarge,     // larger than cache.max_entry_bytes
  kPurged,       // what it answers was purged while it was in the air
  kSuperseded,   // the reply to a later call is kept
  kNotAdmitted,  // it would have to push out entries that are worth more
};
inline constexpr size_t kStoreRefusals = 11;

// Why a compressed message is not inflated.
enum class InflationRefusal {
  kEncoding,   // not gzip, not deflate, or none is named
  kCorrupt,    // not one whole stream
  kPastBound,  // more than max_request_bytes, or max_reply_bytes
  kNoRoom,     // past max_held_bytes
};
inline constexpr size_t kInflationRefusals = 4;

// What became of one kind of compressed messages. Those of requests are inflated for their keys,
// and for callers that are released with a message that another one encoded. Those of replies are
// inflated for callers that do not accept their encoding. One inflation may serve many callers.
struct InflationMetrics {
  Counter inflated;
  std::array<Counter, kInflationRefusals> refusals;

  void Show(const std::string& route, const std::string& of, Visitor& visitor) const;
};

// One route on one worker. Every call on the route is counted once in `calls` and once in exactly
// one of hits, leaders, followers, relays, bypasses and departed. A member is a count by itself, so
// they are many.
struct RouteMetrics {
  Counter calls;
  Counter hits;
  Counter leaders;
  Counter followers;
  Counter relays;
  std::array<Counter, kBypasses> bypasses;
  Counter departed;  // the caller left before its request was whole
  Counter saved;     // hits, and followers that got a flight's reply
  Counter superseded;
  Counter deadline_exceeded;
  Counter resource_exhausted;
  std::array<Counter, kReleases> released;
  std::array<Counter, kGateRefusals> release_refusals;
  Counter stores;  // replies that were kept
  std::array<Counter, kStoreRefusals> refusals;
  Counter invalidations;  // groups that replies told to drop
  InflationMetrics request_inflation;
  InflationMetrics reply_inflation;
  PowerHistogram waiters_per_flight;

  void Show(const std::string& route, Visitor& visitor) const;
};

// The gRPC codes, and "none" for whole replies without a status.
inline constexpr size_t kCallOutcomes = 18;

// Why the beginning or the end of a reply was not taken.
enum class ReplyRefusal : uint8_t {
  kHeaderBytes,  // past max_reply_header_bytes; the caller gets RESOURCE_EXHAUSTED
  kMalformed,    // it breaks HTTP/2; the caller gets INTERNAL
  kBinary,       // its binary metadata is no base64; likewise
};
inline constexpr size_t kReplyRefusals = 3;

// What ended an upstream call that was not answered.
enum class Unanswered : uint8_t {
  kDeadline,        // its caller's deadline passed, or that of the last one aboard its flight
  kFlightTimeout,   // its flight's time was over: collapse.flight_timeout
  kCancelled,       // its caller has left
  kBound,           // a bound of this program ended it, which the caller's status names
  kReset,           // the backend reset its stream, or ended it without a status
  kRefused,         // the backend had not begun with it, and it is not sent again
  kConnectionLost,  // its connection ended
  kPingTimeout,     // likewise, because the backend answered no PING
  kMalformed,       // its reply was refused here: it breaks HTTP/2, or its metadata breaks gRPC
  kUnreachable,     // it got no connection
  kNoRoom,          // max_pending_calls were waiting
  kClientShare,     // more than half of them were its client's, and the rest is for others
};
inline constexpr size_t kUnanswered = 12;

// One upstream on one worker. Every call that begins is, once it has ended, counted once in
// `calls` or once in `unanswered`; a flight that sends its call once more begins another.
struct UpstreamMetrics {
  Counter begun;
  std::array<Counter, kCallOutcomes> calls;     // by the status that came back
  std::array<Counter, kUnanswered> unanswered;  // by what ended them
  Gauge active;                                 // calls that have a stream
  Gauge pending;                                // calls that wait for one
  Counter resent;
  std::array<Counter, kReplyRefusals> replies_refused;
  Counter connects;
  Counter connect_failures;
  Counter tls_handshakes_full;
  Counter tls_handshakes_resumed;
  Gauge connections;
  Counter pings;
  Counter connections_silent;

  void Show(const std::string& upstream, Visitor& visitor) const;
};

// How a TLS handshake ended.
enum class Handshake : uint8_t {
  kFull,
  kResumed,   // short, by a session that both sides knew
  kFailed,    // the debug log says why
  kTimedOut,  // not over in time
};
inline constexpr size_t kHandshakes = 4;

// Client connections of one worker.
struct DownstreamMetrics {
  Counter connections_accepted;
  Gauge connections;
  Gauge streams;
  std::array<Counter, kRefusedReasons> requests_refused;
  Counter requests_unrouted;  // no route matches
  std::array<Counter, kHandshakes> tls_handshakes;
  Counter resets;       // streams that clients reset
  BoundMetrics bounds;  // limits that clients met

  void Show(Visitor& visitor) const;
};

// All that one worker counts under one configuration. A route or upstream that has the same name in
// the next configuration goes on counting there.
struct WorkerMetrics {
  WorkerMetrics() = default;

  // All counts begin at zero.
  WorkerMetrics(size_t routes, size_t upstreams);

  std::shared_ptr<DownstreamMetrics> downstream;
  std::vector<std::shared_ptr<RouteMetrics>> routes;        // by index in the configuration
  std::vector<std::shared_ptr<UpstreamMetrics>> upstreams;  // likewise
};

}  // namespace singleflight::metrics

#endif  // SINGLEFLIGHT_SERVER_METRICS_WORKER_METRICS_H_
