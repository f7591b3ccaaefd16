// The exporter's thread, and its end.
//
//   waits    for a second, for a batch, or for Stop
//   sends    takes all that waits and sends it, a batch at a time; each call has a deadline
//   stopped  Stop was called: it sends once more and ends. Where that takes longer than Stop's
//            patience, the call in the air is cancelled and the rest is dropped.
//
// A batch is what one call carries. Its bounds keep it below the 4 MiB that gRPC servers take.

#include "server/otlp/exporter.h"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"
#include "server/base/signals_held.h"
#include "server/metrics/by_reason.h"
#include "server/otlp/dropped.h"
#include "server/otlp/to_otlp.h"
#include "server/tls/small_file.h"
#include "server/tls/system_ca.h"
#include "singleflight/mutex.h"

namespace singleflight::otlp {
namespace {

namespace collector = opentelemetry::proto::collector::trace::v1;

constexpr std::chrono::seconds kInterval(1);
constexpr int kLongestPauseMs = 5000;  // between attempts to connect
constexpr size_t kMostSpans = 512;     // of a batch
constexpr size_t kMostBytes = 1u << 20;

// gRPC's own log goes to ours, which waits for no reader.
void TakeLog(gpr_log_func_args* line) { spdlog::trace("traces (grpc): {}", line->message); }

// What gRPC keeps for the whole process. Its locks would look for deadlocks through one lock that
// all share.
void PrepareGrpc() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  gpr_set_log_function(TakeLog);
}

absl::Status Read(const std::string& path, std::string* out) {
  if (path.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> text = tls::ReadSmallFile(path);
  if (!text.ok()) return text.status();
  *out = *std::move(text);
  return absl::OkStatus();
}

std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const Collector& to) {
  if (!to.options.tls.has_value()) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({to.ca, to.private_key, to.certificate});
}

std::shared_ptr<grpc::Channel> ChannelTo(const Collector& to) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestPauseMs);
  if (to.options.tls.has_value() && !to.options.tls->server_name.empty()) {
    arguments.SetSslTargetNameOverride(to.options.tls->server_name);
  }
  return grpc::CreateCustomChannel(to.options.otlp, CredentialsOf(to), arguments);
}

// How many of the spans, which are not empty, make the next batch.
size_t BatchOf(absl::Span<const std::unique_ptr<trace::Span>> spans) {
  size_t count = 0, bytes = 0;
  while (count < spans.size() && count < kMostSpans && bytes < kMostBytes) {
    bytes += spans[count++]->Bytes();
  }
  return count;
}

