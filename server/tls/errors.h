#ifndef SINGLEFLIGHT_SERVER_TLS_ERRORS_H_
#define SINGLEFLIGHT_SERVER_TLS_ERRORS_H_

#include <string>

struct ssl_st;

namespace singleflight::tls {

// What OpenSSL's last error on this connection means to whoever runs the proxy: "TLS: …". Empties
// OpenSSL's queue of errors.
std::string WhyTlsFailed(const ssl_st* ssl);

}  // namespace singleflight::tls

#endif  // SINGLEFLIGHT_SERVER_TLS_ERRORS_H_
