// A gRPC client that sends bytes to any method.

#include "tests/testing/client.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "tests/testing/bytes.h"
#include "tests/testing/certificates.h"
#include "tests/testing/grpc_callbacks.h"

namespace singleflight::testing {
namespace {

void Prepare(const CallOptions& options, grpc::ClientContext& context) {
  for (const auto& [name, value] : options.metadata) context.AddMetadata(name, value);
  context.set_deadline(std::chrono::system_clock::now() + options.timeout);
  context.set_wait_for_ready(options.wait_for_ready);
  switch (options.compress) {
    case Compression::kNone:
      break;
    case Compression::kGzip:
      context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
      break;
    case Compression::kDeflate:
      context.set_compression_algorithm(GRPC_COMPRESS_DEFLATE);
      break;
  }
}

Answer ToAnswer(const grpc::Status& status, const grpc::ClientContext& context) {
  return {static_cast<absl::StatusCode>(status.error_code()),
          status.error_message(),
          status.error_details(),
          {},
          ToMetadata(context.GetServerInitialMetadata()),
          ToMetadata(context.GetServerTrailingMetadata())};
}

}  // namespace

class PendingCall::State {
 public:
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer reply;

  void End(const grpc::Status& status) {
    const std::lock_guard<std::mutex> lock(mu_);
    answer_ = ToAnswer(status, context);
    if (status.ok()) answer_.messages.push_back(ToString(reply));
    done_ = true;
    ended_.notify_all();
  }

  Answer Wait() {
    std::unique_lock<std::mutex> lock(mu_);
    // Every call has a deadline; this is beyond all of them.
    if (!ended_.wait_for(lock, 3 * kPatience, [this] { return done_; })) {
      throw std::runtime_error("a call outlives its deadline");
    }
    return answer_;
  }

  bool done() const {
    const std::lock_guard<std::mutex> lock(mu_);
    return done_;
  }

 private:
  mutable std::mutex mu_;
  std::condition_variable ended_;
  bool done_ = false;
  Answer answer_;
};

PendingCall::~PendingCall() {
  if (state_ == nullptr || state_->done()) return;
  state_->context.TryCancel();
  state_->Wait();
}

Answer PendingCall::Wait() { return state_->Wait(); }
void PendingCall::Cancel() { state_->context.TryCancel(); }
bool PendingCall::done() const { return state_->done(); }

class StreamCall::State {
 public:
  State(grpc::GenericStub& stub, const std::string& method, const CallOptions& options) {
    Prepare(options, context_);
    stream_ = stub.PrepareCall(&context_, method, &queue_);
    stream_->StartCall(this);
    Done();
  }
  ~State() {
    context_.TryCancel();
    if (!finished_) Finish();
    queue_.Shutdown();
  }

  bool Write(const std::string& message) {
    stream_->Write(ToBuffer(message), this);
    return Done();
  }
  bool WritesDone() {
    stream_->WritesDone(this);
    return Done();
  }
  bool Read(std::string* message) {
    grpc::ByteBuffer bytes;
    stream_->Read(&bytes, this);
    const bool ok = Done();
    *message = ToString(bytes);
    return ok;
  }
  void Cancel() { context_.TryCancel(); }

  Answer Finish() {
    std::vector<std::string> messages;
    for (std::string message; Read(&message);) messages.push_back(std::move(message));
    grpc::Status status;
    stream_->Finish(&status, this);
    Done();
    finished_ = true;
    Answer answer = ToAnswer(status, context_);
    answer.messages = std::move(messages);
    return answer;
  }

 private:
  bool Done() {
    void* tag;
    bool ok;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool finished_ = false;
};

StreamCall::StreamCall(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamCall::StreamCall(StreamCall&&) noexcept = default;
StreamCall::~StreamCall() = default;
bool StreamCall::Write(const std::string& message) { return state_->Write(message); }
bool StreamCall::WritesDone() { return state_->WritesDone(); }
bool StreamCall::Read(std::string* message) { return state_->Read(message); }
void StreamCall::Cancel() { state_->Cancel(); }
Answer StreamCall::Finish() { return state_->Finish(); }

struct Client::Channel {
  explicit Channel(const std::shared_ptr<grpc::Channel>& channel) : stub(channel) {
    KeepGrpcCallbacks();
  }
  static grpc::ChannelArguments Arguments();
  grpc::GenericStub stub;
};

grpc::ChannelArguments Client::Channel::Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  return arguments;
}

Client::Client(const std::string& address, const std::string& authority) {
  grpc::ChannelArguments arguments = Channel::Arguments();
  if (!authority.empty()) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, authority);
  channel_ = std::make_unique<Channel>(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

Client::Client(const std::string& address, const PeerTls& tls) {
  grpc::ChannelArguments arguments = Channel::Arguments();
  arguments.SetSslTargetNameOverride(tls.server_name);
  const auto read = [](const std::string& path) { return path.empty() ? "" : ReadAll(path); };
  const grpc::SslCredentialsOptions options = {read(tls.ca), read(tls.private_key),
                                               read(tls.certificate)};
  channel_ = std::make_unique<Channel>(
      grpc::CreateCustomChannel(address, grpc::SslCredentials(options), arguments));
}

Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

PendingCall Client::Start(const std::string& method, const std::string& message,
                          const CallOptions& options) {
  auto state = std::make_shared<PendingCall::State>();
  Prepare(options, state->context);
  state->request = ToBuffer(message);
  channel_->stub.UnaryCall(&state->context, method, grpc::StubOptions(), &state->request,
                           &state->reply,
                           [state](const grpc::Status& status) { state->End(status); });
  return PendingCall(std::move(state));
}

StreamCall Client::Open(const std::string& method, const CallOptions& options) {
  return StreamCall(std::make_unique<StreamCall::State>(channel_->stub, method, options));
}

std::vector<Answer> WaitAll(std::vector<PendingCall>& calls) {
  std::vector<Answer> answers;
  for (PendingCall& call : calls) answers.push_back(call.Wait());
  return answers;
}

}  // namespace singleflight::testing
