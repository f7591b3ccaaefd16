// An upstream with `transport: grpc`, as seen from one worker: core::Upstream a second time, on
// grpc::GenericStub, for targets that only gRPC resolves. The native one is upstream::Pool.
//
// gRPC resolves, connects, balances, frames and compresses; docs/transport-grpc.md says what it
// changes of a call. Calls are begun here on the worker; what gRPC has done comes from its thread
// (Completions) and is posted to the worker. So a call is the worker's alone, and there are no
// locks.
//
// Threads: its worker's.

#ifndef SINGLEFLIGHT_SERVER_STUB_STUB_H_
#define SINGLEFLIGHT_SERVER_STUB_STUB_H_

#include <memory>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "server/base/loop.h"
#include "server/core/upstream.h"
#include "server/memory/buffered.h"
#include "server/stub/channel.h"
#include "server/upstream/endpoint_cells.h"
#include "server/upstream/options.h"
#include "server/upstream/upstream_metrics.h"

namespace singleflight::stub {

class StubCall;

class Stub final : public core::Upstream, public std::enable_shared_from_this<Stub> {
 public:
  // What it has of its worker.
  struct Surroundings {
    base::Loop& loop;
    memory::Buffered& buffered;
    std::shared_ptr<upstream::UpstreamMetrics> metrics;
    std::shared_ptr<upstream::EndpointCells> cells;  // of the target, its one endpoint
  };

  // Lives in a shared_ptr: gRPC may still have calls when their callers have let go.
  Stub(const Surroundings& surroundings, const upstream::UpstreamOptions& options,
       std::string target_authority, std::shared_ptr<Channel> channel);
  ~Stub() override;

  std::unique_ptr<core::UpstreamCall> Start(core::UpstreamHead head,
                                            core::UpstreamEvents& events) override;
  absl::string_view AuthorityFor(const model::Request& request) const override;

  // Ends every call. They fail, and so do those that still come.
  void Shutdown();

 private:
  friend class StubCall;

  const Surroundings surroundings_;
  const upstream::UpstreamOptions options_;
  const std::string target_authority_;
  const std::shared_ptr<const std::string> target_;
  const std::shared_ptr<Channel> channel_;
  bool shut_down_ = false;
  absl::flat_hash_set<StubCall*> calls_;  // that have not ended for their callers
};

}  // namespace singleflight::stub

#endif  // SINGLEFLIGHT_SERVER_STUB_STUB_H_
