// The body of a request while it may be one message: bytes come in, what to do next goes out.

#ifndef SINGLEFLIGHT_SERVER_PROXY_COLLECTOR_H_
#define SINGLEFLIGHT_SERVER_PROXY_COLLECTOR_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "server/base/slice.h"
#include "server/core/gathered.h"
#include "server/memory/buffered.h"
#include "server/wire/message.h"

namespace singleflight::proxy {

// Gathers the bytes of one request and says when they are whole, or can be no message to share.
// They count for the process and for the caller's client while this has them.
//
// Threads: its loop's.
class Collector {
 public:
  // What comes next.
  enum class Next {
    kMore,       // wait for more bytes, or for the end
    kWhole,      // one message is there, and its caller's end may be on its way
    kSecond,     // a second message has begun: the call goes on alone
    kMalformed,  // these are no gRPC messages: the same
    kLong,       // more than max_request_bytes: the same
    kOversized,  // a message of more than max_message_bytes: the call is refused
  };

  struct Bounds {
    uint64_t max_message_bytes;
    size_t max_request_bytes;
  };

  Collector(memory::Buffered& buffered, std::shared_ptr<memory::Client> client)
      : counted_(buffered), of_client_(std::move(client)) {}

  Next Append(absl::string_view more, const Bounds& bounds);

  // Whether what is there is exactly one message.
  bool whole() const { return scanner_.ExactlyOne(); }

  absl::string_view bytes() const { return shared_.empty() ? gathered_.view() : shared_.view(); }
  const wire::MessageScanner& scanner() const { return scanner_; }

  // Gives the bytes away.
  std::string Take() { return gathered_.Take(); }

  // Gives them to others, and has them, too.
  const base::Slice& Share() {
    if (shared_.empty()) shared_ = base::Slice(gathered_.Take());
    return shared_;
  }

 private:
  core::Gathered gathered_;
  base::Slice shared_;  // what has been gathered, once it is shared
  memory::Buffered::Part counted_;
  memory::ClientBytes of_client_;
  wire::MessageScanner scanner_;
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_COLLECTOR_H_
