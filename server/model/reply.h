#ifndef SINGLEFLIGHT_SERVER_MODEL_REPLY_H_
#define SINGLEFLIGHT_SERVER_MODEL_REPLY_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/base/slice.h"
#include "server/model/headers.h"
#include "server/wire/status.h"

namespace singleflight::model {

// Everything that a call got back. Immutable once shared: any number of callers on any threads read
// the same bytes.
struct Reply {
  Headers initial;   // with :status; in a trailers-only reply the one block
  base::Slice body;  // message frames as they came
  Headers trailing;  // empty: the last DATA, or `initial` if there was none, ended the stream
  bool trailers_only = false;

  // Kept for as long as the reply is, e.g. what counts its bytes.
  std::shared_ptr<const void> attachment;

  // `grpc-status`, wherever it stands. Nothing: upstream sent none, or none that is a code.
  absl::optional<wire::StatusCode> status() const;

  // Whether any block has a field of that name.
  bool Has(absl::string_view name) const;

  size_t Footprint() const;
};

// A trailers-only reply of this program's own. `message` names the upstream, where there is one,
// and the cause.
std::shared_ptr<const Reply> MakeStatusReply(wire::StatusCode code, absl::string_view message);

// Its one block.
Headers StatusFields(wire::StatusCode code, absl::string_view message);

// A copy for followers, which shares the body: without what is meant for one caller alone
// (`grpc-retry-pushback-ms`). Null: nothing differs.
std::shared_ptr<const Reply> FollowerCopy(const std::shared_ptr<const Reply>& reply);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_REPLY_H_
