// What `tls:` sections say, and what is wrong with the files that they name.

#include "server/tls/context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>
#include <string>

#include "tests/testing/certificates.h"

namespace singleflight::tls {
namespace {

using singleflight::testing::CertificateFiles;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TlsContextTest : public ::testing::Test {
 protected:
  static ServerOptions Server(const CertificateFiles& files) {
    return {files.certificate, files.private_key, ""};
  }
  static SharedContext Right(Context::Made made) {
    if (const auto* mistakes = absl::get_if<tls::Mistakes>(&made)) {
      ADD_FAILURE() << mistakes->front().option << ": " << mistakes->front().what;
      return nullptr;
    }
    return absl::get<SharedContext>(std::move(made));
  }
  // One "OPTION: WHAT" each; none: the context was made.
  static std::vector<std::string> Mistakes(const Context::Made& made) {
    std::vector<std::string> texts;
    if (const auto* mistakes = absl::get_if<tls::Mistakes>(&made)) {
      for (const Mistake& mistake : *mistakes) {
        texts.push_back(mistake.option + ": " + mistake.what);
      }
    }
    return texts;
  }

  singleflight::testing::Authority authority_{"test CA"};
  const singleflight::testing::SystemAuthorities system_{authority_.ca()};
  const CertificateFiles own_ = authority_.Sign("proxy.example");
};

TEST_F(TlsContextTest, ACertificateAndItsKeyAreEnoughForAListener) {
  EXPECT_EQ(Right(Context::ForListener(Server(own_)))->trust(), "tls");
}

TEST_F(TlsContextTest, AFileThatIsNotThereIsNamedWithTheCure) {
  EXPECT_THAT(Mistakes(Context::ForListener({"/no/such.pem", own_.private_key, ""})),
              ElementsAre(AllOf(HasSubstr("certificate: \"/no/such.pem\" cannot be read (No such"),
                                HasSubstr("write the path of a file that is there"))));
}

TEST_F(TlsContextTest, EveryFileThatIsWrongIsToldOf) {
  ServerOptions options = Server(own_);
  options.certificate = authority_.Write("a", "nothing of the kind");
  options.client_ca = authority_.Write("b", "");
  EXPECT_THAT(Mistakes(Context::ForListener(options)),
              ElementsAre(HasSubstr("certificate: \"" + options.certificate + "\" holds no cert"),
                          HasSubstr("client_ca: \"" + options.client_ca + "\" holds no CA")));
}

TEST_F(TlsContextTest, APipeOrADeviceIsRefusedWithoutWaiting) {
  const std::string pipe = authority_.folder() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, std::string("/dev/zero"), authority_.folder()}) {
    EXPECT_THAT(Mistakes(Context::ForListener({path, own_.private_key, ""})),
                ElementsAre(HasSubstr("is no file")));
  }
}

TEST_F(TlsContextTest, AFileBeyondAMebibyteIsRefused) {
  const std::string path = authority_.Write("large", std::string((1 << 20) + 1, 'x'));
  EXPECT_THAT(Mistakes(Context::ForListener({path, own_.private_key, ""})),
              ElementsAre(HasSubstr("larger than 1 MiB")));
}

TEST_F(TlsContextTest, ADamagedCertificateBehindAGoodOneIsRefused) {
  std::string pem = testing::ReadAll(own_.certificate);
  pem += pem.substr(0, pem.size() / 2) + "\n-----END CERTIFICATE-----\n";
  const std::string path = authority_.Write("chain.pem", pem);
  EXPECT_THAT(Mistakes(Context::ForListener({path, own_.private_key, ""})),
              ElementsAre(HasSubstr("one that is damaged")));
}

TEST_F(TlsContextTest, AnEncryptedKeyIsRefusedAndNobodyIsAsked) {
  const std::string path = authority_.Write("e.key", testing::EncryptedKey());
  EXPECT_THAT(Mistakes(Context::ForListener({own_.certificate, path, ""})),
              ElementsAre(HasSubstr("private_key: \"" + path + "\" is encrypted")));
}

