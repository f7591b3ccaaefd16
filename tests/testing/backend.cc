// A gRPC server that answers every method as the test says.

#include "tests/testing/backend.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/bytes.h"
#include "tests/testing/certificates.h"
#include "tests/testing/child_process.h"
#include "tests/testing/grpc_callbacks.h"

namespace singleflight::testing {
namespace {

class ServedCall;

// What the calls of a backend share with the test.
struct Board {
  mutable std::mutex mu;
  std::condition_variable changed;
  std::function<Answer(const SeenCall&)> answer = [](const SeenCall& call) {
    return Ok("reply to " + (call.messages.empty() ? "" : call.messages.front()));
  };
  bool holding = false;
  bool keeping_open = false;
  bool compressing = false;
  std::deque<ServedCall*> held;
  std::deque<SeenCall> seen;
  int cancelled = 0;

  template <typename Condition>
  void Wait(const std::string& what, const Condition& condition) {
    std::unique_lock<std::mutex> lock(mu);
    if (changed.wait_for(lock, kPatience, condition)) return;
    throw std::runtime_error(absl::StrCat("the backend waits in vain for ", what, "; it has ",
                                          seen.size(), " calls, ", held.size(), " held, ",
                                          cancelled, " cancelled"));
  }
};

// One call. gRPC calls OnDone last, when nothing refers to it any more.
class ServedCall final : public grpc::ServerGenericBidiReactor {
 public:
  ServedCall(Board& board, SeenCall& seen)
      : board_(board), seen_(seen), echoes_(absl::EndsWith(seen.method, "/Echo")) {
    StartRead(&in_);
  }

  // Called by the board's owner, once, when nothing holds the call (any more).
  void Go() {
    if (stage_ == Stage::kReading) answer_ = Ask();
    stage_ = stage_ == Stage::kReading ? Stage::kSending : Stage::kEnding;
    for (const auto& [name, value] : answer_.initial) context_->AddInitialMetadata(name, value);
    answer_.initial.clear();
    SendNext();
  }

  void set_context(grpc::GenericCallbackServerContext* context) { context_ = context; }

 private:
  enum class Stage { kReading, kSending, kEnding };

  void OnReadDone(bool ok) override {
    if (!ok) return Whole();
    if (echoes_) return StartWrite(&in_);
    {
      const std::lock_guard<std::mutex> lock(board_.mu);
      seen_.messages.push_back(ToString(in_));
    }
    StartRead(&in_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    if (echoes_) return StartRead(&in_);
    SendNext();
  }

  void OnCancel() override {
    bool was_held = false;
    {
      const std::lock_guard<std::mutex> lock(board_.mu);
      ++board_.cancelled;
      cancelled_ = true;
      for (auto at = board_.held.begin(); at != board_.held.end(); ++at) {
        if (*at != this) continue;
        board_.held.erase(at);
        was_held = true;
        break;
      }
      board_.changed.notify_all();
    }
    if (was_held) Finish(grpc::Status::CANCELLED);
  }

  void OnDone() override { delete this; }

  // The caller's side has ended.
  void Whole() {
    if (echoes_) return Finish(grpc::Status::OK);
    if (IsHeld(board_.holding)) return;
    if (cancelled_) return Finish(grpc::Status::CANCELLED);
    Go();
  }

  // Enlists the call among those held, if `hold` says so and it has not been cancelled.
  bool IsHeld(const bool& hold) {
    const std::lock_guard<std::mutex> lock(board_.mu);
    if (!hold || cancelled_) return false;
    board_.held.push_back(this);
    board_.changed.notify_all();
    return true;
  }

  Answer Ask() {
    const std::lock_guard<std::mutex> lock(board_.mu);
    return board_.answer(seen_);
  }

  void SendNext() {
    if (next_ < answer_.messages.size()) {
      out_ = ToBuffer(answer_.messages[next_++]);
      return StartWrite(&out_);
    }
    if (stage_ == Stage::kSending && IsHeld(board_.keeping_open)) return;
    for (const auto& [name, value] : answer_.trailing) context_->AddTrailingMetadata(name, value);
    Finish(
        grpc::Status(static_cast<grpc::StatusCode>(answer_.code), answer_.error, answer_.details));
  }

  Board& board_;
  SeenCall& seen_;
  const bool echoes_;
  grpc::GenericCallbackServerContext* context_ = nullptr;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
  Stage stage_ = Stage::kReading;
  Answer answer_;
  size_t next_ = 0;
  bool cancelled_ = false;  // guarded by the board's lock
};

class Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(Board& board) : board_(board) {}

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    const std::lock_guard<std::mutex> lock(board_.mu);
    const bool has_deadline = context->deadline() < std::chrono::system_clock::time_point::max();
    board_.seen.push_back({context->method(),
                           context->host(),
                           ToMetadata(context->client_metadata()),
                           {},
                           has_deadline});
    auto* call = new ServedCall(board_, board_.seen.back());
    call->set_context(context);
    if (board_.compressing) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    board_.changed.notify_all();
    return call;
  }

