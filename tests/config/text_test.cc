#include "server/config/text.h"

#include <gtest/gtest.h>

#include <string>

namespace singleflight::config {
namespace {

std::string Shown(const std::string& yaml) { return TextOf(YAML::Load(yaml)); }

TEST(TextTest, VariablesStandThereByName) {
  EXPECT_EQ(Shown("a: ${HOME_OF_SECRETS:-x}\nb: [1, 2]"), "a: ${HOME_OF_SECRETS:-x}\nb: [1, 2]\n");
}

TEST(TextTest, CommentsAreLeftOut) { EXPECT_EQ(Shown("a: 1 # the password is x"), "a: 1\n"); }

TEST(TextTest, SecretsAreMasked) {
  EXPECT_EQ(Shown("redis:\n  password: \"a: b\"\n  user: u"),
            "redis:\n  password: ***\n  user: u\n");
  EXPECT_EQ(Shown("a: {client_secret: x, b: 1}"), "a: {client_secret: ***\n");
  EXPECT_EQ(Shown("\"TOKEN\": x"), "TOKEN: ***\n");
  EXPECT_EQ(Shown("secret:\n  a: 1\n  b:\n    - 2\nc: 3"), "secret: ***\nc: 3\n");
  EXPECT_EQ(Shown("passphrases: [x]"), "passphrases: ***\n");
}

TEST(TextTest, PathsOfSecretsAreNoSecrets) {
  EXPECT_EQ(Shown("admin: {token_file: /etc/token}"), "admin: {token_file: /etc/token}\n");
}

TEST(TextTest, AliasesThatGrowWithoutEndTakeNoTime) {
  std::string yaml = "a0: &a0 [x]\n";
  for (int i = 1; i < 60; ++i) {
    const std::string before = std::to_string(i - 1);
    yaml += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + before + ", *a" +
            before + "]\n";
  }
  EXPECT_LT(Shown(yaml).size(), 10000U);
}

}  // namespace
}  // namespace singleflight::config
