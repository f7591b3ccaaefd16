// Metadata on its way into gRPC and out of it. Headers hold it as it stands on the wire, with
// binary values in base64; gRPC holds binary values as they are, and the fields sorted by name.

#ifndef SINGLEFLIGHT_SERVER_STUB_METADATA_H_
#define SINGLEFLIGHT_SERVER_STUB_METADATA_H_

#include <grpcpp/client_context.h>

#include <map>
#include <string>

#include "absl/types/optional.h"
#include "server/core/upstream.h"
#include "server/model/headers.h"

namespace singleflight::stub {

using Received = std::multimap<grpc::string_ref, grpc::string_ref>;

// Gives `context` the caller's metadata, and says how its messages are compressed. `traceparent`
// stands in for the caller's; empty: that one stays. Returns what of it cannot be sent by gRPC, in
// words, or nothing.
absl::optional<std::string> PutMetadata(const core::UpstreamHead& head,
                                        absl::string_view traceparent,
                                        grpc::ClientContext& context);

// The first block of a reply, as HTTP/2 has it.
model::Headers InitialBlock(const Received& fields);

// What ends a reply: the status, then the metadata. Appended to `block`: a trailers-only reply has
// both in one.
void AddTrailing(const grpc::Status& status, const Received& fields, model::Headers& block);

}  // namespace singleflight::stub

#endif  // SINGLEFLIGHT_SERVER_STUB_METADATA_H_