  Board& board_;
};

}  // namespace

class Backend::Impl {
 public:
  explicit Impl(const absl::optional<PeerTls>& tls) : tls(tls) { KeepGrpcCallbacks(); }

  const absl::optional<PeerTls> tls;
  Board board;
  std::unique_ptr<Service> service;  // each server needs one of its own
  std::unique_ptr<grpc::Server> server;

  int Listen(const std::string& address) {
    int port = 0;
    service = std::make_unique<Service>(board);
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(address, Credentials(), &port);
    builder.RegisterCallbackGenericService(service.get());
    builder.SetMaxReceiveMessageSize(-1);
    server = builder.BuildAndStart();
    if (server == nullptr) throw std::runtime_error("the backend cannot listen on " + address);
    return port;
  }

  // With a CA, callers have to show a certificate of it.
  std::shared_ptr<grpc::ServerCredentials> Credentials() const {
    if (!tls.has_value()) return grpc::InsecureServerCredentials();
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({ReadAll(tls->private_key), ReadAll(tls->certificate)});
    if (!tls->ca.empty()) {
      options.pem_root_certs = ReadAll(tls->ca);
      options.client_certificate_request =
          GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    }
    return grpc::SslServerCredentials(options);
  }

  // Calls are let go without the lock: they come back for it.
  void LetGo(size_t most) {
    std::deque<ServedCall*> free;
    {
      const std::lock_guard<std::mutex> lock(board.mu);
      while (!board.held.empty() && free.size() < most) {
        free.push_back(board.held.front());
        board.held.pop_front();
      }
    }
    for (ServedCall* call : free) call->Go();
  }

  void Stop() {
    if (server == nullptr) return;
    server->Shutdown(std::chrono::system_clock::now());
    server.reset();
  }
};

Backend::Backend(const std::string& address, const absl::optional<PeerTls>& tls)
    : address_(address), impl_(std::make_unique<Impl>(tls)) {
  const int port = impl_->Listen(address);
  if (absl::EndsWith(address, ":0")) {
    address_ = absl::StrCat(address.substr(0, address.size() - 1), port);
  }
}

Backend::~Backend() { Stop(); }

void Backend::Stop() { impl_->Stop(); }
void Backend::Start() { impl_->Listen(address_); }

void Backend::AnswerWith(std::function<Answer(const SeenCall&)> answer) {
  const std::lock_guard<std::mutex> lock(impl_->board.mu);
  impl_->board.answer = std::move(answer);
}

void Backend::AnswerWith(Answer answer) {
  AnswerWith([answer = std::move(answer)](const SeenCall&) { return answer; });
}

void Backend::CompressReplies() {
  const std::lock_guard<std::mutex> lock(impl_->board.mu);
  impl_->board.compressing = true;
}

void Backend::KeepOpen() {
  const std::lock_guard<std::mutex> lock(impl_->board.mu);
  impl_->board.keeping_open = true;
}

void Backend::Hold() {
  const std::lock_guard<std::mutex> lock(impl_->board.mu);
  impl_->board.holding = true;
}

void Backend::HoldNoMore() {
  const std::lock_guard<std::mutex> lock(impl_->board.mu);
  impl_->board.holding = false;
  impl_->board.keeping_open = false;
}

void Backend::Release() {
  {
    const std::lock_guard<std::mutex> lock(impl_->board.mu);
    impl_->board.holding = false;
    impl_->board.keeping_open = false;
  }
  impl_->LetGo(static_cast<size_t>(-1));
}

void Backend::ReleaseOne() { impl_->LetGo(1); }

int Backend::calls() const {
  const std::lock_guard<std::mutex> lock(impl_->board.mu);
  return static_cast<int>(impl_->board.seen.size());
}

int Backend::held() const {
  const std::lock_guard<std::mutex> lock(impl_->board.mu);
  return static_cast<int>(impl_->board.held.size());
}

int Backend::cancelled() const {
  const std::lock_guard<std::mutex> lock(impl_->board.mu);
  return impl_->board.cancelled;
}

SeenCall Backend::call(size_t at) const {
  const std::lock_guard<std::mutex> lock(impl_->board.mu);
  return impl_->board.seen.at(at);
}

std::vector<SeenCall> Backend::all_calls() const {
  const std::lock_guard<std::mutex> lock(impl_->board.mu);
  return {impl_->board.seen.begin(), impl_->board.seen.end()};
}

void Backend::WaitForCalls(int n) {
  Board& board = impl_->board;
  board.Wait(absl::StrCat(n, " calls"), [&] { return static_cast<int>(board.seen.size()) >= n; });
}

void Backend::WaitForHeld(int n) {
  Board& board = impl_->board;
  board.Wait(absl::StrCat(n, " calls to hold"),
             [&] { return static_cast<int>(board.held.size()) >= n; });
}

void Backend::WaitForCancelled(int n) {
  Board& board = impl_->board;
  board.Wait(absl::StrCat(n, " cancelled calls"), [&] { return board.cancelled >= n; });
}

}  // namespace singleflight::testing
