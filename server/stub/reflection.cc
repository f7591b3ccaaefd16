// The thread of a Reflection, from the first endpoint to the answer.
//
// A conversation is one stream: a question, its answer, the next question. First all services, then
// the file of each, then what these import and did not come along.

#include "server/stub/reflection.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#if __has_include(<grpcpp/impl/proto_utils.h>)
#include <grpcpp/impl/proto_utils.h>
#else
#include <grpcpp/impl/codegen/proto_utils.h>
#endif

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/signals_held.h"
#include "server/stub/completions.h"
#include "server/stub/dial.h"
#include "server/stub/reflected_files.h"
#include "server/upstream/target.h"
#include "singleflight/mutex.h"
#include "singleflight/reflection/v1/reflection.pb.h"

namespace singleflight::stub {
namespace {

namespace v1 = reflection::v1;

using Request = v1::ServerReflectionRequest;
using Response = v1::ServerReflectionResponse;

constexpr const char* kVersions[] = {
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
};

// Services that every server has, and that no route is about.
constexpr absl::string_view kOwnServices = "grpc.reflection.";

ReflectionFailure FailureOf(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::UNIMPLEMENTED:
      return ReflectionFailure::kUnimplemented;
    case grpc::StatusCode::UNAVAILABLE:
      return ReflectionFailure::kUnreachable;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
      return ReflectionFailure::kSilent;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return ReflectionFailure::kTooLarge;
    default:
      return ReflectionFailure::kRefused;
  }
}

// One stream. Its thread alone calls it, but for the context.
class Conversation {
 public:
  Conversation(const std::shared_ptr<grpc::Channel>& channel, const char* method,
               grpc::ClientContext& context)
      : stub_(channel), stream_(stub_.PrepareCall(&context, method, &queue_)) {
    stream_->StartCall(this);
    open_ = Done();
  }

  ~Conversation() {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  // False: the stream has ended, and End says why.
  bool Ask(const Request& request, Response* response) {
    if (!open_) return false;
    stream_->Write(request, this);
    open_ = Done();
    if (!open_) return false;
    stream_->Read(response, this);
    open_ = Done();
    return open_;
  }

  grpc::Status End(grpc::ClientContext& context) {
    if (open_) context.TryCancel();
    grpc::Status status;
    stream_->Finish(&status, this);
    Done();
    return status;
  }

 private:
  bool Done() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::CompletionQueue queue_;
  grpc::TemplatedGenericStub<Request, Response> stub_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<Request, Response>> stream_;
  bool open_ = false;
};

Reflection::Answer Failed(ReflectionFailure failure, std::string why) {
  return {"", failure, std::move(why)};
}

// Takes what a conversation says; nothing: it goes on.
absl::optional<Reflection::Answer> TakeFiles(const Response& response, ReflectedFiles& files) {
  for (const std::string& file : response.file_descriptor_response().file_descriptor_proto()) {
    const absl::optional<ReflectionFailure> failure = files.Take(file);
    if (!failure.has_value()) continue;
    return Failed(*failure, *failure == ReflectionFailure::kTooLarge
                                ? absl::StrCat("its files are more than ", Reflection::kMostFiles,
                                               ", or than ", Reflection::kMostBytes >> 20, " MiB")
                                : "it sent a file that is none");
  }
  return absl::nullopt;
}

// Nothing: the stream ended. A service or a file that the server does not know is left out: whoever
// reads the rest finds out whether it is missed.
absl::optional<Reflection::Answer> Converse(Conversation& backend) {
  Request request;
  Response response;
  request.set_list_services("*");
  if (!backend.Ask(request, &response)) return absl::nullopt;
  if (response.has_error_response()) {
    return Failed(ReflectionFailure::kRefused, response.error_response().error_message());
  }
  const v1::ListServiceResponse services = response.list_services_response();
  if (static_cast<size_t>(services.service_size()) > Reflection::kMostServices) {
    return Failed(ReflectionFailure::kTooLarge,
                  absl::StrCat("it has more than ", Reflection::kMostServices, " services"));
  }
  ReflectedFiles files;
  for (const v1::ServiceResponse& service : services.service()) {
    if (absl::StartsWith(service.name(), kOwnServices)) continue;
    request.set_file_containing_symbol(service.name());
    if (!backend.Ask(request, &response)) return absl::nullopt;
    if (auto failed = TakeFiles(response, files)) return failed;
  }
  while (const absl::optional<std::string> missing = files.NextMissing()) {
    request.set_file_by_filename(*missing);
    if (!backend.Ask(request, &response)) return absl::nullopt;
    if (auto failed = TakeFiles(response, files)) return failed;
  }
  return Reflection::Answer{files.Set(), absl::nullopt, ""};
}

// A target that needs no look-up as the address that it is, as calls have it: c-ares 1.18, by which
// gRPC looks names up, loses ten bytes each time that it is asked for `localhost`.
upstream::UpstreamOptions WithAddress(upstream::UpstreamOptions options) {
  if (!options.endpoints.empty()) return options;
  const absl::StatusOr<upstream::Target> target = upstream::ParseTarget(options);
  if (target.ok()) options.endpoints = upstream::FixedAddresses(*target);
  return options;
}

}  // namespace

class Reflection::Thread {
 public:
  Thread(const upstream::UpstreamOptions& options, const std::string& authority,
         absl::Duration within, std::function<void(Answer)> on_answer)
      : options_(WithAddress(options)),
        authority_(authority),
        within_(within),
        on_answer_(std::move(on_answer)),
        thread_(StartQuietly()) {}