Dropped WhyDropped(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Dropped::kUnreachable;
    default:
      return Dropped::kRefused;
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Collector>> MakeCollector(const Options& options) {
  auto made = std::make_shared<Collector>();
  made->options = options;
  if (options.tls.has_value()) {
    const tls::ClientOptions& tls = *options.tls;
    absl::Status status =
        Read(tls.ca.empty() ? tls::SystemCaFile().value_or("") : tls.ca, &made->ca);
    status.Update(Read(tls.certificate, &made->certificate));
    status.Update(Read(tls.private_key, &made->private_key));
    if (!status.ok()) return status;
  }
  return made;
}

class Exporter::Thread {
 public:
  explicit Thread(Setting setting) : setting_(std::move(setting)) {
    for (trace::Outbox* outbox : setting_.outboxes) {
      outbox->OnBatch([this] { Wake(); });
    }
  }

  void SetCollector(std::shared_ptr<const Collector> collector) {
    if (collector == nullptr) return;
    MutexLock lock(mu_);
    collector_ = std::move(collector);
    if (thread_.joinable()) return;
    PrepareGrpc();
    const base::SignalsHeld quiet;
    thread_ = std::thread([this] { Run(); });
  }

  uint64_t Stop(std::chrono::milliseconds patience) {
    {
      MutexLock lock(mu_);
      if (!thread_.joinable()) return 0;
      stopping_ = true;
      changed_.NotifyAll();
      while (!ended_ && changed_.WaitFor(mu_, patience)) {
      }
      cut_off_ = true;
      if (in_the_air_ != nullptr) in_the_air_->TryCancel();
    }
    thread_.join();
    return dropped_.of(Dropped::kEnd);
  }

  void Show(metrics::Visitor& visitor) const {
    visitor.Count("singleflight_spans_exported_total", "Spans that the collector took.", {},
                  exported_.value());
    constexpr absl::string_view kName = "singleflight_spans_dropped_total";
    constexpr absl::string_view kHelp = "Spans that it did not get, by reason.";
    dropped_.Show(kName, kHelp, {}, visitor);
    for (const trace::Outbox* outbox : setting_.outboxes) {
      visitor.Count(kName, kHelp, {{"reason", std::string(NameOf(Dropped::kQueueFull))}},
                    outbox->dropped());
    }
  }

 private:
  void Wake() {
    MutexLock lock(mu_);
    batch_ = true;
    changed_.NotifyAll();
  }

  void Run() {
    bool last = false;
    while (!last) {
      last = AwaitWork();
      for (trace::Outbox* outbox : setting_.outboxes) SendAll(outbox->TakeAll());
    }
    MutexLock lock(mu_);
    ended_ = true;
    changed_.NotifyAll();
  }

  // True: for the last time.
  bool AwaitWork() {
    MutexLock lock(mu_);
    while (!stopping_ && !batch_ && changed_.WaitFor(mu_, kInterval)) {
    }
    batch_ = false;
    if (connected_ != collector_) Connect();
    return stopping_;
  }

  void Connect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    connected_ = collector_;
    stub_ = collector::TraceService::NewStub(ChannelTo(*connected_));
  }

  void SendAll(const trace::Outbox::Spans& spans) {
    absl::Span<const std::unique_ptr<trace::Span>> left(spans);
    while (!left.empty()) {
      const size_t count = BatchOf(left);
      SendBatch(left.subspan(0, count));
      left.remove_prefix(count);
    }
  }

  void SendBatch(absl::Span<const std::unique_ptr<trace::Span>> spans) {
    const Options& options = connected_->options;
    const auto request = ToOtlp({options.service_name, setting_.version, setting_.instance}, spans);
    collector::ExportTraceServiceResponse response;
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(
        gpr_time_from_millis(absl::ToInt64Milliseconds(options.timeout), GPR_TIMESPAN));
    if (!SetInTheAir(&context)) return dropped_.Add(Dropped::kEnd, spans.size());
    const grpc::Status status = stub_->Export(&context, request, &response);
    const bool cut_off = !SetInTheAir(nullptr);
    if (cut_off && !status.ok()) return dropped_.Add(Dropped::kEnd, spans.size());
    Count(status, response, spans.size());
  }

  // False: the process ends, and nothing is sent any more.
  bool SetInTheAir(grpc::ClientContext* context) {
    MutexLock lock(mu_);
    in_the_air_ = context;
    return !cut_off_;
  }

  void Count(const grpc::Status& status, const collector::ExportTraceServiceResponse& response,
             size_t spans) {
    Tell(status);
    if (!status.ok()) return dropped_.Add(WhyDropped(status.error_code()), spans);
    const auto refused = static_cast<size_t>(
        std::clamp<int64_t>(response.partial_success().rejected_spans(), 0, spans));
    dropped_.Add(Dropped::kRefused, refused);
    exported_.Add(spans - refused);
  }

  // A line when it begins to fail, and one when it works again.
  void Tell(const grpc::Status& status) {
    if (status.ok() == !failing_) return;
    failing_ = !status.ok();
    const std::string& to = connected_->options.otlp;
    if (!failing_) return spdlog::info("traces: the collector at {} takes spans again", to);
    spdlog::warn("traces: the collector at {} takes no spans ({}); they are dropped", to,
                 status.error_message());
  }

  const Setting setting_;
  metrics::Counter exported_;             // these are written by the thread
  metrics::CountersBy<Dropped> dropped_;  // the outboxes count those that find no room
  bool failing_ = false;                  // the thread's, and so are these
  std::shared_ptr<const Collector> connected_;
  std::unique_ptr<collector::TraceService::Stub> stub_;

  Mutex mu_;
  CondVar changed_;
  std::shared_ptr<const Collector> collector_ ABSL_GUARDED_BY(mu_);
  bool batch_ ABSL_GUARDED_BY(mu_) = false;  // an outbox has one
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool cut_off_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ClientContext* in_the_air_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::thread thread_;  // the control thread's
};

Exporter::Exporter(Setting setting) : thread_(std::make_unique<Thread>(std::move(setting))) {}

// Without Stop before it, nobody waits for the collector.
Exporter::~Exporter() { thread_->Stop(std::chrono::milliseconds(0)); }

void Exporter::SetCollector(std::shared_ptr<const Collector> collector) {
  thread_->SetCollector(std::move(collector));
}

uint64_t Exporter::Stop(std::chrono::milliseconds patience) { return thread_->Stop(patience); }

void Exporter::Show(metrics::Visitor& visitor) const { thread_->Show(visitor); }

}  // namespace singleflight::otlp
