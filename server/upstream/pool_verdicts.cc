// What the ends of calls say of their endpoints (ejection.h has the list). A success touches
// nothing that workers share unless a failure came before it.

#include "absl/strings/str_cat.h"
#include "server/upstream/pool.h"

namespace singleflight::upstream {

void Pool::Judge(Link& link, absl::optional<wire::StatusCode> code) {
  switch (VerdictOn(code)) {
    case Verdict::kGood: {
      std::atomic<uint32_t>& failures = link.shared().failures;
      if (failures.load(std::memory_order_relaxed) > 0) {
        failures.store(0, std::memory_order_relaxed);
      }
      return;
    }
    case Verdict::kBad:
      return Blame(link, absl::StrCat("status ", wire::NameOf(*code)));
    case Verdict::kNothing:
      return;
  }
}

void Pool::Judge(Link& link, const http2::Closed& closed) {
  switch (closed.why) {
    case http2::Closed::Why::kConnectionLost:
      if (link.BlameOnce())
        Blame(link, link.silent() ? "no answer to a PING" : "a lost connection");
      return;
    case http2::Closed::Why::kMalformed:
      return Blame(link, "a reply that breaks HTTP/2");
    case http2::Closed::Why::kOrderly:
      return Blame(link, "a stream that ended without a status");
    case http2::Closed::Why::kReset:
      if (closed.error == static_cast<uint32_t>(http2::ErrorCode::kInternalError)) {
        Blame(link, "a reset stream (INTERNAL_ERROR)");
      }
      return;
    case http2::Closed::Why::kNotProcessed:
    case http2::Closed::Why::kHeadersTooLarge:
    case http2::Closed::Why::kStalled:
      return;
  }
}

void Pool::JudgeUnanswered(Link& link, core::Unanswered why, const core::UpstreamTrip& trip) {
  if (Now() < base::After(trip.sent, kPatience)) return;  // it had no time to answer
  if (why == core::Unanswered::kFlightTimeout) return Blame(link, "flight_timeout");
  const bool silent = trip.first == base::Instant();
  if (why == core::Unanswered::kDeadline && silent) Blame(link, "a deadline without an answer");
}

// The others that fail at the same time begin to count anew, and are told no more if the endpoint
// is ejected by then.
void Pool::Blame(Link& link, absl::string_view what) {
  EndpointShared& shared = link.shared();
  if (!options_.ejection.has_value() || shared.ejected.load(std::memory_order_relaxed)) return;
  const uint32_t failures = shared.failures.fetch_add(1, std::memory_order_relaxed) + 1;
  if (failures < options_.ejection->failures) return;
  shared.failures.store(0, std::memory_order_relaxed);
  if (hooks_.on_failing) hooks_.on_failing(link.endpoint(), std::string(what));
}

// A connection to an endpoint that calls have left is of no use with pick_first.
void Pool::Reconsider() {
  ServeOrFailQueue();
  for (const std::shared_ptr<Link>& link : backends_.LinksWithoutCalls()) link->Retire();
}

}  // namespace singleflight::upstream
