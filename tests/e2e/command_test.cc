// The command line.

#include <utility>

#include "tests/testing/certificates.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

struct Ran {
  int status;
  std::string out;
  std::string err;
};

Ran Execute(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), ProxyBinary());
  ChildProcess process(arguments);
  const int status = process.WaitExit();
  return {status, process.out(), process.err()};
}

constexpr char kWrong[] =
    "listeners: [{address: 127.0.0.1:0}]\n"
    "upstreams: [{name: backend, target: 127.0.0.1:1, tlss: {}}]\n"
    "routes: [{upstream: backnd, collapse: {max_join_age: soon}}]\n";

TEST(CommandTest, HelpSaysHowToCallIt) {
  const Ran ran = Execute({"--help"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.out, AllOf(StartsWith("usage:"), HasSubstr("--config FILE")));
}

TEST(CommandTest, VersionIsOneLine) {
  const Ran ran = Execute({"--version"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.out, MatchesRegex("singleflight-proxy [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(CommandTest, WithoutAConfigurationItSaysWhatIsMissing) {
  const Ran ran = Execute({});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("--config FILE"));
}

TEST(CommandTest, AnUnknownArgumentIsNamed) {
  const Ran ran = Execute({"--confg", "x.yaml"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("'--confg'"));
}

TEST(CommandTest, AFileThatIsMissingIsNamed) {
  const Ran ran = Execute({"--config", "/nowhere/proxy.yaml"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("/nowhere/proxy.yaml"));
}

TEST(CommandTest, APipeIsReadToItsEnd) {
  ChildProcess check({"/bin/sh", "-c",
                      "cat " SINGLEFLIGHT_CONFIG "/minimal.yaml | " + ProxyBinary() +
                          " --check --config /dev/stdin"});
  EXPECT_EQ(check.WaitExit(), 0) << check.err();
}

TEST(CommandTest, CheckReportsAllMistakesWithTheirPlaces) {
  const TemporaryFile file(kWrong);
  const Ran ran = Execute({"--check", "--config", file.path()});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err,
              AllOf(HasSubstr(file.path() + ":2:"), HasSubstr("tlss"),
                    HasSubstr(file.path() + ":3:"), HasSubstr("backnd"), HasSubstr("soon")));
}

TEST(CommandTest, AWrongConfigurationIsNotServed) {
  const TemporaryFile file(kWrong);
  const Ran served = Execute({"--config=" + file.path()});
  EXPECT_EQ(served.status, 2);
  EXPECT_THAT(served.out, IsEmpty());
  EXPECT_EQ(served.err, Execute({"--check", "--config=" + file.path()}).err);
}

TEST(CommandTest, AnAddressInUseIsNamed) {
  const Backend taken;
  const TemporaryFile file(
      "listeners: [{address: \"" + taken.address() +
      "\"}]\nupstreams: [{name: b, target: 127.0.0.1:1}]\nroutes: [{upstream: b}]\n");
  const Ran ran = Execute({"--config", file.path()});
  EXPECT_NE(ran.status, 0);
  EXPECT_THAT(ran.err,
              AllOf(HasSubstr(":1:23: listeners[0].address: cannot bind " + taken.address()),
                    HasSubstr("in use")));
}

TEST(CommandTest, CheckOpensTheKeyOfACertificateAsTheStartDoes) {
  Authority authority("ca");
  const CertificateFiles own = authority.Sign("localhost");
  const CertificateFiles other = authority.Sign("localhost");
  const std::pair<std::string, std::string> table[] = {
      {other.private_key, "is not the key of the certificate"},
      {own.private_key + ".gone", "cannot be read (No such file or directory)"},
  };
  for (const auto& [key, says] : table) {
    const TemporaryFile file(
        "listeners: [{address: \"127.0.0.1:0\", tls: {certificate: " + own.certificate +
        ", private_key: " + key +
        "}}]\nupstreams: [{name: b, target: 127.0.0.1:1}]\nroutes: [{upstream: "
        "b}]\n");
    const Ran checked = Execute({"--check", "--config", file.path()});
    EXPECT_EQ(checked.status, 2);
    EXPECT_THAT(checked.err,
                AllOf(HasSubstr(file.path() + ":1:"), HasSubstr("private_key"), HasSubstr(says)));
    EXPECT_EQ(checked.err, Execute({"--config", file.path()}).err);
  }
}

TEST(CommandTest, CheckLooksForTheFolderOfASocket) {
  const auto with_listener = [](const std::string& path) {
    return "listeners: [{address: \"unix:" + path +
           "\"}]\nupstreams: [{name: b, target: 127.0.0.1:1}]\nroutes: [{upstream: b}]\n";
  };
  const TemporaryFile missing(with_listener("/nowhere/proxy.sock"));
  const Ran ran = Execute({"--check", "--config", missing.path()});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.err,
            missing.path() +
                ":1:23: listeners[0].address: \"unix:/nowhere/proxy.sock\" cannot be made, "
                "since there is no folder \"/nowhere\"; create it, or choose another path\n");
  EXPECT_EQ(ran.err, Execute({"--config", missing.path()}).err);

  const TemporaryFile made_by_systemd(with_listener("/run/nowhere/proxy.sock"));
  EXPECT_EQ(Execute({"--check", "--config", made_by_systemd.path()}).status, 0);
}

}  // namespace
}  // namespace singleflight::testing
