// A channel of gRPC's to one upstream: it resolves the target, connects, and chooses among what it
// finds. All workers share it.
//
// Threads: any.

#ifndef SINGLEFLIGHT_SERVER_STUB_CHANNEL_H_
#define SINGLEFLIGHT_SERVER_STUB_CHANNEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/stub/completions.h"
#include "server/upstream/endpoint_cells.h"
#include "server/upstream/options.h"
#include "singleflight/mutex.h"

namespace grpc {
class Channel;
class ByteBuffer;
template <class Request, class Response>
class TemplatedGenericStub;
}  // namespace grpc

namespace singleflight::stub {

class Channel {
 public:
  using GenericStub = grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>;

  // Reads the files of `options.tls`, and connects with the first call. `authority`: what calls
  // carry that say no other. No call may begin after `completions` has gone. Errors: a file cannot
  // be read.
  static absl::StatusOr<std::shared_ptr<Channel>> Make(const upstream::UpstreamOptions& options,
                                                       const std::string& authority,
                                                       Completions& completions);
  ~Channel();

  // As gRPC sees it now; kSilent and what it costs to know that are the native transport's.
  upstream::EndpointState state() const;

  // The latest call that failed for want of a backend says why; empty: none has.
  void NoteFailure(const std::string& why);
  std::string last_failure() const;

  GenericStub& stub() { return *stub_; }
  grpc::CompletionQueue& queue() { return completions_.queue(); }

 private:
  Channel(std::shared_ptr<grpc::Channel> channel, Completions& completions);

  Completions& completions_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<GenericStub> stub_;

  mutable Mutex mu_;
  std::string last_failure_ ABSL_GUARDED_BY(mu_);
};

}  // namespace singleflight::stub

#endif  // SINGLEFLIGHT_SERVER_STUB_CHANNEL_H_
