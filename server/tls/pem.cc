#include "server/tls/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <limits>

#include "absl/strings/escaping.h"
#include "server/base/check.h"

namespace singleflight::tls {
namespace {

int64_t UnixTime(const ASN1_TIME* time) {
  const std::unique_ptr<ASN1_TIME, Free<ASN1_STRING_free>> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  ASN1_TIME_diff(&days, &seconds, epoch.get(), time);
  return int64_t{days} * 86400 + seconds;
}

}  // namespace

Digest Sha256(absl::string_view bytes) {
  Digest digest;
  SF_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) ==
           1);
  return digest;
}

std::string HexSha256(absl::string_view bytes) {
  const Digest digest = Sha256(bytes);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

std::string Reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "no reason given" : reason;
}

Bio Reader(const std::string& bytes) {
  return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

int RefusePassphrase(char*, int, int, void* asked) {
  if (asked != nullptr) *static_cast<bool*>(asked) = true;
  return -1;
}

std::vector<Certificate> ReadCertificates(const std::string& pem) {
  std::vector<Certificate> all;
  const Bio reader = Reader(pem);
  while (X509* one = PEM_read_bio_X509_AUX(reader.get(), nullptr, RefusePassphrase, nullptr)) {
    all.emplace_back(one);
  }
  return all;
}

bool ReadToTheEnd() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

int64_t EarliestEnd(const std::vector<Certificate>& all) {
  int64_t earliest = std::numeric_limits<int64_t>::max();
  for (const Certificate& one : all) {
    earliest = std::min(earliest, UnixTime(X509_get0_notAfter(one.get())));
  }
  return earliest;
}

std::string Spelled(const ASN1_TIME* time) {
  const Bio text(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(text.get(), time);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(text.get(), &bytes);
  return std::string(bytes, static_cast<size_t>(size));
}

}  // namespace singleflight::tls
