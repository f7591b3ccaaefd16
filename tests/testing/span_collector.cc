// A collector of spans that does as the test says.

#include "tests/testing/span_collector.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"
#include "tests/testing/certificates.h"
#include "tests/testing/child_process.h"
#include "tests/testing/grpc_callbacks.h"

namespace singleflight::testing {
namespace {

namespace collector = opentelemetry::proto::collector::trace::v1;

// Says nothing before its caller gives up.
class Silent final : public grpc::ServerUnaryReactor {
  void OnCancel() override { Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }
};

std::shared_ptr<grpc::ServerCredentials> CredentialsOf(const absl::optional<PeerTls>& tls) {
  if (!tls.has_value()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({ReadAll(tls->private_key), ReadAll(tls->certificate)});
  return grpc::SslServerCredentials(options);
}

}  // namespace

class SpanCollector::Service final : public collector::TraceService::CallbackService {
 public:
  std::string Listen(const absl::optional<PeerTls>& tls) {
    int port = 0;
    KeepGrpcCallbacks();
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", CredentialsOf(tls), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) throw std::runtime_error("the collector cannot listen");
    return absl::StrCat("127.0.0.1:", port);
  }

  void Stop() { server_->Shutdown(std::chrono::system_clock::now()); }

  void Set(Mood mood) {
    const std::lock_guard<std::mutex> lock(mu_);
    mood_ = mood;
  }

  std::vector<CollectedSpan> WaitForSpans(size_t n) {
    std::unique_lock<std::mutex> lock(mu_);
    if (changed_.wait_for(lock, kPatience, [&] { return spans_.size() >= n; })) return spans_;
    throw std::runtime_error(
        absl::StrCat("the collector waits in vain for ", n, " spans; it has ", spans_.size()));
  }

  size_t spans() const {
    const std::lock_guard<std::mutex> lock(mu_);
    return spans_.size();
  }
  size_t batches() const {
    const std::lock_guard<std::mutex> lock(mu_);
    return batches_;
  }
  std::string service() const {
    const std::lock_guard<std::mutex> lock(mu_);
    return service_;
  }

 private:
  grpc::ServerUnaryReactor* Export(grpc::CallbackServerContext* context,
                                   const collector::ExportTraceServiceRequest* request,
                                   collector::ExportTraceServiceResponse* response) override {
    const std::lock_guard<std::mutex> lock(mu_);
    const size_t before = spans_.size();
    for (const auto& resource : request->resource_spans()) Note(resource);
    ++batches_;
    changed_.notify_all();
    if (mood_ == Mood::kFrozen) return new Silent;
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    if (mood_ == Mood::kTakesFirst) {
      response->mutable_partial_success()->set_rejected_spans(
          static_cast<int64_t>(spans_.size() - before - 1));
    }
    const bool refuses = mood_ == Mood::kRefuses;
    reactor->Finish(refuses ? grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "not so")
                            : grpc::Status::OK);
    return reactor;
  }

  void Note(const opentelemetry::proto::trace::v1::ResourceSpans& resource) {
    for (const auto& pair : resource.resource().attributes()) {
      if (pair.key() == "service.name") service_ = pair.value().string_value();
    }
    for (const auto& scope : resource.scope_spans()) {
      spans_.insert(spans_.end(), scope.spans().begin(), scope.spans().end());
    }
  }

  std::unique_ptr<grpc::Server> server_;
  mutable std::mutex mu_;
  std::condition_variable changed_;
  Mood mood_ = Mood::kTakes;
  std::vector<CollectedSpan> spans_;
  size_t batches_ = 0;
  std::string service_;
};

SpanCollector::SpanCollector(const absl::optional<PeerTls>& tls)
    : service_(std::make_unique<Service>()), address_(service_->Listen(tls)) {}

SpanCollector::~SpanCollector() { service_->Stop(); }

void SpanCollector::Set(Mood mood) { service_->Set(mood); }

std::vector<CollectedSpan> SpanCollector::WaitForSpans(size_t n) {
  return service_->WaitForSpans(n);
}

size_t SpanCollector::spans() const { return service_->spans(); }
size_t SpanCollector::batches() const { return service_->batches(); }
std::string SpanCollector::service() const { return service_->service(); }

std::string AttributeOf(const CollectedSpan& span, const std::string& name) {
  for (const auto& pair : span.attributes()) {
    if (pair.key() != name) continue;
    return pair.value().has_int_value() ? absl::StrCat(pair.value().int_value())
                                        : pair.value().string_value();
  }
  return "";
}

}  // namespace singleflight::testing
