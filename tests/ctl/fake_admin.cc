#include "tests/ctl/fake_admin.h"

#include <google/protobuf/text_format.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <stdexcept>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace singleflight::ctl {
namespace {

void Parse(const std::string& text, google::protobuf::Message& message) {
  if (!google::protobuf::TextFormat::ParseFromString(text, &message)) {
    throw std::invalid_argument(absl::StrCat("no ", message.GetTypeName(), ": ", text));
  }
}

}  // namespace

FakeAdmin::FakeAdmin(const std::string& address,
                     std::shared_ptr<grpc::ServerCredentials> credentials)
    : address_(address) {
  if (credentials == nullptr) credentials = grpc::InsecureServerCredentials();
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, credentials, &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  if (absl::EndsWith(address, ":0")) address_ = absl::StrCat(absl::StripSuffix(address, "0"), port);
}

FakeAdmin::~FakeAdmin() { server_->Shutdown(std::chrono::system_clock::now()); }

std::string FakeAdmin::asked() const {
  MutexLock lock(mu_);
  return asked_;
}

std::string FakeAdmin::token() const {
  MutexLock lock(mu_);
  return token_;
}

void FakeAdmin::Note(const grpc::ServerContext& context, const google::protobuf::Message& ask) {
  const auto found = context.client_metadata().find("authorization");
  MutexLock lock(mu_);
  asked_ = ask.ShortDebugString();
  token_ = found == context.client_metadata().end()
               ? ""
               : std::string(found->second.data(), found->second.size());
}

grpc::Status FakeAdmin::Answer(grpc::ServerContext& context, const google::protobuf::Message& ask,
                               google::protobuf::Message& reply) {
  Note(context, ask);
  while (hang && !context.IsCancelled()) std::this_thread::yield();
  if (!status.ok()) return status;
  Parse(answer, reply);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::WatchStats(grpc::ServerContext* context,
                                   const admin::v1::WatchStatsRequest* ask,
                                   grpc::ServerWriter<admin::v1::Stats>* writer) {
  Note(*context, *ask);
  for (const std::string& picture : pictures) {
    admin::v1::Stats stats;
    Parse(picture, stats);
    writer->Write(stats);
  }
  while (hang && !context->IsCancelled()) std::this_thread::yield();
  return status;
}

}  // namespace singleflight::ctl
