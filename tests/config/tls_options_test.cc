// `tls:` of listeners and upstreams: what the file says, and the files that it names.

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/config/files.h"
#include "tests/testing/certificates.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string WithListenerTls(const std::string& tls) {
  return absl::StrCat("upstreams: [{name: b, target: h:1}]\nroutes: [{upstream: b}]\nlisteners:\n",
                      "  - address: 127.0.0.1:0\n    tls: ", tls, "\n");
}

TEST(TlsOptionsTest, WithoutASectionEverythingIsPlaintext) {
  const Config config = Right(WithOption(""));
  EXPECT_FALSE(config.listeners[0].tls.has_value());
  EXPECT_FALSE(config.upstreams[0].tls.has_value());
}

TEST(TlsOptionsTest, AListenerHasACertificateAKeyAndPerhapsAClientCa) {
  const Config config =
      Right(WithListenerTls("{certificate: /a.pem, private_key: /a.key, client_ca: /ca.pem}"));
  EXPECT_EQ(config.listeners[0].tls, (tls::ServerOptions{"/a.pem", "/a.key", "/ca.pem"}));
}

TEST(TlsOptionsTest, AListenerNeedsBothCertificateAndKey) {
  EXPECT_THAT(MistakesIn(WithListenerTls("{client_ca: ca.pem}")),
              ElementsAre(HasSubstr("listeners[0].tls: \"certificate\" is missing"),
                          HasSubstr("listeners[0].tls: \"private_key\" is missing")));
}

TEST(TlsOptionsTest, APathHasNoControlCharacters) {
  EXPECT_THAT(MistakesIn(WithUpstreamOption("tls: {ca: \"a\\n.pem\"}")),
              ElementsAre(HasSubstr("tls.ca: \"a\\n.pem\" is no path; write that of a PEM file")));
}

TEST(TlsOptionsTest, AnUpstreamMaySayTrueAlone) {
  EXPECT_EQ(Right(WithUpstreamOption("tls: true")).upstreams[0].tls, tls::ClientOptions());
  EXPECT_FALSE(Right(WithUpstreamOption("tls: false")).upstreams[0].tls.has_value());
}

TEST(TlsOptionsTest, AnUpstreamsOptionsAreAllOptional) {
  const Config config =
      Right(WithUpstreamOption("tls: {ca: /ca.pem, certificate: /c.pem, private_key: /c.key, "
                               "server_name: catalog.example}"));
  EXPECT_EQ(config.upstreams[0].tls,
            (tls::ClientOptions{"/ca.pem", "/c.pem", "/c.key", "catalog.example"}));
}

TEST(TlsOptionsTest, AnUpstreamsCertificateAndKeyGoTogether) {
  EXPECT_THAT(MistakesIn(WithUpstreamOption("tls: {certificate: c.pem}")),
              ElementsAre("f.yaml:6:24: upstreams[0].tls.certificate: stands without "
                          "\"private_key\"; add it"));
  EXPECT_THAT(MistakesIn(WithUpstreamOption("tls: {private_key: c.key}")),
              ElementsAre(HasSubstr("stands without \"certificate\"; add it")));
}

TEST(TlsOptionsTest, AServerNameHasNoPort) {
  for (const char* name : {"a/b", "catalog.example:443", "10.0.0.1:443", "[::1]"}) {
    EXPECT_THAT(MistakesIn(WithUpstreamOption(absl::StrCat("tls: {server_name: \"", name, "\"}"))),
                ElementsAre(HasSubstr(absl::StrCat("\"", name, "\" is no host"))));
  }
  for (const char* name : {"catalog.example", "catalog.example.", "10.0.0.1", "::1", "fd00::1"}) {
    Right(WithUpstreamOption(absl::StrCat("tls: {server_name: \"", name, "\"}")));
  }
}