TEST_F(TlsContextTest, NobodyIsAskedForThePassphraseOfACertificateEither) {
  const std::string begin = "-----BEGIN CERTIFICATE-----\n";
  std::string pem = testing::ReadAll(own_.certificate);
  pem.insert(pem.find(begin) + begin.size(),
             "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n");
  const std::string path = authority_.Write("e.pem", pem);
  ::testing::internal::CaptureStderr();
  const auto mistakes = Mistakes(Context::ForListener({path, own_.private_key, ""}));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_THAT(mistakes, ElementsAre(HasSubstr("certificate: \"" + path)));
}

TEST_F(TlsContextTest, AKeyOfAnotherCertificateIsRefused) {
  const CertificateFiles other = authority_.Sign("other.example");
  EXPECT_THAT(Mistakes(Context::ForListener({own_.certificate, other.private_key, ""})),
              ElementsAre(HasSubstr("is not the key of the certificate")));
}

TEST_F(TlsContextTest, AFileWithoutAKeyIsRefused) {
  EXPECT_THAT(Mistakes(Context::ForListener({own_.certificate, own_.certificate, ""})),
              ElementsAre(HasSubstr("holds no private key")));
}

TEST_F(TlsContextTest, ACertificateAndAKeyGoTogether) {
  EXPECT_THAT(Mistakes(Context::ForUpstream({"", own_.certificate, "", ""}, "h")),
              ElementsAre(HasSubstr("certificate: needs its \"private_key\"")));
  EXPECT_THAT(Mistakes(Context::ForUpstream({"", "", own_.private_key, ""}, "h")),
              ElementsAre(HasSubstr("private_key: needs its \"certificate\"")));
}

TEST_F(TlsContextTest, AnOwnCertificateThatIsOverOrNotYetValidIsAWarning) {
  const auto warnings = [&](int first, int last) {
    return Right(Context::ForListener(Server(authority_.Sign("h", first, last))))->warnings();
  };
  ASSERT_EQ(warnings(-10, -5).size(), 1u);
  EXPECT_THAT(warnings(-10, -5)[0].what, HasSubstr("expired at"));
  ASSERT_EQ(warnings(5, 10).size(), 1u);
  EXPECT_THAT(warnings(5, 10)[0].what, HasSubstr("is not valid before"));
  EXPECT_THAT(warnings(-1, 1), IsEmpty());
}

TEST_F(TlsContextTest, ItTellsWhenTheOwnCertificateEnds) {
  const auto context = Right(Context::ForListener(Server(authority_.Sign("h", -1, 30))));
  ASSERT_EQ(context->expiries().size(), 1u);
  // X509_gmtime_adj took the time when the certificate was made.
  struct stat about = {};
  ASSERT_EQ(::stat(context->expiries()[0].file.c_str(), &about), 0);
  EXPECT_NEAR(static_cast<double>(context->expiries()[0].at - about.st_mtim.tv_sec), 30 * 86400,
              10);
}

TEST_F(TlsContextTest, OfAChainTheEarliestEndCounts) {
  const CertificateFiles leaf = authority_.Sign("h", -1, 30);
  const CertificateFiles soon = authority_.Sign("above h", -1, 3);
  const std::string chain = authority_.Write(
      "chain.pem", testing::ReadAll(leaf.certificate) + testing::ReadAll(soon.certificate));
  const auto both = Right(Context::ForListener({chain, leaf.private_key, ""}));
  const auto alone = Right(Context::ForListener(Server(soon)));
  EXPECT_EQ(both->expiries()[0].at, alone->expiries()[0].at);
}

TEST_F(TlsContextTest, ItTellsWhenCasThatAreNamedEnd) {
  const auto listener =
      Right(Context::ForListener({own_.certificate, own_.private_key, authority_.ca()}));
  ASSERT_EQ(listener->expiries().size(), 2u);
  EXPECT_EQ(listener->expiries()[1].file, authority_.ca());
  const auto upstream = Right(Context::ForUpstream({authority_.ca(), "", "", ""}, "h"));
  ASSERT_EQ(upstream->expiries().size(), 1u);
  EXPECT_EQ(upstream->expiries()[0].at, listener->expiries()[1].at);
  EXPECT_THAT(Right(Context::ForUpstream({}, "h"))->expiries(), IsEmpty()) << "the system's";
}

