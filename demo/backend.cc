// demo-backend: a gRPC server to put behind the proxy. Says on one line when it is ready and where;
// ends on SIGINT or SIGTERM after the calls that run.

#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "demo/catalog_service.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:50051",
          "host:port to listen on; port 0 takes a free one");
ABSL_FLAG(absl::Duration, delay, absl::Milliseconds(50), "how long an answer takes");

namespace singleflight::demo {
namespace {

// "127.0.0.1:0", 40123 → "127.0.0.1:40123"
std::string WithPort(const std::string& address, int port) {
  return absl::StrCat(address.substr(0, address.rfind(':') + 1), port);
}

// Before any thread starts, so that all of them leave the signals to WaitForSignal.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void WaitForSignal(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
}

int Serve(const std::string& address, absl::Duration delay) {
  const sigset_t signals = BlockSignals();
  Work work;
  CatalogService catalog(delay, &work);
  InspectionService inspection(&work);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a taken port is an error
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&catalog);
  builder.RegisterService(&inspection);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::fprintf(stderr, "demo-backend: cannot listen on %s; try --listen=127.0.0.1:0\n",
                 address.c_str());
    return 1;
  }
  std::printf("demo-backend ready: listening on %s\n", WithPort(address, port).c_str());
  std::fflush(stdout);
  WaitForSignal(signals);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  return 0;
}

}  // namespace
}  // namespace singleflight::demo

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  absl::SetProgramUsageMessage(
      "a demo gRPC server: demo-backend [--listen=HOST:PORT] [--delay=50ms]");
  absl::ParseCommandLine(argc, argv);
  return singleflight::demo::Serve(absl::GetFlag(FLAGS_listen), absl::GetFlag(FLAGS_delay));
}
