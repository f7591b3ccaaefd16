#ifndef SINGLEFLIGHT_SERVER_TLS_SYSTEM_CA_H_
#define SINGLEFLIGHT_SERVER_TLS_SYSTEM_CA_H_

#include <string>

#include "absl/types/optional.h"

namespace singleflight::tls {

// The path of the file with the CAs that this system trusts: what the environment's SSL_CERT_FILE
// names, even if it is not there; else OpenSSL's own; where that is not there, as on Debian, the
// one of the package ca-certificates. nullopt: there is none. Threads: any, while nobody sets
// variables.
absl::optional<std::string> SystemCaFile();

}  // namespace singleflight::tls

#endif  // SINGLEFLIGHT_SERVER_TLS_SYSTEM_CA_H_
