// A worker that does not go on, the one by which clients come in: who does not wait for it.

#include <csignal>

#include "tests/testing/proxy_fixture.h"
#include "tests/testing/stopped_thread.h"

namespace singleflight::testing {
namespace {

using ::testing::HasSubstr;

class StuckTest : public ProxyTest {
 protected:
  StuckTest() { Serve(scenario_); }

  const Scenario scenario_ = {.top = "threads: 2\ndrain_timeout: 100ms"};
};

TEST_F(StuckTest, AReloadThatOpensAnAddress) {
  const StoppedThread stuck(proxy_->pid(), "worker 0");
  Scenario next = scenario_;
  next.listeners = "[{address: \"127.0.0.1:0\"}, {address: \"127.0.0.2:0\"}]";
  Reload(next);
}

TEST_F(StuckTest, TheEnd) {
  StoppedThread stuck(proxy_->pid(), "worker 0");
  proxy_->Signal(SIGTERM);
  stuck.WaitForEnd();
  EXPECT_EQ(proxy_->WaitExit(), 1);
  EXPECT_THAT(proxy_->err(), HasSubstr("a worker does not turn: the process ends without it"));
}

}  // namespace
}  // namespace singleflight::testing
