#include "server/admin/admin_certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/certificates.h"

namespace singleflight::admin {
namespace {

using ::testing::HasSubstr;

class AdminCertificatesTest : public ::testing::Test {
 protected:
  void Put(const testing::CertificateFiles& files) {
    options_.certificate = authority_.Write("own.pem", testing::ReadAll(files.certificate));
    options_.private_key = authority_.Write("own.key", testing::ReadAll(files.private_key));
    options_.client_ca = authority_.ca();
  }

  testing::Authority authority_{"operators"};
  tls::ServerOptions options_;
  Rights rights_{""};
};

TEST_F(AdminCertificatesTest, ARenewedCertificateCountsAndAWrongOneDoesNot) {
  Put(authority_.Sign("one"));
  const auto certificates = *AdminCertificates::Read(options_, rights_);
  const tls::SharedContext first = certificates->context();
  certificates->Look();
  EXPECT_EQ(certificates->context(), first) << "nothing has changed";
  Put(authority_.Sign("two"));
  certificates->Look();
  const tls::SharedContext second = certificates->context();
  EXPECT_NE(second, first);
  Put(authority_.Sign("over", -9, -2));
  certificates->Look();
  authority_.Write("own.pem", "nonsense");
  certificates->Look();
  EXPECT_EQ(certificates->context(), second);
}

TEST_F(AdminCertificatesTest, FilesThatAreWrongAreAMistake) {
  options_ = {"/nowhere/own.pem", "/nowhere/own.key", ""};
  EXPECT_THAT(std::string(AdminCertificates::Read(options_, rights_).status().message()),
              HasSubstr("admin.tls.certificate \"/nowhere/own.pem\" cannot be read"));
}

TEST_F(AdminCertificatesTest, WithoutOptionsThereIsNoTls) {
  EXPECT_EQ(*AdminCertificates::Read(absl::nullopt, rights_), nullptr);
}

}  // namespace
}  // namespace singleflight::admin
