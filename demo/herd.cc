// demo-herd: many concurrent identical calls, first straight to the backend, then through the
// proxy, and a table of what they cost. Exit status 0 if every call got its reply and the herd
// behind the proxy was one upstream call.

#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "demo/stampede.h"
#include "demo/v1/catalog.grpc.pb.h"

ABSL_FLAG(std::string, backend, "127.0.0.1:50051", "where demo-backend listens");
ABSL_FLAG(std::string, proxy, "127.0.0.1:8080",
          "where the proxy listens; empty: only the direct calls");
ABSL_FLAG(int, calls, 1000, "how many identical calls at once");
ABSL_FLAG(int, connections, 10, "over how many connections");

namespace singleflight::demo {
namespace {

using ::demo::v1::Inspection;

constexpr absl::Duration kConnectTimeout = absl::Seconds(5);
constexpr char kItem[] = "blue-kettle";

struct BackendStats {
  int64_t calls = 0;
  absl::Duration worked;
};

absl::optional<BackendStats> AskBackend(Inspection::Stub* backend) {
  grpc::ClientContext context;
  ::demo::v1::Stats stats;
  const grpc::Status status = backend->GetStats(&context, {}, &stats);
  if (!status.ok()) {
    std::fprintf(stderr, "demo-herd: the backend's counters: %s\n", status.error_message().c_str());
    return absl::nullopt;
  }
  return BackendStats{stats.calls(), absl::Seconds(stats.worked().seconds()) +
                                         absl::Nanoseconds(stats.worked().nanos())};
}

// One herd and what it cost the backend.
struct Row {
  StampedeResult herd;
  int64_t upstream_calls = 0;
  absl::Duration backend_time;
};

absl::optional<Row> Run(Inspection::Stub* backend, const std::string& target) {
  const int connections = absl::GetFlag(FLAGS_connections);
  const Channels channels = Connect(target, connections, kConnectTimeout);
  if (static_cast<int>(channels.size()) < connections) {
    std::fprintf(stderr, "demo-herd: cannot connect to %s\n", target.c_str());
    return absl::nullopt;
  }
  const auto before = AskBackend(backend);
  if (!before) return absl::nullopt;
  Row row;
  row.herd = Stampede(channels, kItem, absl::GetFlag(FLAGS_calls));
  const auto after = AskBackend(backend);
  if (!after) return absl::nullopt;
  row.upstream_calls = after->calls - before->calls;
  row.backend_time = after->worked - before->worked;
  return row;
}

// 1234567 → "1,234,567"
std::string Grouped(int64_t number) {
  std::string digits = absl::StrCat(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(at, 1, ',');
  return digits;
}

std::string Millis(absl::Duration duration) {
  return absl::StrFormat("%.0f ms", absl::ToDoubleMilliseconds(duration));
}

std::string Seconds(absl::Duration duration) {
  return absl::StrFormat("%.2f s", absl::ToDoubleSeconds(duration));
}

void PrintHeader() {
  std::printf("%-22s %9s %9s %15s %9s %9s %13s\n", "", "calls", "failed", "upstream calls", "p50",
              "p99", "backend time");
}

void Print(const char* name, const Row& row) {
  std::printf("%-22s %9s %9s %15s %9s %9s %13s\n", name, Grouped(row.herd.calls).c_str(),
              Grouped(row.herd.failed).c_str(), Grouped(row.upstream_calls).c_str(),
              Millis(row.herd.p50).c_str(), Millis(row.herd.p99).c_str(),
              Seconds(row.backend_time).c_str());
  std::fflush(stdout);
}

bool AllAnswered(const Row& row) {
  if (row.herd.failed == 0) return true;
  std::fprintf(stderr, "demo-herd: %d calls failed, the first with %s\n", row.herd.failed,
               row.herd.first_failure.c_str());
  return false;
}

// A herd that took most of a backend call to set off was none: a call that starts after the first
// reply rightly causes another upstream call. A busy machine does that.
bool Straggled(const Row& row, absl::Duration backend_call) {
  return row.upstream_calls > 1 && row.herd.arrival > backend_call / 3;
}

absl::optional<Row> RunThroughProxy(Inspection::Stub* backend, const std::string& proxy,
                                    absl::Duration backend_call) {
  constexpr int kAttempts = 10;
  for (int attempt = 1;; ++attempt) {
    const auto row = Run(backend, proxy);
    if (!row || attempt == kAttempts || !Straggled(*row, backend_call)) return row;
    std::printf("(the herd needed %s to set off, a backend call takes %s: once more)\n",
                Millis(row->herd.arrival).c_str(), Millis(backend_call).c_str());
  }
}

bool Collapsed(const Row& row) {
  if (row.upstream_calls == 1) return true;
  std::fprintf(stderr, "demo-herd: the herd took %s upstream calls; it set off within %s\n",
               Grouped(row.upstream_calls).c_str(), Millis(row.herd.arrival).c_str());
  return false;
}

int Main() {
  const auto backend = Inspection::NewStub(
      grpc::CreateChannel(absl::GetFlag(FLAGS_backend), grpc::InsecureChannelCredentials()));
  const std::string proxy = absl::GetFlag(FLAGS_proxy);

  PrintHeader();
  const auto direct = Run(backend.get(), absl::GetFlag(FLAGS_backend));
  if (!direct) return 1;
  Print("straight to the backend", *direct);
  if (!AllAnswered(*direct)) return 1;
  if (direct->upstream_calls == 0) {
    std::fprintf(stderr, "demo-herd: no call reached the backend\n");
    return 1;
  }
  if (proxy.empty()) return 0;

  const auto proxied =
      RunThroughProxy(backend.get(), proxy, direct->backend_time / direct->upstream_calls);
  if (!proxied) return 1;
  Print("through singleflight", *proxied);
  if (!AllAnswered(*proxied) || !Collapsed(*proxied)) return 1;
  std::printf("%-22s %9s %9s %15s %9s %9s %13s\n", "saved", "", "",
              Grouped(direct->upstream_calls - proxied->upstream_calls).c_str(), "", "",
              Seconds(direct->backend_time - proxied->backend_time).c_str());
  return 0;
}

}  // namespace
}  // namespace singleflight::demo

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  absl::SetProgramUsageMessage(
      "many identical gRPC calls at once: demo-herd [--backend=HOST:PORT] [--proxy=HOST:PORT] "
      "[--calls=1000] [--connections=10]");
  absl::ParseCommandLine(argc, argv);
  return singleflight::demo::Main();
}
