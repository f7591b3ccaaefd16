// stats --watch.

#include "tests/ctl/ctl_fixture.h"

namespace singleflight::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class WatchTest : public CtlTest {
 protected:
  WatchTest() {
    for (const char* calls : {"100", "300"}) {
      admin_.pictures.push_back(
          std::string("at {seconds: ") + calls + "} routes {route: '/*' calls: " + calls +
          " latencies {role: 'hit' histogram {bounds: [0.001, 0.1] counts: [100, " +
          (admin_.pictures.empty() ? "0" : "200") + ", 0]}}}");
    }
  }
};

TEST_F(WatchTest, FromTheSecondPictureOnThereAreRates) {
  const Ran ran = Ctl({"stats", "--watch", "--interval", "250ms"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(admin_.asked(), "interval { nanos: 250000000 }");
  EXPECT_THAT(ran.out, HasSubstr("/*       300  1.0/s"));
}

TEST_F(WatchTest, LatencyIsOfTheLastInterval) {
  EXPECT_THAT(Ctl({"stats", "--watch"}).out, HasSubstr("50.5 ms"));
}

TEST_F(WatchTest, JsonIsALineAMessage) {
  EXPECT_THAT(Ctl({"stats", "--watch", "--json"}).out,
              MatchesRegex("\\{[^\n]*\"1970-01-01T00:01:40Z\"[^\n]*\\}\n"
                           "\\{[^\n]*\"1970-01-01T00:05:00Z\"[^\n]*\\}\n"));
}

TEST_F(WatchTest, OnATerminalAPictureTakesThePlaceOfTheOneBefore) {
  terminal_ = {true, 80, 24, false};
  EXPECT_THAT(Ctl({"stats", "--watch"}).out,
              AllOf(HasSubstr("\033[H"), HasSubstr("\033[K\n"), HasSubstr("\033[J")));
}

TEST_F(WatchTest, ATerminalThatIsLowShowsTheBeginning) {
  terminal_ = {true, 80, 3, false};
  const std::string text = Ctl({"stats", "--watch"}).out;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 * 2);
}

TEST_F(WatchTest, AStreamThatEndsBadlyIsAFailure) {
  admin_.status = {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many watch already"};
  const Ran ran = Ctl({"stats", "--watch"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("too many watch already"));
}

TEST_F(WatchTest, AProxyThatFallsSilentEndsWith3) {
  admin_.hang = true;
  const Ran ran = Ctl({"stats", "--watch", "--interval", "100ms", "--timeout", "50ms"});
  EXPECT_EQ(ran.status, 3);
  EXPECT_THAT(ran.out, HasSubstr("300"));
}

}  // namespace
}  // namespace singleflight::ctl
