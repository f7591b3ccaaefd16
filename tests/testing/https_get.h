#ifndef SINGLEFLIGHT_TESTS_TESTING_HTTPS_GET_H_
#define SINGLEFLIGHT_TESTS_TESTING_HTTPS_GET_H_

#include <string>

#include "tests/testing/certificates.h"

namespace singleflight::testing {

// Sends `bytes` by TLS, on a connection of its own, and returns all that comes until the other side
// closes. Shows `own`, if it has paths, and takes any certificate of the other side.
std::string SendRawByTls(const std::string& address, const std::string& bytes,
                         const CertificateFiles& own = {});

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_HTTPS_GET_H_
