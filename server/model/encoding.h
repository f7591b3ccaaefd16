// What the metadata of a call says about the encoding of its messages.

#ifndef SINGLEFLIGHT_SERVER_MODEL_ENCODING_H_
#define SINGLEFLIGHT_SERVER_MODEL_ENCODING_H_

#include "absl/strings/string_view.h"
#include "server/model/headers.h"
#include "server/wire/encoding.h"

namespace singleflight::model {

// The encoding of compressed messages behind `block`: `identity` if the block says nothing, and the
// name of no encoding if it says two things.
absl::string_view EncodingOf(HeadersView block);

// Whether the caller that sent `request` can read messages in `encoding`. A caller that says
// nothing reads `identity` alone.
bool Accepts(HeadersView request, absl::string_view encoding);

// Whether metadata of that name says how messages are encoded, or may be.
inline bool IsAboutEncoding(absl::string_view name) {
  return name == wire::kGrpcEncoding || name == wire::kGrpcAcceptEncoding;
}

// The flag of a message's frame.
inline bool IsCompressed(absl::string_view frame) { return !frame.empty() && frame.front() == 1; }

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_ENCODING_H_
