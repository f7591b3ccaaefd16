// `admin:`: what the file says, and the file with the token that it names.

#include <sys/stat.h>

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

TEST(AdminOptionsTest, WithoutASectionNothingIsServed) {
  EXPECT_EQ(Right(WithOption("")).admin.grpc, "");
}

TEST(AdminOptionsTest, LoopbackAndUnixSocketsNeedNothingElse) {
  for (const char* address : {"127.0.0.1:9902", "localhost:0", "[::1]:9902", "unix:/run/a.sock"}) {
    EXPECT_EQ(Right(WithOption(absl::StrCat("admin: {grpc: \"", address, "\"}"))).admin.grpc,
              address);
  }
}

TEST(AdminOptionsTest, FromElsewhereClientsNeedCertificates) {
  for (const char* where : {"grpc: \"0.0.0.0:9902\"", "grpc: \"[::]:9902\"",
                            "grpc: \"192.0.2.1:9902\"", "http: \"0.0.0.0:9901\""}) {
    const std::string admin = absl::StrCat("admin: {", where);
    EXPECT_THAT(MistakesIn(WithOption(admin + "}")),
                ElementsAre(HasSubstr("can be reached from elsewhere")));
    EXPECT_THAT(MistakesIn(WithOption(admin + ", tls: {certificate: /c, private_key: /k}}")),
                ElementsAre(HasSubstr("add \"tls\" with a \"client_ca\"")));
    EXPECT_THAT(MistakesIn(WithOption(
                    admin + ", tls: {certificate: /c, private_key: /k, client_ca: /ca}}")),
                IsEmpty());
  }
}

TEST(AdminOptionsTest, ThePathsAreRelativeToTheFile) {
  const auto loaded =
      Load(WithOption(
               "admin: {grpc: 127.0.0.1:1, token_file: t, tls: {certificate: c, private_key: k}}"),
           "/etc/sf/f.yaml", [](absl::string_view) { return absl::nullopt; });
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->config.admin.token_file, "/etc/sf/t");
  EXPECT_EQ(loaded->config.admin.tls->certificate, "/etc/sf/c");
  EXPECT_EQ(loaded->config.admin.grpc_where, "/etc/sf/f.yaml:4:15: admin.grpc");
}

TEST(AdminOptionsTest, ItsAddressIsItsOwn) {
  EXPECT_THAT(MistakesIn(WithListener("127.0.0.1:1") + "admin: {grpc: 127.0.0.1:1}\n"),
              ElementsAre(HasSubstr("\"127.0.0.1:1\" is taken by listeners[0].address")));
}

// A configuration in a file, with a token in a file beside it.
class TokenFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<Loaded> LoadWith(const std::string& token, mode_t mode) {
    const std::string path = authority_.Write("token", token);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return LoadFile(authority_.Write(
        "f.yaml", WithOption("admin: {grpc: \"127.0.0.1:0\", token_file: token}")));
  }

  testing::Authority authority_{"a folder"};
};

TEST_F(TokenFileTest, ATokenIsWatchedAndNotWarnedOf) {
  const auto loaded = LoadWith("0123456789abcdef\n", 0600);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->warnings, IsEmpty());
  EXPECT_EQ(loaded->files.back().path, authority_.folder() + "/token");
}

TEST_F(TokenFileTest, OneThatOthersMayReadIsWarnedOf) {
  const auto loaded = LoadWith("0123456789abcdef", 0640 | S_IROTH);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->warnings,
              ElementsAre(HasSubstr("can be read or written by others (mode 0644)")));
  EXPECT_THAT(LoadWith("0123456789abcdef", 0640)->warnings, IsEmpty());
}

TEST_F(TokenFileTest, WhatIsNoTokenIsRefused) {
  for (const char* token : {"", "short", "0123456789abcdef ghi", "0123456789abcde\x01"}) {
    EXPECT_THAT(
        std::string(LoadWith(token, 0600).status().message()),
        HasSubstr("admin.token_file: \"" + authority_.folder() + "/token\" holds no token"));
  }
}

TEST_F(TokenFileTest, AFileThatIsNotThereIsRefused) {
  const auto loaded = LoadFile(authority_.Write(
      "f.yaml", WithOption("admin: {grpc: \"127.0.0.1:0\", token_file: nothing}")));
  EXPECT_THAT(std::string(loaded.status().message()), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace singleflight::config
