#ifndef SINGLEFLIGHT_SERVER_TLS_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_TLS_OPTIONS_H_

#include <string>

namespace singleflight::tls {

// Paths of PEM files. An empty one is not given.

// `tls:` of a listener.
struct ServerOptions {
  std::string certificate;  // with the chain that clients need behind it
  std::string private_key;
  std::string client_ca;  // given: a client must show a certificate that one of these has signed

  bool operator==(const ServerOptions&) const = default;
};

// `tls:` of an upstream.
struct ClientOptions {
  std::string ca;  // may have signed backends' certificates; else the system's (SystemCaFile)
  std::string certificate;  // shown to backends that ask; together with private_key
  std::string private_key;
  std::string server_name;  // what backends' certificates must be for; else the target's host

  bool operator==(const ClientOptions&) const = default;
};

}  // namespace singleflight::tls

#endif  // SINGLEFLIGHT_SERVER_TLS_OPTIONS_H_
