// Certificates for tests, made when they run.

#include "tests/testing/certificates.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace singleflight::testing {
namespace {

void Must(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("OpenSSL cannot ") + what);
}

struct FreeX509 {
  void operator()(X509* x) const { X509_free(x); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using X509Ptr = std::unique_ptr<X509, FreeX509>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;

KeyPtr NewKey() { return KeyPtr(EVP_EC_gen("P-256")); }

void SetName(X509* certificate, const std::string& name) {
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
}

void Extend(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  Must(extension != nullptr, "make an extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509Ptr NewCertificate(const std::string& name, int serial, int first_day, int last_day,
                       EVP_PKEY* key) {
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 86400L * first_day);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400L * last_day);
  SetName(certificate.get(), name);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

template <typename Print>
std::string Pem(const Print& print) {
  BIO* bio = BIO_new(BIO_s_mem());
  Must(print(bio) == 1, "write PEM");
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string pem(bytes, static_cast<size_t>(size));
  BIO_free(bio);
  return pem;
}

std::string PemOf(X509* certificate) {
  return Pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

std::string PemOf(EVP_PKEY* key) {
  return Pem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

bool IsAddress(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

struct Authority::Keys {
  KeyPtr key = NewKey();
  X509Ptr certificate;
};

Authority::Authority(const std::string& name) : Authority(name, nullptr) {}

Authority::Authority(const std::string& name, const Authority& above)
    : Authority(name, above.keys_.get()) {}

Authority::Authority(const std::string& name, const Keys* above) : keys_(std::make_unique<Keys>()) {
  std::string pattern = std::filesystem::temp_directory_path() / "certificates.XXXXXX";
  Must(::mkdtemp(pattern.data()) != nullptr, "have a folder");
  folder_ = pattern;
  keys_->certificate = NewCertificate(name, 1, -1000, 1000, keys_->key.get());
  X509* ca = keys_->certificate.get();
  const Keys& signer = above == nullptr ? *keys_ : *above;
  X509_set_issuer_name(ca, X509_get_subject_name(signer.certificate.get()));
  Extend(ca, NID_basic_constraints, "critical,CA:TRUE");
  Extend(ca, NID_key_usage, "critical,keyCertSign");
  Must(X509_sign(ca, signer.key.get(), EVP_sha256()) > 0, "sign");
  Write("ca.pem", PemOf(ca));
}

Authority::~Authority() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

CertificateFiles Authority::Sign(const std::string& host, int first, int last) {
  return Issue(host, first, last, (IsAddress(host) ? "IP:" : "DNS:") + host);
}

CertificateFiles Authority::SignByCommonName(const std::string& host) {
  return Issue(host, -1, 1, "");
}

CertificateFiles Authority::Issue(const std::string& host, int first, int last,
                                  const std::string& names) {
  const KeyPtr key = NewKey();
  const X509Ptr certificate = NewCertificate(host, 2 + signed_, first, last, key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(keys_->certificate.get()));
  if (!names.empty()) Extend(certificate.get(), NID_subject_alt_name, names);
  Must(X509_sign(certificate.get(), keys_->key.get(), EVP_sha256()) > 0, "sign");
  const std::string name = std::to_string(signed_++);
  return {Write(name + ".pem", PemOf(certificate.get())), Write(name + ".key", PemOf(key.get()))};
}

std::string Authority::Write(const std::string& name, const std::string& bytes) const {
  const std::string path = folder_ + "/" + name;
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

SystemAuthorities::SystemAuthorities(const std::string& path) {
  if (const char* before = std::getenv("SSL_CERT_FILE")) before_ = before;
  ::setenv("SSL_CERT_FILE", path.c_str(), 1);
}

SystemAuthorities::~SystemAuthorities() {  // empty: as if it were not set
  ::setenv("SSL_CERT_FILE", before_.c_str(), 1);
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

std::string EncryptedKey() {
  const KeyPtr key = NewKey();
  return Pem([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), EVP_aes_256_cbc(), "secret", 6, nullptr,
                                         nullptr);
  });
}

}  // namespace singleflight::testing
