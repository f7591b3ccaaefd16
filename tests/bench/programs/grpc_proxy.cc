// bench-grpc-proxy: a proxy for any gRPC method as one writes it with gRPC C++ and nothing else: a
// generic service, a generic stub, one completion queue, one thread. A peer to be measured beside.
// Deadlines and cancellations cross by gRPC's own propagation.

#include <grpcpp/alarm.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "tests/bench/programs/command_line.h"
#include "tests/bench/programs/grpc_pump.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:0", "host:port to listen on; port 0 takes a free one");
ABSL_FLAG(std::string, backend, "", "host:port to send every call to");

namespace singleflight::bench {
namespace {

// So many callers can come together without waiting for each other.
constexpr int kCallsAwaited = 128;

class ProxiedCall;

// The tag of an operation: whom to tell, and what, when it is over.
struct Event {
  ProxiedCall* call;
  void (ProxiedCall::*then)(bool ok);
};

struct Proxy {
  grpc::AsyncGenericService service;
  std::unique_ptr<grpc::ServerCompletionQueue> queue;
  std::unique_ptr<grpc::GenericStub> stub;
  std::vector<ProxiedCall*> holding;
  int calls = 0;  // that exist, those that wait for a caller included
};

// One call, from before its caller calls until no operation of it is under way. Owns itself.
class ProxiedCall {
 public:
  explicit ProxiedCall(Proxy& proxy) : proxy_(proxy), caller_(&caller_context_) {
    ++proxy_.calls;
    proxy_.service.RequestCall(&caller_context_, &caller_, proxy_.queue.get(), proxy_.queue.get(),
                               Tag(&accepted_));
  }

  void OnEvent(const Event& event, bool ok) {
    (this->*event.then)(ok);
    --under_way_;
    DeleteIfOver();
  }

  void SendHeld() {
    up_.SendHeld();
    down_.SendHeld();
    holding_ = false;
    DeleteIfOver();
  }

 private:
  // Caller to backend.
  struct Up final : Pump {
    explicit Up(ProxiedCall& call) : call(call) {}
    void Hold() override { call.Hold(); }
    void Read(grpc::ByteBuffer* to) override { call.caller_.Read(to, call.Tag(&call.up_read_)); }
    void Send(const grpc::ByteBuffer& message) override {
      call.backend_->Write(message, call.Tag(&call.up_sent_));
    }
    void SendLast(const grpc::ByteBuffer& message) override {
      call.backend_->WriteLast(message, {}, call.Tag(&call.up_over_));
    }
    void SendEnd() override { call.backend_->WritesDone(call.Tag(&call.up_over_)); }
    ProxiedCall& call;
  };

  // Backend to caller. The end is the status, which is there before it is sent.
  struct Down final : Pump {
    explicit Down(ProxiedCall& call) : call(call) {}
    void Hold() override { call.Hold(); }
    void Read(grpc::ByteBuffer* to) override {
      call.backend_->Read(to, call.Tag(&call.down_read_));
    }
    void Send(const grpc::ByteBuffer& message) override {
      call.caller_.Write(message, call.Tag(&call.down_sent_));
    }
    void SendLast(const grpc::ByteBuffer& message) override {
      call.caller_.WriteAndFinish(message, {}, call.status_, call.Tag(&call.down_over_));
    }
    void SendEnd() override { call.caller_.Finish(call.status_, call.Tag(&call.down_over_)); }
    ProxiedCall& call;
  };

  void Accepted(bool ok) {
    if (!ok) return;
    new ProxiedCall(proxy_);
    backend_context_ = grpc::ClientContext::FromServerContext(caller_context_);
    for (const auto& [name, value] : caller_context_.client_metadata()) {
      if (name == "user-agent") continue;  // gRPC sends its own
      backend_context_->AddMetadata({name.data(), name.size()}, {value.data(), value.size()});
    }
    backend_context_->set_initial_metadata_corked(true);  // leaves with the first message
    backend_ = proxy_.stub->PrepareCall(backend_context_.get(), caller_context_.method(),
                                        proxy_.queue.get());
    backend_->StartCall(nullptr);
    up_.Start();
    down_.Start();
  }

  void UpRead(bool ok) { ok ? up_.OnRead() : up_.OnEnd(); }

  // What cannot be sent need not be read: the status will say why.
  void UpSent(bool ok) {
    if (ok) up_.OnSent();
  }

  void DownRead(bool ok) {
    if (!ok) {
      backend_->Finish(&status_, Tag(&finished_));
      return;
    }
    CopyInitialMetadata();
    down_.OnRead();
  }

  // The caller has gone, and the backend's call is cancelled with it.
  void DownSent(bool ok) {
    if (ok) down_.OnSent();
  }