// OpenSSL would check no name, or accept any subdomain.
TEST(TlsOptionsTest, AServerNameHasSomethingBesideEachDot) {
  for (const char* name : {".", "..", ".corp.example", "a..b", "a.."}) {
    EXPECT_THAT(MistakesIn(WithUpstreamOption(absl::StrCat("tls: {server_name: \"", name, "\"}"))),
                ElementsAre(HasSubstr(absl::StrCat("\"", name, "\" is no host"))));
  }
}

// A configuration in a file, with certificates in the same folder.
class TlsFilesTest : public ::testing::Test {
 protected:
  absl::StatusOr<Loaded> LoadWritten(const std::string& text) {
    return LoadFile(authority_.Write("proxy.yaml", text),
                    [](absl::string_view) { return absl::nullopt; });
  }
  std::vector<std::string> Mistakes(const std::string& text) {
    const auto loaded = LoadWritten(text);
    if (loaded.ok()) return {};
    return absl::StrSplit(loaded.status().message(), '\n');
  }

  singleflight::testing::Authority authority_{"test CA"};
  const singleflight::testing::CertificateFiles own_ = authority_.Sign("h.example");
};

TEST_F(TlsFilesTest, RelativePathsBeginAtTheFolderOfTheFile) {
  const auto loaded =
      LoadWritten(WithListenerTls("{certificate: 0.pem, private_key: ./0.key, client_ca: ca.pem}"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->warnings, IsEmpty());
  EXPECT_EQ(loaded->config.listeners[0].tls->certificate, own_.certificate);
}

TEST_F(TlsFilesTest, WhatIsWrongWithAFileIsToldWithThePlaceOfTheOption) {
  EXPECT_THAT(Mistakes(WithListenerTls("{certificate: none.pem, private_key: 0.key}")),
              ElementsAre(HasSubstr("/proxy.yaml:5:24: listeners[0].tls.certificate: \"" +
                                    authority_.folder() + "/none.pem\" cannot be read")));
  EXPECT_THAT(Mistakes(WithUpstreamOption("tls: {ca: 0.key}")),
              ElementsAre(HasSubstr("/proxy.yaml:6:15: upstreams[0].tls.ca: \"")));
}

TEST_F(TlsFilesTest, EveryMistakeIsToldAtOnce) {
  EXPECT_THAT(Mistakes(WithListenerTls("{certificate: ca.pem, private_key: 0.key, client_ca: x}") +
                       "threads: many\n"),
              ElementsAre(HasSubstr("is not the key of the certificate"), HasSubstr("client_ca"),
                          HasSubstr("threads")));
}

TEST_F(TlsFilesTest, ACertificateThatIsOverIsAWarning) {
  authority_.Sign("h.example", -10, -5);
  const auto loaded = LoadWritten(WithListenerTls("{certificate: 1.pem, private_key: 1.key}"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->warnings, ElementsAre(HasSubstr("listeners[0].tls.certificate: \"")));
}

TEST_F(TlsFilesTest, TheSystemsAuthoritiesAreADefaultAndWatched) {
  const singleflight::testing::SystemAuthorities system(authority_.ca());
  for (const char* tls : {"tls: true", "tls: {server_name: h.example}"}) {
    const auto loaded = LoadWritten(WithUpstreamOption(tls));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->files.back().path, authority_.ca());
  }
}

TEST_F(TlsFilesTest, AuthoritiesOfTheSystemThatAreNotThereAreTheMistakeOfTheSection) {
  const singleflight::testing::SystemAuthorities system("/no/such.pem");
  for (const char* tls : {"tls: true", "tls: {server_name: h.example}"}) {
    EXPECT_THAT(Mistakes(WithUpstreamOption(tls)),
                ElementsAre(HasSubstr("/proxy.yaml:6:10: upstreams[0].tls: the system's CAs: \"/no"
                                      "/such.pem\" cannot be read")));
  }
}

}  // namespace
}  // namespace singleflight::config
