#include "server/tls/system_ca.h"

#include <openssl/x509.h>
#include <unistd.h>

#include <cstdlib>

namespace singleflight::tls {
namespace {

constexpr char kOfThePackage[] = "/etc/ssl/certs/ca-certificates.crt";

}  // namespace

absl::optional<std::string> SystemCaFile() {
  const char* named = std::getenv(X509_get_default_cert_file_env());
  if (named != nullptr && *named != '\0') return std::string(named);
  for (const char* path : {X509_get_default_cert_file(), kOfThePackage}) {
    if (::access(path, F_OK) == 0) return std::string(path);
  }
  return absl::nullopt;
}

}  // namespace singleflight::tls
