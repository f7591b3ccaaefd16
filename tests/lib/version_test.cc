// The header, CMake and what the preprocessor compares say one version.

#include "singleflight/version.h"

#include <gtest/gtest.h>

#include <string>

namespace singleflight {
namespace {

TEST(VersionTest, TheHeaderAndCMakeSayTheSame) {
  EXPECT_EQ(std::string(SINGLEFLIGHT_VERSION_STRING), CMAKE_SAYS_VERSION);
}

TEST(VersionTest, VersionsCompareAsNumbers) {
  EXPECT_EQ(SINGLEFLIGHT_VERSION, SINGLEFLIGHT_VERSION_MAJOR * 10000 +
                                      SINGLEFLIGHT_VERSION_MINOR * 100 +
                                      SINGLEFLIGHT_VERSION_PATCH);
}

}  // namespace
}  // namespace singleflight
