// interop-server [tls]: serves gRPC's interoperability cases until its standard input ends, for
// clients in other languages. Says where in its first line; with "tls" also the PEM files of its
// certificate, which are gone when it is.

#include <cstring>
#include <iostream>

#include "tests/interop/cpp/test_service.h"
#include "tests/testing/certificates.h"

int main(int argc, char** argv) {
  namespace testing = singleflight::testing;
  const bool with_tls = argc == 2 && std::strcmp(argv[1], "tls") == 0;
  if (argc > 1 && !with_tls) {
    std::cerr << "usage: interop-server [tls]\n";
    return 2;
  }
  testing::Authority authority("interop CA");
  const testing::CertificateFiles own = authority.Sign("interop.example");
  absl::optional<testing::PeerTls> tls;
  if (with_tls) tls = testing::PeerTls{"", own.certificate, own.private_key};
  const testing::TestServer server(tls);
  std::cout << server.address() << " " << authority.ca() << " " << own.certificate << " "
            << own.private_key << std::endl;
  std::cin.ignore(std::numeric_limits<std::streamsize>::max());
  return 0;
}
