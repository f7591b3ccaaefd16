// Which endpoints are ejected, which stay all the same, and what people see of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/app/endpoints.h"

namespace singleflight::app {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using upstream::EndpointState;
using State = admin::v1::Endpoint;

class EndpointEjectionTest : public ::testing::Test {
 protected:
  EndpointEjectionTest() { SetEndpoints(2); }

  Endpoints New(const absl::optional<upstream::EjectionOptions>& options) {
    return Endpoints(
        "catalog", 1, [] { return absl::FromUnixSeconds(1000); }, events_, options);
  }
  static net::Endpoint At(int port) { return *net::ParseAddress(absl::StrCat("127.0.0.1:", port)); }
  void SetEndpoints(int count) {
    list_.endpoints.clear();
    for (int port = 1; port <= count; ++port) list_.endpoints.push_back(At(port));
    endpoints_.Set(list_);
  }
  bool Fail(int port) { return endpoints_.OnFailing(At(port), "status UNAVAILABLE", now_); }
  bool Ejected(int port) {
    const auto seats = endpoints_.SeatsOf(0, list_);
    return seats.at(static_cast<size_t>(port - 1)).shared->ejected;
  }
  State Seen(int port) const {
    admin::v1::Upstream upstream;
    endpoints_.Describe(upstream);
    return upstream.endpoints(port - 1);
  }

  Events events_{absl::UnixEpoch};
  base::Instant now_ = base::After(base::Instant(), absl::Hours(1));
  upstream::EndpointList list_;
  Endpoints endpoints_ = New(upstream::EjectionOptions());
};

// What is shown, by name and endpoint.
class Shown final : public metrics::Visitor {
 public:
  explicit Shown(const Endpoints& endpoints) { endpoints.Show(*this); }
  void Count(absl::string_view name, absl::string_view, metrics::Labels labels,
             uint64_t value) override {
    Level(name, "", std::move(labels), static_cast<int64_t>(value));
  }
  void Level(absl::string_view name, absl::string_view, metrics::Labels labels,
             int64_t value) override {
    values_[absl::StrCat(name, labels.size() > 1 ? " " + labels[1].second : "")] = value;
  }
  void Distribution(absl::string_view, absl::string_view, metrics::Labels,
                    const metrics::PowerHistogram&) override {}
  int64_t operator[](const std::string& name) {
    return values_.at("singleflight_upstream_" + name);
  }

