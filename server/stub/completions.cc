#include "server/stub/completions.h"

#include <grpc/support/log.h>
#include <grpcpp/completion_queue.h>
#include <spdlog/spdlog.h>

#include "absl/synchronization/mutex.h"
#include "server/base/signals_held.h"

namespace singleflight::stub {
namespace {

// gRPC's own log goes to ours, which waits for no reader. What backends can cause is no warning.
void TakeLog(gpr_log_func_args* line) {
  const auto level =
      line->severity == GPR_LOG_SEVERITY_ERROR ? spdlog::level::debug : spdlog::level::trace;
  spdlog::log(level, "upstream (grpc): {}", line->message);
}

// Its threads take no signals, because they begin while these are held back.
std::unique_ptr<grpc::CompletionQueue> Begin() {
  PrepareGrpc();
  const base::SignalsHeld quiet;
  return std::make_unique<grpc::CompletionQueue>();
}

}  // namespace

// Its locks would look for deadlocks through one lock that all share.
void PrepareGrpc() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  gpr_set_log_function(TakeLog);
}

Completions::Completions() : queue_(Begin()) {
  const base::SignalsHeld quiet;
  thread_ = std::thread([this] { Run(); });
}

Completions::~Completions() {
  queue_->Shutdown();
  thread_.join();
}

void Completions::Run() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) static_cast<Completion*>(tag)->OnDone(ok);
}

}  // namespace singleflight::stub
