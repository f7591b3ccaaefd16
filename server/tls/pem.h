// Certificates as they stand in PEM files: owners for OpenSSL's objects, and what is read of them.
// For the .cc files of this room only.

#ifndef SINGLEFLIGHT_SERVER_TLS_PEM_H_
#define SINGLEFLIGHT_SERVER_TLS_PEM_H_

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace singleflight::tls {

template <auto function>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    function(object);
  }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

using Digest = std::array<unsigned char, 32>;

// The certificates in `pem`, up to its end or to what cannot be read, which leaves an error of
// OpenSSL's.
std::vector<Certificate> ReadCertificates(const std::string& pem);

// Whether the list ended as lists do. To be asked right after ReadCertificates.
bool ReadToTheEnd();

// For OpenSSL to call, which else asks at the terminal, and waits. `asked`: a bool, or null.
int RefusePassphrase(char*, int, int, void* asked);

// Reads from `bytes`, which stays the caller's.
Bio Reader(const std::string& bytes);

// When the first of them ends, in Unix time; of one at least.
int64_t EarliestEnd(const std::vector<Certificate>& all);

// For people.
std::string Spelled(const ASN1_TIME* time);

Digest Sha256(absl::string_view bytes);
std::string HexSha256(absl::string_view bytes);

// Why OpenSSL refused something; its queue of errors is empty then.
std::string Reason();

}  // namespace singleflight::tls

#endif  // SINGLEFLIGHT_SERVER_TLS_PEM_H_
