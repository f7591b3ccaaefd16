#include "tests/testing/https_get.h"

#include <openssl/ssl.h>
#include <unistd.h>

#include <memory>

#include "tests/testing/http_get.h"

namespace singleflight::testing {

std::string SendRawByTls(const std::string& address, const std::string& bytes,
                         const CertificateFiles& own) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  if (!own.certificate.empty()) {
    SSL_CTX_use_certificate_chain_file(context.get(), own.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), own.private_key.c_str(), SSL_FILETYPE_PEM);
  }
  const int fd = ConnectTo(address);
  std::string got;
  {
    const std::unique_ptr<SSL, decltype(&SSL_free)> stream(SSL_new(context.get()), SSL_free);
    SSL_set_fd(stream.get(), fd);
    if (SSL_connect(stream.get()) == 1) {
      SSL_write(stream.get(), bytes.data(), static_cast<int>(bytes.size()));
      char buffer[4096];
      int n = 0;
      while ((n = SSL_read(stream.get(), buffer, sizeof(buffer))) > 0) {
        got.append(buffer, static_cast<size_t>(n));
      }
    }
  }
  ::close(fd);
  return got;
}

}  // namespace singleflight::testing