// PITFALLS 17
TEST_F(TlsContextTest, ClientsOfAnotherCaAreTrustedDifferently) {
  const singleflight::testing::Authority other("other CA");
  ServerOptions options = Server(own_);
  std::set<std::string> distinct = {Right(Context::ForListener(options))->trust()};
  for (const std::string& ca : {authority_.ca(), other.ca()}) {
    options.client_ca = ca;
    distinct.insert(Right(Context::ForListener(options))->trust());
  }
  EXPECT_EQ(distinct.size(), 3u);
}

TEST_F(TlsContextTest, ARenewedCertificateLeavesTrustAsItIs) {
  ServerOptions before = Server(own_), after = Server(authority_.Sign("proxy.example"));
  before.client_ca = after.client_ca = authority_.ca();
  const auto a = Right(Context::ForListener(before));
  const auto b = Right(Context::ForListener(after));
  EXPECT_EQ(a->trust(), b->trust());
  EXPECT_NE(a->digest(), b->digest());
}

TEST_F(TlsContextTest, WithNothingChangedTheDigestIsTheSame) {
  const ClientOptions options = {authority_.ca(), own_.certificate, own_.private_key, ""};
  const auto digest = [&](absl::string_view host) {
    return Right(Context::ForUpstream(options, host))->digest();
  };
  EXPECT_EQ(digest("a.example"), digest("a.example"));
  EXPECT_NE(digest("a.example"), digest("b.example"));
}

TEST_F(TlsContextTest, AnUpstreamIsToldApartByNameCaAndTheCertificateItIsShown) {
  const singleflight::testing::Authority other("other CA");
  const ClientOptions all[] = {{},
                               {authority_.ca(), "", "", ""},
                               {other.ca(), "", "", ""},
                               {"", "", "", "b.example"},
                               {"", own_.certificate, own_.private_key, ""}};
  std::set<std::string> distinct;
  for (const ClientOptions& options : all) {
    distinct.insert(Right(Context::ForUpstream(options, "a.example"))->trust());
  }
  EXPECT_EQ(distinct.size(), std::size(all));
}

// An update of the system's does not drop what is kept, and reaches connections.
TEST_F(TlsContextTest, OtherAuthoritiesOfTheSystemMakeAnotherContextOfTheSameTrust) {
  const auto before = Right(Context::ForUpstream({}, "a.example"));
  const singleflight::testing::Authority other("other CA");
  const singleflight::testing::SystemAuthorities updated(other.ca());
  const auto after = Right(Context::ForUpstream({}, "a.example"));
  EXPECT_EQ(before->trust(), after->trust());
  EXPECT_NE(before->digest(), after->digest());
}

TEST_F(TlsContextTest, AuthoritiesOfTheSystemThatCannotBeReadAreNamed) {
  const singleflight::testing::SystemAuthorities gone("/no/such.pem");
  EXPECT_THAT(Mistakes(Context::ForUpstream({}, "a.example")),
              ElementsAre(HasSubstr("the system's CAs: \"/no/such.pem\" cannot be read")));
  const singleflight::testing::SystemAuthorities empty(authority_.Write("none.pem", ""));
  EXPECT_THAT(Mistakes(Context::ForUpstream({}, "a.example")),
              ElementsAre(HasSubstr("none.pem\" holds no CA certificates")));
}

TEST_F(TlsContextTest, AnIpAddressIsNoServerName) {
  EXPECT_TRUE(Right(Context::ForUpstream({}, "a.example"))->sends_server_name());
  EXPECT_FALSE(Right(Context::ForUpstream({}, "10.0.0.1"))->sends_server_name());
  EXPECT_FALSE(Right(Context::ForUpstream({}, "::1"))->sends_server_name());
}

TEST(HostOfTest, AnAuthorityLosesItsPort) {
  EXPECT_EQ(HostOf("catalog.example:50051"), "catalog.example");
  EXPECT_EQ(HostOf("[fd00::1]:443"), "fd00::1");
  EXPECT_EQ(HostOf("10.0.0.1:1"), "10.0.0.1");
  EXPECT_EQ(HostOf("localhost"), "localhost");
}

}  // namespace
}  // namespace singleflight::tls
