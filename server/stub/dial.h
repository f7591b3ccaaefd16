// A channel of gRPC's in terms of an upstream's options.

#ifndef SINGLEFLIGHT_SERVER_STUB_DIAL_H_
#define SINGLEFLIGHT_SERVER_STUB_DIAL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/upstream/options.h"

namespace grpc {
class Channel;
}

namespace singleflight::stub {

// Reads the files of `options.tls`, and connects with the first call. `target`: the upstream's, or
// one of its endpoints. `authority`: what calls carry that say no other. Messages of more than
// `most_bytes` are refused; -1: none is. Errors: a file cannot be read.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Dial(const upstream::UpstreamOptions& options,
                                                    const std::string& target,
                                                    const std::string& authority,
                                                    int most_bytes = -1);

}  // namespace singleflight::stub

#endif  // SINGLEFLIGHT_SERVER_STUB_DIAL_H_
