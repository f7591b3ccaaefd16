// Statistics as they come, with a deadline on each of them and none on the whole.

#ifndef SINGLEFLIGHT_SERVER_CTL_STATS_STREAM_H_
#define SINGLEFLIGHT_SERVER_CTL_STATS_STREAM_H_

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>

#include <functional>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "server/ctl/proxy.h"

namespace singleflight::ctl {

// Threads: one. `proxy` outlives this.
class StatsStream {
 public:
  StatsStream(Proxy& proxy, absl::Duration interval, std::function<absl::Time()> now);
  ~StatsStream();

  // Waits for the next message, an interval and the proxy's timeout at most. Nothing: the proxy has
  // ended the stream. Errors: as in failure.h.
  absl::StatusOr<absl::optional<admin::v1::Stats>> Next();

 private:
  enum class Came { kYes, kNo, kLate };

  // Begins an operation and waits for its end. One that is late is still under way.
  Came Await(absl::FunctionRef<void()> begin);
  absl::Status End();

  Proxy& proxy_;
  const std::function<absl::Time()> now_;
  const absl::Duration patience_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::ClientAsyncReader<admin::v1::Stats>> reader_;
  bool started_ = false;
  admin::v1::Stats stats_;  // here, since a read that is late still writes to it; so does an end
  grpc::Status status_;
};

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_STATS_STREAM_H_
