// The end of a call, and who hears of it.
//
// Every call that a client makes ends in one place, Call::~Call: when the last of its reply has
// been written, when it is reset, or when its connection has gone. What is counted of every call is
// counted there, from what a Call has anyway. What only observers need is in CallDetails, which a
// call has if somebody observes or it is traced: else that costs it a few tests of a null pointer.
//
// Threads: an observer hears of a call on the call's worker, so it must be ready for all of them
// together, and must neither wait nor call back. Ownership: a configuration's (CallContext).

#ifndef SINGLEFLIGHT_SERVER_PROXY_CALL_END_H_
#define SINGLEFLIGHT_SERVER_PROXY_CALL_END_H_

#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/base/timer_queue.h"
#include "server/core/call_role.h"
#include "server/core/flown.h"
#include "server/core/route.h"
#include "server/model/request.h"
#include "server/trace/tracer.h"
#include "server/wire/status.h"

namespace singleflight::proxy {

using core::CallRole;

// What is known of a call for the sake of its observers only.
struct CallDetails {
  int64_t request_bytes = 0;  // of messages, as framed; that came
  int64_t reply_bytes = 0;    // likewise; that were written to the caller's connection

  // The hash of its key; 0: it was not asked for. Shown as a digest only (model::KeyDigests).
  uint64_t key = 0;

  // The flight that answered it, a leader or a follower; null: none did.
  std::shared_ptr<const core::Flown> flight;

  // The upstream call that it made itself: as a relay, or because its flight could not serve it.
  core::UpstreamTrip own_trip;

  // Its span, until it ends; null: it is not recorded (docs/tracing.md).
  std::unique_ptr<trace::OpenSpan> span;

  // What an observer keeps of a call between its begin and its end.
  std::shared_ptr<void> kept;
};

struct CallEnd {
  const model::Request* request;  // null: it was no gRPC call
  const core::Route* route;       // null: no route took it
  CallRole role;
  absl::optional<wire::StatusCode> code;  // that its caller was told; nothing: it had left before
  base::Instant began;                    // its header block had come
  absl::Duration took;                    // since then; 0: all of it was in one turn of the loop
  absl::string_view peer;                 // as logs name it
  CallDetails& details;
};

class CallObserver {
 public:
  virtual ~CallObserver() = default;

  // The header block of a call has come, and is a request. Its route is not known yet.
  virtual void OnCallBegan(const model::Request& request, CallDetails& details) = 0;

  // Once for every call, also for one that did not get as far as OnCallBegan.
  virtual void OnCallEnded(const CallEnd& end) = 0;
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_CALL_END_H_
