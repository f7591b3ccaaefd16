// Look-ups, and what stays in force while they fail.

#include "server/upstream/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace singleflight::upstream {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ResolverTest : public ::testing::Test {
 protected:
  std::shared_ptr<Resolver> LookUp(const std::string& name) {
    Target target;
    target.names.push_back({name, "1"});
    return std::make_shared<Resolver>(
        io_, "catalog", target, absl::Hours(1),
        [this](const SharedEndpointList& list) { published_.push_back(list); });
  }

  boost::asio::io_context io_;
  std::vector<SharedEndpointList> published_;
};

TEST_F(ResolverTest, AFirstLookUpThatFailsIsPublished) {
  const auto resolver = LookUp("no-such-host.invalid");
  resolver->Start({});
  io_.run_one();
  ASSERT_EQ(published_.size(), 1u);
  EXPECT_THAT(published_[0]->error, HasSubstr("no-such-host.invalid"));
}

TEST_F(ResolverTest, WhatAFormerOneFoundIsInForceAtOnceAndWhileLookUpsFail) {
  const auto resolver = LookUp("no-such-host.invalid");
  const net::Endpoint known = *net::ParseAddress("127.0.0.1:1");
  resolver->Start({known});
  io_.run_one();
  ASSERT_EQ(published_.size(), 1u);
  EXPECT_THAT(published_[0]->endpoints, ElementsAre(known));
  EXPECT_THAT(published_[0]->error, IsEmpty());
  EXPECT_THAT(resolver->known(), ElementsAre(known));
}

TEST_F(ResolverTest, OneThatIsStoppedAnswersWhoWaitsAndLooksUpNoMore) {
  const auto resolver = LookUp("no-such-host.invalid");
  resolver->Start({});
  resolver->Stop();
  resolver->Refresh();
  io_.run();  // returns when there is nothing left to wait for
  EXPECT_EQ(published_.size(), 1u);
}

}  // namespace
}  // namespace singleflight::upstream
