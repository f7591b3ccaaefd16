// The options of an upstream in gRPC's terms. What it would do by itself and routes do here is
// switched off: retries, service configurations from DNS, the environment's HTTP proxy.

#include "server/stub/dial.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "server/tls/context.h"
#include "server/tls/small_file.h"
#include "server/tls/system_ca.h"

namespace singleflight::stub {
namespace {

using upstream::UpstreamOptions;

constexpr int kFirstPauseMs = 100;            // after a failure, as in the native transport
constexpr int kLeastBetweenLookUpsMs = 1000;  // likewise

int Milliseconds(absl::Duration time) {
  return static_cast<int>(
      std::min<int64_t>(absl::ToInt64Milliseconds(time), std::numeric_limits<int>::max()));
}

// What a certificate has to name; empty: what the target does. Where endpoints are listed, each of
// them is a target.
std::string ServerNameOf(const UpstreamOptions& options, const std::string& authority) {
  if (!options.tls.has_value()) return "";
  if (!options.tls->server_name.empty() || options.endpoints.empty()) {
    return options.tls->server_name;
  }
  return std::string(tls::HostOf(authority));
}

grpc::ChannelArguments ArgumentsOf(const UpstreamOptions& options, const std::string& authority) {
  grpc::ChannelArguments arguments;
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, authority);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(options.max_reply_header_bytes));
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, Milliseconds(options.connect_timeout));
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstPauseMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, Milliseconds(options.max_reconnect_backoff));
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, kLeastBetweenLookUpsMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(options.ping_after));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(options.ping_timeout));
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (const std::string name = ServerNameOf(options, authority); !name.empty()) {
    arguments.SetSslTargetNameOverride(name);
  }
  return arguments;
}

absl::StatusOr<std::string> Read(const std::string& path) {
  if (path.empty()) return std::string();
  return tls::ReadSmallFile(path);
}

// The certificate is checked against the host of the target, or server_name, and not against each
// call's authority: that is the caller's, or a rule's.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(
    const UpstreamOptions& options) {
  using namespace grpc::experimental;  // NOLINT: all that is about TLS options stands there
  if (!options.tls.has_value()) return grpc::InsecureChannelCredentials();
  const tls::ClientOptions& tls = *options.tls;
  const absl::StatusOr<std::string> ca =
      Read(tls.ca.empty() ? tls::SystemCaFile().value_or("") : tls.ca);
  if (!ca.ok()) return ca.status();
  const absl::StatusOr<std::string> certificate = Read(tls.certificate);
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<std::string> private_key = Read(tls.private_key);
  if (!private_key.ok()) return private_key.status();

  std::vector<IdentityKeyCertPair> shown;
  if (!certificate->empty()) shown.push_back({*private_key, *certificate});
  TlsChannelCredentialsOptions credentials;
  credentials.set_certificate_provider(std::make_shared<StaticDataCertificateProvider>(*ca, shown));
  credentials.watch_root_certs();
  if (!shown.empty()) credentials.watch_identity_key_cert_pairs();
  credentials.set_check_call_host(false);
  return TlsCredentials(credentials);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> Dial(const UpstreamOptions& options,
                                                    const std::string& target,
                                                    const std::string& authority, int most_bytes) {
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials = CredentialsOf(options);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments = ArgumentsOf(options, authority);
  arguments.SetMaxReceiveMessageSize(most_bytes);
  return grpc::CreateCustomChannel(target, *credentials, arguments);
}

}  // namespace singleflight::stub
