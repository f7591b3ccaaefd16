#include "server/ctl/proxy.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "absl/strings/str_cat.h"

namespace singleflight::ctl {
namespace {

std::shared_ptr<grpc::ChannelCredentials> Credentials(const Place& place) {
  if (!place.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = place.ca;
  options.pem_cert_chain = place.certificate;
  options.pem_private_key = place.private_key;
  return grpc::SslCredentials(options);
}

std::unique_ptr<Stub> Dial(const Place& place) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // the way to a sidecar leads through no other
  return admin::v1::Admin::NewStub(
      grpc::CreateCustomChannel(place.address, Credentials(place), arguments));
}

}  // namespace

Proxy::Proxy(Place place, const Arguments& arguments, const Surroundings& around)
    : place_(std::move(place)), arguments_(arguments), around_(around), stub_(Dial(place_)) {}

void Proxy::SetDeadline(grpc::ClientContext& context) const {
  context.set_deadline(absl::ToChronoTime(around_.now() + place_.timeout));
}

absl::Status Proxy::ShowToken(grpc::ClientContext& context) const {
  const absl::StatusOr<std::string> token = ReadToken(arguments_, around_.environment);
  if (!token.ok()) return token.status();
  if (token->empty()) return absl::OkStatus();
  if (!place_.tls && !place_.local()) {
    return absl::PermissionDeniedError(absl::StrCat("the token does not go to ", place_.address,
                                                    " in the clear: give --ca, so that it is TLS"));
  }
  context.AddMetadata("authorization", absl::StrCat("Bearer ", *token));
  return absl::OkStatus();
}

}  // namespace singleflight::ctl
