#include "server/tls/errors.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "absl/strings/str_cat.h"

namespace singleflight::tls {
namespace {

std::string WhyNotVerified(const SSL* ssl) {
  const long verdict = SSL_get_verify_result(ssl);
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "TLS: the peer's certificate is for another name (see tls.server_name; what counts is "
             "its subjectAltName, not its CN)";
    default:
      return absl::StrCat("TLS: the peer's certificate is not accepted: ",
                          X509_verify_cert_error_string(verdict));
  }
}

}  // namespace

std::string WhyTlsFailed(const SSL* ssl) {
  const unsigned long error = ERR_peek_last_error();
  const char* words = ERR_reason_error_string(error);
  const int reason = ERR_GET_REASON(error);
  ERR_clear_error();
  if (words == nullptr) return "TLS: the peer closed the connection during the handshake";
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return WhyNotVerified(ssl);
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "TLS: the peer showed no certificate";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return "TLS: the peer does not speak it (plaintext, or another protocol)";
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return "TLS: the peer offers no h2 (ALPN)";
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return "TLS: the peer speaks no version from 1.2 on";
    default:
      break;
  }
  if (reason >= SSL_AD_REASON_OFFSET) return absl::StrCat("TLS: the peer refused: ", words);
  return absl::StrCat("TLS: ", words);
}

}  // namespace singleflight::tls
