#include "server/config/collapse_options.h"

#include "server/config/bounds.h"
#include "server/config/retry_options.h"

namespace singleflight::config {

namespace {

void ReadRules(Mapping& in, core::CollapseOptions& out) {
  in.Choice("methods", &out.methods,
            {{"all", core::SharedMethods::kAll}, {"idempotent", core::SharedMethods::kIdempotent}});
  in.Duration("flight_timeout", &out.flight_timeout, kShortest, kLongest);
  in.Duration("max_join_age", &out.max_join_age, kShortest, kLongest);
  in.Choice(
      "join", &out.join,
      {{"in_flight", core::JoinRule::kInFlight}, {"before_start", core::JoinRule::kBeforeStart}});
  in.Choice("on_abandon", &out.on_abandon,
            {{"cancel", core::OnAbandon::kCancel}, {"complete", core::OnAbandon::kComplete}});
  if (out.gathers() && out.on_abandon == core::OnAbandon::kComplete) {
    in.Refuse(in.PlaceOf("on_abandon"),
              "lets a call go on for newcomers, and under \"join: before_start\" none may join a "
              "call that was sent; remove one of them");
  }
  in.Flag("unary", &out.unary);
  in.Duration("open_reply_grace", &out.open_reply_grace, kShortest, kLongest);
  if (out.unary && in.Has("open_reply_grace")) {
    in.Refuse(in.PlaceOf("open_reply_grace"),
              "does nothing beside unary: true; remove one of them");
  }
  in.Number("max_waiters", &out.max_waiters, 1, kMostCalls);
  in.Size("max_request_bytes", &out.max_request_bytes, 1, kLargestMessage);
  in.Size("max_reply_bytes", &out.max_reply_bytes, 1, kLargestMessage);
  ReadHedge(in, out.hedge);
}

}  // namespace

bool ReadCollapse(Mapping& in, core::CollapseOptions& out) {
  bool idempotent = false;
  const bool on = in.SwitchOrSection("collapse", [&](Mapping& section) { ReadRules(section, out); },
                                     false, {"idempotent", &idempotent});
  if (idempotent) out.methods = core::SharedMethods::kIdempotent;
  return on;
}

}  // namespace singleflight::config
