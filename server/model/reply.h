// Everything that a call got back: views of bytes that never change, and what keeps these alive. So
// any number of callers on any threads read the same bytes, whether a flight gathered them or the
// cache holds them. Cheap to copy.

#ifndef SINGLEFLIGHT_SERVER_MODEL_REPLY_H_
#define SINGLEFLIGHT_SERVER_MODEL_REPLY_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/base/slice.h"
#include "server/model/headers.h"
#include "server/model/trace_context.h"
#include "server/wire/status.h"

namespace singleflight::model {

struct Reply {
  HeadersView initial;     // with :status; in a trailers-only reply the one block
  absl::string_view body;  // message frames as they came
  HeadersView trailing;    // empty: the last DATA, or `initial` if there was none, ended the stream
  bool trailers_only = false;
  bool encoded = false;               // `initial` says that compressed messages are not `identity`
  std::shared_ptr<const void> owner;  // null: there is no reply

  // The span of the upstream call that it answered, if that one was recorded.
  SpanRef made_by = {};

  explicit operator bool() const { return owner != nullptr; }

  // `grpc-status`, wherever it stands. Nothing: upstream sent none, or none that is a code.
  absl::optional<wire::StatusCode> status() const;

  // Whether any `grpc-status` of either block is `code`.
  bool SaysStatus(wire::StatusCode code) const;

  // Whether any block has a field of that name.
  bool Has(absl::string_view name) const;

  base::Slice body_slice() const { return base::Slice(owner, body); }
  SharedHeaders shared_trailing() const { return SharedHeaders(owner, trailing); }
};

// A reply as it is gathered.
struct ReplyParts {
  Headers initial;
  std::string body;
  Headers trailing;
  bool trailers_only = false;

  // Kept for as long as the reply is, e.g. what counts its bytes.
  std::shared_ptr<const void> attachment;
};

// A copy of `fields` without those called `name`.
Headers Without(HeadersView fields, absl::string_view name);

// A reply that owns its parts.
Reply MakeReply(ReplyParts parts);

// A trailers-only reply of this program's own. `message` names the upstream, if there is one,
// and the cause.
Reply MakeStatusReply(wire::StatusCode code, absl::string_view message);

// Its one block.
Headers StatusFields(wire::StatusCode code, absl::string_view message);

// `reply` as callers other than the first get it: without `grpc-retry-pushback-ms`, which is meant
// for one caller alone. Shares the body.
Reply FollowerCopy(const Reply& reply);

// `reply` without fields of that name in either block. Shares the body.
Reply WithoutField(const Reply& reply, absl::string_view name);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_REPLY_H_