  void Finished(bool) {
    CopyInitialMetadata();
    for (const auto& [name, value] : backend_context_->GetServerTrailingMetadata()) {
      caller_context_.AddTrailingMetadata({name.data(), name.size()}, {value.data(), value.size()});
    }
    down_.OnEnd();
  }

  void Over(bool) {}

  void CopyInitialMetadata() {
    if (std::exchange(metadata_copied_, true)) return;
    for (const auto& [name, value] : backend_context_->GetServerInitialMetadata()) {
      caller_context_.AddInitialMetadata({name.data(), name.size()}, {value.data(), value.size()});
    }
  }

  void Hold() {
    if (!std::exchange(holding_, true)) proxy_.holding.push_back(this);
  }

  void* Tag(Event* event) {
    ++under_way_;
    return event;
  }

  void DeleteIfOver() {
    if (under_way_ > 0 || holding_) return;
    --proxy_.calls;
    delete this;
  }

  Proxy& proxy_;
  grpc::GenericServerContext caller_context_;
  grpc::GenericServerAsyncReaderWriter caller_;
  std::unique_ptr<grpc::ClientContext> backend_context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> backend_;
  grpc::Status status_;
  Up up_{*this};
  Down down_{*this};
  int under_way_ = 0;
  bool holding_ = false;
  bool metadata_copied_ = false;

  Event accepted_{this, &ProxiedCall::Accepted};
  Event up_read_{this, &ProxiedCall::UpRead};
  Event up_sent_{this, &ProxiedCall::UpSent};
  Event up_over_{this, &ProxiedCall::Over};
  Event down_read_{this, &ProxiedCall::DownRead};
  Event down_sent_{this, &ProxiedCall::DownSent};
  Event down_over_{this, &ProxiedCall::Over};
  Event finished_{this, &ProxiedCall::Finished};
};

// The next event; before it waits for one, what is held is sent.
bool Next(Proxy& proxy, void** tag, bool* ok) {
  if (!proxy.holding.empty()) {
    const auto now = gpr_time_0(GPR_CLOCK_MONOTONIC);
    const auto next = proxy.queue->AsyncNext(tag, ok, now);
    if (next != grpc::CompletionQueue::TIMEOUT) return next == grpc::CompletionQueue::GOT_EVENT;
    std::vector<ProxiedCall*> holding;
    holding.swap(proxy.holding);
    for (ProxiedCall* call : holding) call->SendHeld();
  }
  return proxy.queue->Next(tag, ok);
}

// Until the event without a call has come and no call is left.
void Work(Proxy& proxy) {
  for (int i = 0; i < kCallsAwaited; ++i) new ProxiedCall(proxy);
  bool stopping = false;
  void* tag;
  bool ok;
  while (!(stopping && proxy.calls == 0) && Next(proxy, &tag, &ok)) {
    if (tag == nullptr) {
      stopping = true;
    } else {
      const Event& event = *static_cast<Event*>(tag);
      event.call->OnEvent(event, ok);
    }
  }
  proxy.queue->Shutdown();
  while (proxy.queue->Next(&tag, &ok)) {
  }
}

int Serve() {
  const std::string backend = absl::GetFlag(FLAGS_backend);
  if (backend.empty()) {
    return CannotStart("bench-grpc-proxy", absl::InvalidArgumentError("--backend=HOST:PORT"));
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Proxy proxy;
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  proxy.stub = std::make_unique<grpc::GenericStub>(
      grpc::CreateCustomChannel(backend, grpc::InsecureChannelCredentials(), arguments));

  const std::string listen = absl::GetFlag(FLAGS_listen);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
  builder.RegisterAsyncGenericService(&proxy.service);
  proxy.queue = builder.AddCompletionQueue();
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return CannotStart("bench-grpc-proxy",
                       absl::UnavailableError(absl::StrCat("cannot listen on ", listen)));
  }
  std::printf("bench-grpc-proxy ready: listening on %s:%d\n",
              listen.substr(0, listen.rfind(':')).c_str(), port);
  std::fflush(stdout);

  std::thread worker([&proxy] { Work(proxy); });
  int signal = 0;
  sigwait(&signals, &signal);
  server->Shutdown(std::chrono::system_clock::now());
  grpc::Alarm alarm;
  alarm.Set(proxy.queue.get(), std::chrono::system_clock::now(), nullptr);
  worker.join();
  return 0;
}

}  // namespace
}  // namespace singleflight::bench

int main(int argc, char** argv) {
  using namespace singleflight::bench;
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  ParseFlags("bench-grpc-proxy", "a proxy on gRPC C++ alone", argc, argv);
  return Serve();
}
