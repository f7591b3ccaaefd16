// Where the proxy is found, and the token.

#include "server/ctl/place.h"

#include <map>

#include "server/admin/steering.h"
#include "tests/ctl/ctl_fixture.h"
#include "tests/testing/proxy_process.h"

namespace singleflight::ctl {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFile;

using PlaceTest = CtlTest;

std::string AddressOf(const std::vector<std::string>& words, const std::string& variable = "") {
  const auto environment = [&](const std::string&) { return absl::make_optional(variable); };
  const auto place = FindPlace(*ParseArguments(words), environment);
  return place.ok() ? place->address : std::string(place.status().message());
}

TEST_F(PlaceTest, TheCommandLineGoesBeforeTheEnvironmentAndThatBeforeTheDefault) {
  EXPECT_EQ(AddressOf({"--address", "127.0.0.1:9902"}, "unix:/x"), "127.0.0.1:9902");
  EXPECT_EQ(AddressOf({}, "unix:/x"), "unix:/x");
  EXPECT_EQ(AddressOf({}), "unix:/run/singleflight/admin.sock");
}

TEST_F(PlaceTest, TheUsualTimeoutIsLongerThanTheProxyWaitsForAnything) {
  const auto place = FindPlace(*ParseArguments({}),
                               [](const std::string&) { return absl::optional<std::string>(); });
  EXPECT_GT(place->timeout, absl::FromChrono(admin::Steering::kLongPatience));
}

TEST_F(PlaceTest, AddressesAreTakenInTheirForms) {
  EXPECT_EQ(AddressOf({"--address", "/run/x.sock"}), "unix:/run/x.sock");
  EXPECT_EQ(AddressOf({"--address", "[::1]:9902"}), "[::1]:9902");
  EXPECT_THAT(AddressOf({"--address", "localhost"}), HasSubstr("give HOST:PORT or unix:/PATH"));
  EXPECT_THAT(AddressOf({"--address", "http://localhost:1"}), HasSubstr("alone"));
}

TEST_F(PlaceTest, CertificateAndKeyGoTogether) {
  EXPECT_THAT(AddressOf({"--certificate", "c.pem"}), HasSubstr("go together"));
  EXPECT_THAT(AddressOf({"--ca", "/nowhere/ca.pem"}),
              HasSubstr("cannot read /nowhere/ca.pem: No such file or directory"));
}

TEST_F(PlaceTest, ChangesCarryTheTokenAndQuestionsDoNot) {
  const TemporaryFile file("s3cret\n");
  Ctl({"reload", "--token-file", file.path()});
  EXPECT_EQ(admin_.token(), "Bearer s3cret");
  Ctl({"info", "--token-file", file.path()});
  EXPECT_EQ(admin_.token(), "");
}

TEST_F(PlaceTest, TheTokenFileMayComeFromTheEnvironment) {
  const TemporaryFile file("s3cret\n");
  environment_["SINGLEFLIGHT_TOKEN_FILE"] = file.path();
  EXPECT_EQ(Ctl({"reload"}).status, 0);
  EXPECT_EQ(admin_.token(), "Bearer s3cret");
}

TEST_F(PlaceTest, ATokenThatCannotBeTakenEndsWith4) {
  const TemporaryFile empty("\n");
  const TemporaryFile words("two words");
  for (const std::string& path : {empty.path(), words.path(), std::string("/nowhere/token")}) {
    const Ran ran = Ctl({"reload", "--token-file", path});
    EXPECT_EQ(ran.status, 4);
    EXPECT_THAT(ran.err, HasSubstr("cannot take the token from " + path));
  }
}

TEST_F(PlaceTest, TheTokenDoesNotGoElsewhereInTheClear) {
  const TemporaryFile file("s3cret\n");
  const Ran ran = Ctl({"reload", "--token-file", file.path(), "--address", "192.0.2.1:9902"});
  EXPECT_EQ(ran.status, 4);
  EXPECT_THAT(ran.err, HasSubstr("give --ca"));
}

}  // namespace
}  // namespace singleflight::ctl
