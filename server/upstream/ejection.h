// When an endpoint is left out because calls to it fail in a row, and for how long.
//
// Workers count failures in a row together (EndpointShared), and tell the control thread when there
// are enough (Pool::Blame). That one decides, so that no two decide at the same time that theirs is
// not the last endpoint; what it decides, workers read with the next call.
//
//   bad           status UNAVAILABLE; a lost connection, once for all of its calls; a stream that
//                 was reset with INTERNAL_ERROR, or ended without a reply; a reply that breaks
//                 HTTP/2; flight_timeout, if the call had its stream for a second; a caller's
//                 deadline, if nothing came in such a time
//   good          any other status
//   says nothing  DEADLINE_EXCEEDED and CANCELLED, no status at all, and other resets: a caller's
//                 own short deadline or odd request brings them about, and one caller must not
//                 eject for all
//
// A failure to connect is not among them: an endpoint that cannot be connected to gets no calls.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_EJECTION_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_EJECTION_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/base/timer_queue.h"
#include "server/wire/status.h"

namespace singleflight::upstream {

struct EjectionOptions {
  uint32_t failures = 5;                    // in a row
  absl::Duration time = absl::Seconds(10);  // of the first; each further one in a row doubles it
  uint32_t max_share = 500'000;             // of the endpoints, in millionths
  absl::Duration slow_start = absl::Seconds(10);  // afterwards; zero: it has its whole share again

  bool operator==(const EjectionOptions&) const = default;
};

// What a status says of the endpoint that it came from; nothing: a reply without one.
enum class Verdict { kGood, kBad, kNothing };
Verdict VerdictOn(absl::optional<wire::StatusCode> code);

// So long a call has to have had its stream, if its deadline or flight_timeout is to count.
inline constexpr absl::Duration kPatience = absl::Seconds(1);

inline constexpr absl::Duration kLongestEjection = absl::Minutes(5);

// The ejections of one endpoint.
class Ejections {
 public:
  // Begins one, and returns for how long.
  absl::Duration Begin(const EjectionOptions& options, base::Instant now);
  void End(base::Instant now);

  bool ejected() const { return until_.has_value(); }
  absl::optional<base::Instant> until() const { return until_; }
  uint64_t count() const { return count_; }

 private:
  uint64_t count_ = 0;
  int in_a_row_ = 0;
  absl::Duration latest_;  // how long it took
  base::Instant ended_;
  absl::optional<base::Instant> until_;
};

// Whether one more of `all` may be ejected beside `ejected`. One may always: shares of few
// endpoints would be none.
bool MayEjectOneMore(const EjectionOptions& options, size_t all, size_t ejected);

// What share of its turns an endpoint takes that came back at `back`: it grows from a tenth to 1.
double ShareAfterReturn(base::Instant back, absl::Duration slow_start, base::Instant now);

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_EJECTION_H_
