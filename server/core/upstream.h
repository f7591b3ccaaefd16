#ifndef SINGLEFLIGHT_SERVER_CORE_UPSTREAM_H_
#define SINGLEFLIGHT_SERVER_CORE_UPSTREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/base/slice.h"
#include "server/base/timer_queue.h"
#include "server/core/flown.h"
#include "server/core/unanswered.h"
#include "server/memory/client.h"
#include "server/model/headers.h"
#include "server/model/request.h"
#include "server/trace/tracer.h"
#include "server/wire/status.h"

namespace singleflight::core {

// How an upstream call ended without a reply.
struct UpstreamFailure {
  enum class Kind {
    kNotStarted,   // upstream certainly did not begin; it may be sent again
    kLost,         // the connection went away; it may have been carried out
    kReset,        // upstream reset the stream with `reset_code`; it goes to the caller
    kRefused,      // its reply was not taken; the next would be no better
    kUnreachable,  // no connection; sending it again immediately would not help
    kNoRoom,       // a bound of the upstream was met; sending it again would add to that
    kCallersOwn,   // it was not sent, for a reason that concerns this caller alone: its client's
                   // share, or metadata that others need not have sent
  };
  Kind kind;
  uint32_t reset_code = 0;    // with kReset, RFC 9113 §7
  wire::StatusCode status;    // what a caller is told
  std::string message;        // names the upstream and the cause
  model::Headers block = {};  // with kRefused: the one that was not taken, as far as it was read
};

// Hears what becomes of one upstream call. After OnInitial with `end`, OnEnd or OnFailed nothing
// more is called. The call may be destroyed from within any of these.
class UpstreamEvents {
 public:
  // The reply's first block, with :status. `end`: a trailers-only reply.
  virtual void OnInitial(model::Headers fields, bool end) = 0;

  // Reply bytes. They hold the stream's window until UpstreamCall::Consume.
  virtual void OnData(absl::string_view bytes) = 0;

  // The reply is whole. `trailing` is empty where upstream ended without a trailer block.
  virtual void OnEnd(model::Headers trailing) = 0;

  // So many bytes of those given to Send have left for upstream.
  virtual void OnSent(size_t bytes) = 0;

  virtual void OnFailed(UpstreamFailure failure) = 0;

  // How many callers wait for the call. Asked while it waits, and never from within Start.
  virtual size_t wanted() const { return 1; }

 protected:
  ~UpstreamEvents() = default;
};

// One call to an upstream. Destroying it before its end cancels it (RST_STREAM CANCEL): its caller
// has left. Lives on one loop.
class UpstreamCall {
 public:
  virtual ~UpstreamCall() = default;

  // The same for another reason, which is counted. Afterwards nothing else may be called.
  virtual void Cancel(Unanswered why) = 0;

  // Request bytes, in order.
  virtual void Send(base::Slice bytes) = 0;

  // No more request bytes come; `trailing` is a trailer block that the caller sent, usually null.
  virtual void Finish(model::SharedHeaders trailing) = 0;

  // Callers of other clients want the call too. While it waits, it is nobody's share any more.
  virtual void Disown() = 0;

  // Opens the reply's window by so many bytes of those that OnData showed.
  virtual void Consume(size_t bytes) = 0;

  // From now on `events` hears what comes.
  virtual void SetEvents(UpstreamEvents& events) = 0;

  // How it has gone so far.
  virtual const UpstreamTrip& trip() const = 0;
};

// What a call to an upstream starts with.
struct UpstreamHead {
  std::shared_ptr<const model::Request> request;
  std::string authority;  // as sent upstream

  // What is left of it when the call is sent becomes grpc-timeout.
  absl::optional<base::Instant> deadline;

  std::string chain_hop;  // see model::Onward

  // How often the upstream may send the call again if it certainly had not started.
  int resends = 0;

  std::shared_ptr<memory::Client> client = nullptr;  // whose share it takes; null: nobody's

  bool again = false;  // its flight sends it once more, which is counted

  std::unique_ptr<trace::OpenSpan> span = nullptr;  // null: the call is not recorded

  int previous_attempts = 0;  // see model::Onward

  size_t wanted = 1;  // as UpstreamEvents::wanted() would say

  // The endpoint that comes last, as metrics call it; null: none.
  std::shared_ptr<const std::string> avoid = nullptr;
};

// A named backend, as seen from one loop.
class Upstream {
 public:
  virtual ~Upstream() = default;

  // Calls none of `events` before it returns. `events` outlives the call.
  virtual std::unique_ptr<UpstreamCall> Start(UpstreamHead head, UpstreamEvents& events) = 0;

  // The `:authority` that a call goes upstream with; lies in this or in the request.
  virtual absl::string_view AuthorityFor(const model::Request& request) const = 0;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_UPSTREAM_H_