  ~Thread() {
    {
      MutexLock lock(mu_);
      over_ = true;
      if (in_the_air_ != nullptr) in_the_air_->TryCancel();
    }
    thread_.join();
  }

 private:
  // The signals of the process are for others, as they are with the threads that gRPC begins.
  std::thread StartQuietly() {
    PrepareGrpc();
    const base::SignalsHeld quiet;
    return std::thread([this] {
      Answer answer = Ask();
      if (!over()) on_answer_(std::move(answer));
    });
  }

  Answer Ask() {
    std::vector<std::string> targets = options_.endpoints;
    if (targets.empty()) targets.push_back(options_.target);
    targets.resize(std::min(targets.size(), kMostEndpoints));
    Answer answer;
    for (const std::string& target : targets) {
      const auto channel = Dial(options_, target, authority_, static_cast<int>(kMostBytes));
      if (!channel.ok()) {
        return Failed(ReflectionFailure::kUnreachable, std::string(channel.status().message()));
      }
      answer = AskVersions(*channel);
      if (!answer.failure.has_value() || over()) break;
    }
    return answer;
  }

  Answer AskVersions(const std::shared_ptr<grpc::Channel>& channel) {
    Answer answer;
    for (const char* version : kVersions) {
      answer = AskOnce(channel, version);
      if (answer.failure != ReflectionFailure::kUnimplemented) break;
    }
    return answer;
  }

  Answer AskOnce(const std::shared_ptr<grpc::Channel>& channel, const char* version) {
    grpc::ClientContext context;
    context.set_deadline(gpr_time_from_micros(absl::ToInt64Microseconds(within_), GPR_TIMESPAN));
    if (!SetInTheAir(&context)) return Failed(ReflectionFailure::kSilent, "nobody waits for it");
    Answer answer;
    {
      Conversation conversation(channel, version, context);
      absl::optional<Answer> said = Converse(conversation);
      const grpc::Status status = conversation.End(context);
      answer = said.has_value() ? *std::move(said)
                                : Failed(FailureOf(status.error_code()), status.error_message());
    }
    SetInTheAir(nullptr);
    return answer;
  }

  // False: nothing may begin any more.
  bool SetInTheAir(grpc::ClientContext* context) {
    MutexLock lock(mu_);
    in_the_air_ = context;
    return !over_;
  }

  bool over() {
    MutexLock lock(mu_);
    return over_;
  }

  const upstream::UpstreamOptions options_;
  const std::string authority_;
  const absl::Duration within_;
  const std::function<void(Answer)> on_answer_;

  Mutex mu_;
  grpc::ClientContext* in_the_air_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool over_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // last: it uses all of these
};

Reflection::Reflection(const upstream::UpstreamOptions& options, const std::string& authority,
                       absl::Duration within, std::function<void(Answer)> on_answer)
    : thread_(std::make_unique<Thread>(options, authority, within, std::move(on_answer))) {}

Reflection::~Reflection() = default;

}  // namespace singleflight::stub
