// A listener of ours, and gRPC's server behind it.
//
// gRPC gets its connections from net::Listener, which knows how Unix sockets are left and found,
// and says why an address cannot be had. gRPC itself would share a port with another process that
// asks for it, and remove a socket that is somebody else's.
//
// The loop is one thread: it accepts, and has the server made when the first connection comes. gRPC
// then has threads of its own for connections and calls. A call that waits (for Steering, for the
// next turn of a watcher) waits on one of these.
//
// gRPC takes any number of connections, so they are counted before they are given to it. One too
// many is closed; those that are there stay, since nobody knows here which of them have calls.

#include "server/admin/grpc_server.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/admin/given_away.h"
#include "server/admin/grpc_service.h"
#include "server/admin/watchers.h"
#include "server/net/address.h"
#include "server/net/listener.h"
#include "server/net/worker.h"

namespace singleflight::admin {
namespace {

constexpr size_t kMostConnections = 32;
constexpr int kMostThreads = 32;
constexpr int kMostWatchers = 16;
constexpr int kMostCallsOfAConnection = 32;
constexpr int kMostRequestBytes = 64 << 10;
constexpr size_t kMostBytes = 16 << 20;  // of all connections' buffers
constexpr int kIdleMs = 5 * 60 * 1000;
constexpr int kPingAfterMs = 30 * 1000;
constexpr int kPingTimeoutMs = 10 * 1000;
constexpr int kLastReplyMs = 20;  // for replies that are on their way when the process ends
constexpr unsigned kLookAtCertificatesSeconds = 10;

// gRPC's own log goes to ours, which waits for no reader. What clients can cause is no warning.
void TakeLog(gpr_log_func_args* line) {
  const auto level =
      line->severity == GPR_LOG_SEVERITY_ERROR ? spdlog::level::debug : spdlog::level::trace;
  spdlog::log(level, "admin (grpc): {}", line->message);
}

// What gRPC keeps for the whole process. Its locks would look for deadlocks through one lock that
// all share.
void PrepareGrpc() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  gpr_set_log_function(TakeLog);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
}

// Looks at the files from time to time, so that a renewed certificate counts without a restart.
std::shared_ptr<grpc::ServerCredentials> CredentialsOf(
    const absl::optional<tls::ServerOptions>& tls) {
  using namespace grpc::experimental;  // NOLINT: all that is about TLS files stands there
  if (!tls.has_value()) return grpc::InsecureServerCredentials();
  TlsServerCredentialsOptions options(std::make_shared<FileWatcherCertificateProvider>(
      tls->private_key, tls->certificate, tls->client_ca, kLookAtCertificatesSeconds));
  options.watch_identity_key_cert_pairs();
  if (!tls->client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return TlsServerCredentials(options);
}

void SetBounds(grpc::ServerBuilder& builder) {
  grpc::ResourceQuota quota("admin");
  quota.SetMaxThreads(kMostThreads);
  quota.Resize(kMostBytes);
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  builder.SetMaxReceiveMessageSize(kMostRequestBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMostCallsOfAConnection);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kPingAfterMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
}

class Server final : public GrpcServer {
 public:
  Server(const AdminOptions& options, Steering& steering, Rights& rights,
         std::chrono::milliseconds patience)
      : tls_(options.tls),
        patience_(patience),
        rights_(rights),
        admin_(MakeAdminService({steering, rights, watchers_})),
        health_(MakeHealthService({steering, rights, watchers_})) {}

  ~Server() override {
    loop_.Stop();
    listener_.reset();
    watchers_.Stop();
    if (server_ == nullptr) return;
    server_->Shutdown(gpr_time_from_millis(kLastReplyMs, GPR_TIMESPAN));
    server_->Wait();
  }

  absl::Status Listen(const std::string& address) {
    absl::StatusOr<std::unique_ptr<net::Listener>> opened = net::Listener::Open(
        loop_, {address}, [this](net::Listener::Accepted accepted) { Take(accepted.fd); });
    if (!opened.ok()) return opened.status();
    listener_ = *std::move(opened);
    loop_.Start();
    loop_.Post([this] { listener_->Start(); });
    return absl::OkStatus();
  }

  std::string address() const override { return listener_->address(); }

 private:
  void Take(int fd) {
    if (!Welcomes(fd) || (server_ == nullptr && !Begin())) {
      ::close(fd);
      return;
    }
    given_away_.Add(fd);
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = fd;
    connections_->HandleNewConnection(&connection);
  }

  // The first of a row is told of.
  bool Welcomes(int fd) {
    const bool full = given_away_.Count() >= kMostConnections;
    if (full) rights_.Refused(Door::kGrpc, Refusal::kConnections);
    if (full && !full_) {
      spdlog::warn("admin (grpc): connections are refused: {} are open ({})", kMostConnections,
                   net::PeerOf(fd));
    }
    full_ = full;
    return !full;
  }

  bool Begin() {
    PrepareGrpc();
    grpc::ServerBuilder builder;
    SetBounds(builder);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                               static_cast<int>(patience_.count()));
    connections_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        CredentialsOf(tls_));
    builder.RegisterService(admin_.get());
    builder.RegisterService(health_.get());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) spdlog::error("admin.grpc: the server cannot be started");
    return server_ != nullptr;
  }

  const absl::optional<tls::ServerOptions> tls_;
  const std::chrono::milliseconds patience_;
  Rights& rights_;
  Watchers watchers_{kMostWatchers};
  const std::unique_ptr<grpc::Service> admin_;
  const std::unique_ptr<grpc::Service> health_;

  // The loop's, and after its end the destructor's.
  net::Worker loop_{0};
  std::unique_ptr<net::Listener> listener_;
  GivenAway given_away_;
  bool full_ = false;  // the latest was one too many
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> connections_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Open(const AdminOptions& options,
                                                             Steering& steering, Rights& rights,
                                                             std::chrono::milliseconds patience) {
  auto server = std::make_unique<Server>(options, steering, rights, patience);
  const absl::Status status = server->Listen(options.grpc);
  if (!status.ok()) {
    return absl::Status(status.code(), absl::StrCat(options.grpc_where, ": ", status.message()));
  }
  return server;
}

}  // namespace singleflight::admin