 private:
  std::map<std::string, int64_t> values_;
};

TEST_F(EndpointEjectionTest, WorkersSeeItUntilItsTimeIsOver) {
  EXPECT_EQ(endpoints_.NextReturn(), absl::nullopt);
  EXPECT_TRUE(Fail(1));
  EXPECT_TRUE(Ejected(1));
  EXPECT_FALSE(Fail(1)) << "it is ejected already";
  EXPECT_EQ(endpoints_.NextReturn(), base::After(now_, absl::Seconds(10)));
  EXPECT_FALSE(endpoints_.TakeBack(base::After(now_, absl::Seconds(9))));
  now_ = base::After(now_, absl::Seconds(10));
  EXPECT_TRUE(endpoints_.TakeBack(now_));
  EXPECT_FALSE(Ejected(1));
  EXPECT_EQ(endpoints_.SeatsOf(0, list_)[0].shared->back, now_.time_since_epoch().count());
  EXPECT_EQ(endpoints_.NextReturn(), absl::nullopt);
}

TEST_F(EndpointEjectionTest, PeopleSeeSinceWhenAndWhy) {
  Fail(1);
  EXPECT_EQ(Seen(1).state(), State::STATE_EJECTED);
  EXPECT_EQ(Seen(1).last_failure(), "5 failures in a row, the latest: status UNAVAILABLE");
  EXPECT_EQ(Seen(1).since().seconds(), 1000);
  EXPECT_EQ(events_.Latest(1)[0].subject, "catalog 127.0.0.1:1");
  EXPECT_THAT(events_.Latest(1)[0].text, HasSubstr("it is ejected for 10s: 5 failures in a row"));
  endpoints_.TakeBack(base::After(now_, absl::Seconds(10)));
  EXPECT_EQ(Seen(1).state(), State::STATE_IDLE);
  EXPECT_EQ(events_.Latest(1)[0].text, "its ejection is over");
}

TEST_F(EndpointEjectionTest, TheLastThatWorksStays) {
  endpoints_.Heard(0, At(2), EndpointState::kFailing, "refused");
  EXPECT_FALSE(Fail(1));
  EXPECT_FALSE(Fail(1));
  EXPECT_FALSE(Ejected(1));
  EXPECT_THAT(events_.Latest(1)[0].text, HasSubstr("it stays: no other endpoint works"));
  EXPECT_EQ(events_.Latest(10).size(), 2u) << "told once";
  SetEndpoints(1);
  EXPECT_FALSE(Fail(1));
}

TEST_F(EndpointEjectionTest, ThatItStaysIsToldAgainAfterAQuietTime) {
  SetEndpoints(1);
  for (int second : {0, 10, 20, 31, 32}) {
    const base::Instant now = base::After(now_, absl::Seconds(second));
    EXPECT_FALSE(endpoints_.OnFailing(At(1), "status UNAVAILABLE", now));
  }
  EXPECT_EQ(events_.Latest(10).size(), 2u);
}

TEST_F(EndpointEjectionTest, NoMoreThanTheirShareAreOut) {
  SetEndpoints(5);
  EXPECT_TRUE(Fail(1));
  EXPECT_TRUE(Fail(2));
  EXPECT_FALSE(Fail(3));
  EXPECT_THAT(events_.Latest(1)[0].text, HasSubstr("max_share"));
  endpoints_.TakeBack(base::After(now_, absl::Seconds(10)));
  EXPECT_TRUE(Fail(3));
}

TEST_F(EndpointEjectionTest, OneThatIsDrainedOrGoneIsNotEjected) {
  endpoints_.SetDrained(At(1), true);
  EXPECT_FALSE(Fail(1));
  EXPECT_FALSE(Fail(7));
}

TEST_F(EndpointEjectionTest, AReloadKeepsItAndOneThatSwitchesItOffEndsIt) {
  Fail(1);
  Endpoints same = New(upstream::EjectionOptions());
  same.Inherit(endpoints_);
  same.Set(list_);
  EXPECT_EQ(same.NextReturn(), base::After(now_, absl::Seconds(10)));
  EXPECT_TRUE(Ejected(1));
  Endpoints without = New(absl::nullopt);
  without.Inherit(same);
  without.Set(list_);
  EXPECT_EQ(without.NextReturn(), absl::nullopt);
  EXPECT_FALSE(without.SeatsOf(0, list_)[0].shared->ejected);
  EXPECT_FALSE(without.OnFailing(At(1), "status UNAVAILABLE", now_));
}

TEST_F(EndpointEjectionTest, AReloadKeepsInMindWhichFail) {
  endpoints_.Heard(0, At(2), EndpointState::kFailing, "refused");
  Endpoints next = New(upstream::EjectionOptions());
  next.Inherit(endpoints_);
  next.Set(list_);
  EXPECT_EQ(Shown(next)["endpoint_up 127.0.0.1:2"], 0);
  EXPECT_FALSE(next.OnFailing(At(1), "status UNAVAILABLE", now_)) << "no other works";
  EXPECT_TRUE(next.AnyServes());
  next.Heard(0, At(2), EndpointState::kReady, "");
  EXPECT_EQ(events_.Latest(1)[0].text, "it is connected again");
  EXPECT_EQ(Shown(next)["endpoint_up 127.0.0.1:2"], 1);
}

TEST_F(EndpointEjectionTest, AFindingOfAHealthCheckHoldsForAllWorkersUntilTheNext) {
  Endpoints checked(
      "catalog", 2, [] { return absl::FromUnixSeconds(1000); }, events_, absl::nullopt, true);
  checked.Set(list_);
  EXPECT_NE(checked.SeatsOf(0, list_)[0].checks_health, checked.SeatsOf(1, list_)[0].checks_health)
      << "one worker asks";
  EXPECT_FALSE(checked.OnHealth(At(1), true, "")) << "it counts as healthy to begin with";
  EXPECT_TRUE(checked.OnHealth(At(1), false, "it says NOT_SERVING"));
  EXPECT_FALSE(checked.OnHealth(At(1), false, "it says NOT_SERVING"));
  EXPECT_TRUE(checked.SeatsOf(0, list_)[0].shared->unhealthy);
  admin::v1::Upstream seen;
  checked.Describe(seen);
  EXPECT_EQ(seen.endpoints(0).state(), State::STATE_UNHEALTHY);
  EXPECT_EQ(seen.endpoints(0).last_failure(), "health check: it says NOT_SERVING");
  EXPECT_THAT(events_.Latest(1)[0].text, HasSubstr("it is unhealthy: health check: it says"));
  EXPECT_TRUE(checked.AnyServes());
  checked.OnHealth(At(2), false, "Watch ended with NOT_FOUND");
  EXPECT_FALSE(checked.AnyServes());
  EXPECT_TRUE(checked.OnHealth(At(1), true, ""));
  EXPECT_FALSE(checked.SeatsOf(0, list_)[0].shared->unhealthy);
  EXPECT_EQ(events_.Latest(1)[0].text, "it is healthy again");
  Endpoints without = New(absl::nullopt);
  without.Inherit(checked);
  without.Set(list_);
  EXPECT_FALSE(without.SeatsOf(0, list_)[1].shared->unhealthy) << "it is not asked any more";
}

TEST_F(EndpointEjectionTest, MetricsCountThem) {
  Fail(1);
  Fail(2);
  Shown shown(endpoints_);
  EXPECT_EQ(shown["endpoint_ejected 127.0.0.1:1"], 1);
  EXPECT_EQ(shown["endpoint_ejected 127.0.0.1:2"], 0);
  EXPECT_EQ(shown["endpoint_ejections_total 127.0.0.1:1"], 1);
  EXPECT_EQ(shown["ejections_withheld_total"], 1);
}

}  // namespace
}  // namespace singleflight::app
