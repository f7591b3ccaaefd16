// What goes to a caller's stream: a reply with its marks, or a status of this program's own.

#ifndef SINGLEFLIGHT_SERVER_PROXY_REPLIER_H_
#define SINGLEFLIGHT_SERVER_PROXY_REPLIER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "server/http2/stream.h"
#include "server/model/headers.h"
#include "server/model/reply.h"
#include "server/wire/status.h"

namespace singleflight::proxy {

// Writes the blocks of one reply. A block that is larger than the client says it takes is not sent:
// the client would end its connection, with its other calls on it.
//
// Threads: the stream's. Must not outlive it.
class Replier {
 public:
  explicit Replier(http2::Stream& stream) : stream_(stream) {}

  // The first block; `marks` go behind it. False: the client does not take it, and nothing was
  // sent.
  bool SendFirst(model::HeadersView fields, bool end, absl::Span<const model::Field> marks);

  // A whole reply. False: as above, and nothing was sent.
  bool SendReply(const model::Reply& reply, absl::Span<const model::Field> marks);

  // Whether the client takes that block behind the first.
  bool TakesTrailers(model::HeadersView fields) const;

  // A status of this program's own. `begun`: behind a reply that has begun. A client that takes
  // little goes without the message.
  void SendStatus(wire::StatusCode code, absl::string_view message, bool begun);

  // Why a reply was not sent; `status`: the backend's.
  std::string WhyNotTaken(absl::optional<wire::StatusCode> status) const;

 private:
  http2::Stream& stream_;
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_REPLIER_H_
