// A request while it may be one message: its bytes come in, and what to do next goes out.

#ifndef SINGLEFLIGHT_SERVER_PROXY_COLLECTOR_H_
#define SINGLEFLIGHT_SERVER_PROXY_COLLECTOR_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "server/base/loop.h"
#include "server/core/gathered.h"
#include "server/memory/buffered.h"
#include "server/wire/message.h"

namespace singleflight::proxy {

// Gathers the bytes of one request and says when they are whole, or can be no message to share.
// They count for the process and for the caller's client while this has them.
//
// Time: two waits, one after the other: for the message, then for the caller's end behind it.
// Threads: its loop's.
class Collector {
 public:
  // What comes next.
  enum class Next {
    kMore,       // wait for more bytes, or for the end
    kWhole,      // one message is there, and its caller's end may be on its way: AwaitEnd
    kSecond,     // a second message has begun: the call goes on alone
    kMalformed,  // these are no gRPC messages: the same
    kLong,       // more than max_request_bytes: the same
    kOversized,  // a message of more than max_message_bytes: the call is refused
  };

  struct Bounds {
    uint64_t max_message_bytes;
    size_t max_request_bytes;
  };

  // `on_time`: called when a wait is over; small (base::Timer).
  template <typename OnTime>
  Collector(base::Loop& loop, memory::Buffered& buffered, std::shared_ptr<memory::Client> client,
            OnTime on_time)
      : counted_(buffered), of_client_(std::move(client)), timer_(loop.timers(), on_time) {}

  Next Append(absl::string_view more, const Bounds& bounds);

  // Waits for the message.
  void AwaitMessage(base::Instant until) { timer_.Set(until); }

  // Waits for the end. A caller of a unary method ends its side together with its message; one that
  // has not a moment later streams.
  void AwaitEnd(base::Instant now);

  void Stop() { timer_.Cancel(); }

  // Whether what is there is exactly one message.
  bool whole() const { return scanner_.ExactlyOne(); }

  absl::string_view bytes() const { return gathered_.view(); }
  const wire::MessageScanner& scanner() const { return scanner_; }

  // Gives the bytes away.
  std::string Take() { return gathered_.Take(); }

 private:
  core::Gathered gathered_;
  memory::Buffered::Part counted_;
  memory::ClientBytes of_client_;
  wire::MessageScanner scanner_;
  base::Timer timer_;
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_COLLECTOR_H_
