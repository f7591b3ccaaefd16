// Runs singleflightctl in this process, with surroundings that a test sets.

#ifndef SINGLEFLIGHT_TESTS_CTL_CTL_FIXTURE_H_
#define SINGLEFLIGHT_TESTS_CTL_CTL_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "server/ctl/ctl.h"
#include "tests/ctl/fake_admin.h"

namespace singleflight::ctl {

struct Ran {
  int status = 0;
  std::string out;
  std::string err;
};

class CtlTest : public ::testing::Test {
 protected:
  // With --address of the fake, unless the test's environment says where the proxy is.
  Ran Ctl(std::vector<std::string> arguments);

  FakeAdmin admin_;
  std::map<std::string, std::string> environment_;
  Terminal terminal_;  // to begin with a pipe
  bool can_ask_ = false;
  std::string keyboard_;  // what is typed
};

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_TESTS_CTL_CTL_FIXTURE_H_
