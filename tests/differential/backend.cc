// differential-backend: does with every call what its script says (script.h), whatever its method,
// and reports in trailing metadata (x-report-bin) what came: lines of the method without its first
// segment, the authority, whether there is a deadline, every field, every message and the caller's
// end. Says where it is in its first line; ends with its standard input, with status 1 if a call is
// left then.

#include <grpcpp/alarm.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <iostream>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/differential/script.h"
#include "tests/interop/cpp/message_flags.h"
#include "tests/testing/bytes.h"

namespace singleflight::differential {
namespace {

constexpr std::chrono::seconds kPatience(20);

// The calls that are there.
class Calls {
 public:
  void Add(int n) {
    const std::lock_guard<std::mutex> lock(mu_);
    open_ += n;
    if (open_ == 0) none_.notify_all();
  }
  // What is left when all could have ended.
  int Left() {
    std::unique_lock<std::mutex> lock(mu_);
    none_.wait_for(lock, kPatience, [this] { return open_ == 0; });
    return open_;
  }

 private:
  std::mutex mu_;
  std::condition_variable none_;
  int open_ = 0;
};

// A call. One step is under way at a time; only the caller's leaving comes beside it.
class ScriptedCall final : public grpc::ServerGenericBidiReactor {
 public:
  ScriptedCall(grpc::GenericCallbackServerContext& context, Calls& calls)
      : context_(context), calls_(calls) {
    calls_.Add(1);
    const auto& metadata = context.client_metadata();
    const auto script = metadata.find("x-script");
    steps_ = ParseScript(script == metadata.end()
                             ? absl::string_view()
                             : absl::string_view(script->second.data(), script->second.size()));
    NoteHead();
    Go();
  }

 private:
  void OnReadDone(bool ok) override {
    if (ok) {
      latest_ = testing::ToString(in_);
      const bool compressed = grpc::testing::InteropServerContextInspector::Compressed(context_);
      absl::StrAppend(&report_, "message ", DigestOf(latest_), compressed ? " compressed\n" : "\n");
      if (steps_[at_].what == 'R') return StartRead(&in_);
    } else {
      absl::StrAppend(&report_, "end\n");
    }
    Next();
  }
  void OnWriteDone(bool ok) override { ok ? Next() : End(grpc::Status::CANCELLED); }
  void OnSendInitialMetadataDone(bool ok) override { ok ? Next() : End(grpc::Status::CANCELLED); }
  void OnCancel() override {
    std::unique_lock<std::mutex> lock(mu_);
    gone_ = true;
    const bool holding = holding_;
    lock.unlock();
    if (holding) Finish(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    calls_.Add(-1);
    delete this;
  }

  void Next() {
    ++at_;
    Go();
  }

  // Does steps until one takes its time.
  void Go() {
    for (;; ++at_) {
      const Step& step = steps_[at_];
      switch (step.what) {
        case 'n':
          context_.AddInitialMetadata(step.name, step.bytes);
          continue;
        case 't':
          context_.AddTrailingMetadata(step.name, step.bytes);
          continue;
        case 'z':
          context_.set_compression_algorithm(step.numbers[0] == 1 ? GRPC_COMPRESS_GZIP
                                                                  : GRPC_COMPRESS_DEFLATE);
          continue;
        case 'i':
          return StartSendInitialMetadata();
        case 'r':
        case 'R':
          return StartRead(&in_);
        case 'm':
          return Write(PayloadOf(step.numbers[0], step.numbers[1]), step.numbers[2] != 0);
        case 'e':
          return Write(latest_, false);
        case 'w':
          return Wait(std::chrono::milliseconds(step.numbers[0]));
        case 'h':
          return Hold();
        default:
          return End({static_cast<grpc::StatusCode>(step.numbers[0]), step.bytes, step.details});
      }
    }
  }

  void Write(const std::string& message, bool compressed) {
    out_ = testing::ToBuffer(message);
    grpc::WriteOptions options;
    if (!compressed) options.set_no_compression();
    StartWrite(&out_, options);
  }
  void Wait(std::chrono::milliseconds time) {
    alarm_ = std::make_unique<grpc::Alarm>();
    alarm_->Set(std::chrono::system_clock::now() + time, [this](bool) { Next(); });
  }
  void Hold() {
    std::unique_lock<std::mutex> lock(mu_);
    holding_ = !gone_;
    if (holding_) return;
    lock.unlock();
    Finish(grpc::Status::CANCELLED);
  }
  void End(const grpc::Status& status) {
    context_.AddTrailingMetadata("x-report-bin", report_);
    Finish(status);
  }

  void NoteHead() {
    const std::string& method = context_.method();
    absl::StrAppend(&report_, "method ",
                    method.substr(std::min(method.find('/', 1), method.size())), "\nauthority ",
                    context_.host(), "\n");
    if (context_.raw_deadline().tv_sec < gpr_inf_future(GPR_CLOCK_REALTIME).tv_sec) {
      absl::StrAppend(&report_, "deadline\n");
    }
    for (const auto& [name, value] : testing::ToMetadata(context_.client_metadata())) {
      if (name == "x-script") continue;
      absl::StrAppend(&report_, "field ", name, "=", absl::BytesToHexString(value), "\n");
    }
  }

  grpc::GenericCallbackServerContext& context_;
  Calls& calls_;
  std::vector<Step> steps_;
  size_t at_ = 0;
  std::string report_;
  grpc::ByteBuffer in_, out_;
  std::string latest_;
  std::unique_ptr<grpc::Alarm> alarm_;
  std::mutex mu_;
  bool gone_ = false;     // guarded by mu_
  bool holding_ = false;  // guarded by mu_
};

class Service final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new ScriptedCall(*context, calls_);
  }
  int Left() { return calls_.Left(); }

 private:
  Calls calls_;
};

int Serve() {
  Service service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 64 << 10);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "127.0.0.1:" << port << std::endl;
  std::cin.ignore(std::numeric_limits<std::streamsize>::max());
  const int left = service.Left();
  if (left > 0) std::cerr << left << " calls are left that nobody waits for\n";
  server->Shutdown(std::chrono::system_clock::now());
  return left > 0 ? 1 : 0;
}

}  // namespace
}  // namespace singleflight::differential

int main() { return singleflight::differential::Serve(); }
