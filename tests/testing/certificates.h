#ifndef SINGLEFLIGHT_TESTS_TESTING_CERTIFICATES_H_
#define SINGLEFLIGHT_TESTS_TESTING_CERTIFICATES_H_

#include <memory>
#include <string>

// Certificates that are made when a test wants them, in a folder that goes with it.
namespace singleflight::testing {

// One PEM file each.
struct CertificateFiles {
  std::string certificate;
  std::string private_key;
};

// A CA and what it signs.
class Authority {
 public:
  explicit Authority(const std::string& name);
  // One that is not a root: `above` has signed it.
  Authority(const std::string& name, const Authority& above);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  // The path of the CA's own certificate.
  std::string ca() const { return folder_ + "/ca.pem"; }

  // A certificate for a host or an IP address; valid for so many days around now, which may lie
  // behind (`first` and `last` are days from today).
  CertificateFiles Sign(const std::string& host, int first = -1, int last = 1);

  // One that names the host as its subject's CN and nowhere else, as was done long ago.
  CertificateFiles SignByCommonName(const std::string& host);

  // A file beside the others.
  std::string Write(const std::string& name, const std::string& bytes) const;
  const std::string& folder() const { return folder_; }

 private:
  struct Keys;
  Authority(const std::string& name, const Keys* above);
  CertificateFiles Issue(const std::string& host, int first, int last, const std::string& names);

  std::string folder_;
  std::unique_ptr<Keys> keys_;
  int signed_ = 0;
};

// While it lives, this process and those that it starts take the CAs of that file for the system's.
class SystemAuthorities {
 public:
  explicit SystemAuthorities(const std::string& path);
  ~SystemAuthorities();
  SystemAuthorities(const SystemAuthorities&) = delete;
  SystemAuthorities& operator=(const SystemAuthorities&) = delete;

 private:
  std::string before_;
};

std::string ReadAll(const std::string& path);

// A private key behind a passphrase, in PEM.
std::string EncryptedKey();

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_CERTIFICATES_H_
