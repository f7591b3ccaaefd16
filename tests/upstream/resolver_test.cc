// Look-ups, what stays in force while they fail, and whom a silent name server holds up: nobody.

#include "server/upstream/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "singleflight/mutex.h"

namespace singleflight::upstream {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

net::Endpoint At(const std::string& address) { return *net::ParseAddress(address); }

// A name server that answers when, and what, the test says. Threads may be left waiting for it.
class NameServer {
 public:
  LookUps::Answer Ask(const std::string& name) {
    MutexLock lock(mu_);
    ++asked_[name];
    changed_.NotifyAll();
    while (answers_.count(name) == 0) changed_.Wait(mu_);
    return answers_[name];
  }

  void Answer(const std::string& name, const LookUps::Answer& answer) {
    MutexLock lock(mu_);
    answers_[name] = answer;
    changed_.NotifyAll();
  }
  void Know(const std::string& name, const std::string& address) {
    Answer(name, {{At(address)}, ""});
  }
  void KnowNot(const std::string& name) { Answer(name, {{}, "no such name"}); }

  int asked(const std::string& name) {
    MutexLock lock(mu_);
    return asked_[name];
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::map<std::string, LookUps::Answer> answers_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, int> asked_ ABSL_GUARDED_BY(mu_);
};

class ResolverTest : public ::testing::Test {
 protected:
  std::shared_ptr<Resolver> Make(const std::vector<std::string>& names,
                                 Resolver::Pace pace = {absl::Hours(1), absl::Hours(1)}) {
    Target target;
    for (const std::string& name : names) target.names.push_back({name, "1"});
    return std::make_shared<Resolver>(
        Resolver::LoopContext{io_, look_ups_,
                              [this](const net::Endpoint& endpoint) { return endpoint == own_; },
                              counts_},
        "catalog", target, pace,
        [this](const SharedEndpointList& list) { published_.push_back(list); });
  }

  // Runs what is to be done until something is published.
  SharedEndpointList Next() {
    while (published_.size() == seen_ && io_.run_one() > 0) {
    }
    return published_.at(seen_++);
  }
  void RunUntil(const std::function<bool()>& done) {
    while (!done() && io_.run_one() > 0) {
    }
    ASSERT_TRUE(done());
  }

  const std::shared_ptr<NameServer> server_ = std::make_shared<NameServer>();
  boost::asio::io_context io_;
  const std::shared_ptr<LookUps> look_ups_ = std::make_shared<LookUps>(
      io_, [server = server_](const net::HostPort& name) { return server->Ask(name.host); }, 3);
  const std::shared_ptr<LookUpCounts> counts_ = std::make_shared<LookUpCounts>();
  net::Endpoint own_ = At("127.0.0.1:9");
  std::vector<SharedEndpointList> published_;
  size_t seen_ = 0;
};

TEST_F(ResolverTest, AFirstLookUpThatFailsIsPublished) {
  server_->KnowNot("catalog");
  const auto resolver = Make({"catalog"});
  resolver->Start({});
  EXPECT_EQ(Next()->error, "cannot resolve 'catalog': no such name");
  EXPECT_EQ(counts_->failed, 1u);
}

TEST_F(ResolverTest, WhatAFormerOneFoundIsInForceAtOnceAndWhileLookUpsFail) {
  server_->KnowNot("catalog");
  const auto resolver = Make({"catalog"});
  resolver->Start({{At("127.0.0.1:1")}});
  EXPECT_THAT(Next()->endpoints, ElementsAre(At("127.0.0.1:1")));
  RunUntil([this] { return counts_->failed == 1; });
  EXPECT_EQ(published_.size(), 1u);
  EXPECT_THAT(resolver->known(), ElementsAre(ElementsAre(At("127.0.0.1:1"))));
}

TEST_F(ResolverTest, OneThatIsStoppedAnswersWhoWaitsAndLooksUpNoMore) {
  server_->KnowNot("catalog");
  const auto resolver = Make({"catalog"});
  resolver->Start({});
  resolver->Stop();
  resolver->Refresh();
  io_.run();  // returns when there is nothing left to wait for
  EXPECT_EQ(published_.size(), 1u);
}

// PITFALLS 51
TEST_F(ResolverTest, ASilentNameHoldsUpNeitherOtherUpstreamsNorOtherNamesOfItsOwn) {
  server_->Know("search", "127.0.0.1:2");
  server_->Know("catalog", "127.0.0.1:1");
  const auto mixed = Make({"silent", "catalog"});
  mixed->Start({});
  EXPECT_THAT(Next()->endpoints, ElementsAre(At("127.0.0.1:1")));
  const auto other = Make({"search"});
  other->Start({});
  EXPECT_THAT(Next()->endpoints, ElementsAre(At("127.0.0.1:2")));
}

TEST_F(ResolverTest, WhoWaitsForASilentNameIsToldAndALateAnswerCounts) {
  const auto resolver = Make({"silent"}, {absl::Hours(1), absl::Milliseconds(1)});
  resolver->Start({});
  EXPECT_EQ(Next()->error, "cannot resolve 'silent': no answer within 1ms");
  server_->Know("silent", "127.0.0.1:1");
  EXPECT_THAT(Next()->endpoints, ElementsAre(At("127.0.0.1:1")));
  EXPECT_EQ(counts_->silent, 1u);
  EXPECT_EQ(counts_->found, 1u);
}

TEST_F(ResolverTest, ASilentNameIsAskedForOnceHoweverManyWantIt) {
  std::vector<std::shared_ptr<Resolver>> resolvers;
  for (int i = 0; i < 5; ++i) {
    resolvers.push_back(Make({"silent"}));
    resolvers.back()->Start({});
  }
  server_->Know("silent", "127.0.0.1:1");
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Next()->endpoints, ElementsAre(At("127.0.0.1:1")));
  EXPECT_EQ(server_->asked("silent"), 1);
}

TEST_F(ResolverTest, LookUpsBeyondTheBoundFailWithTheReason) {
  const auto resolver = Make({"a", "b", "c"});
  resolver->Start({});
  const auto refused = Make({"d"});
  refused->Start({});
  EXPECT_EQ(Next()->error, "cannot resolve 'd': 3 other look-ups are under way");
}

TEST_F(ResolverTest, AfterFailuresItIsTriedAgain) {
  server_->KnowNot("catalog");
  const auto resolver =
      Make({"catalog"}, {absl::Hours(1), absl::Hours(1), absl::Milliseconds(1), absl::Seconds(2)});
  resolver->Start({});
  RunUntil([this] { return counts_->failed == 3; });
  server_->Know("catalog", "127.0.0.1:1");
  RunUntil([this] { return counts_->found == 1; });
  EXPECT_THAT(published_.back()->endpoints, ElementsAre(At("127.0.0.1:1")));
}

TEST(PauseTest, ItDoublesUpToABound) {
  const Resolver::Pace pace = {absl::Hours(1)};
  const auto after = [&](int failures) { return Resolver::PauseAfter(pace, failures); };
  EXPECT_EQ(after(1), absl::Seconds(1));
  EXPECT_EQ(after(2), absl::Seconds(2));
  EXPECT_EQ(after(5), absl::Seconds(16));
  EXPECT_EQ(after(1000), absl::Seconds(30));
}

TEST(PauseTest, ItIsNeverLongerThanBetweenTwoLookUpsThatSucceed) {
  EXPECT_EQ(Resolver::PauseAfter({absl::Seconds(3)}, 1000), absl::Seconds(3));
}

TEST_F(ResolverTest, AnEndpointThatIsThisProcessItselfIsLeftOutAndSaid) {
  server_->Answer("catalog", {{At("127.0.0.1:1"), own_}, ""});
  const auto resolver = Make({"catalog"});
  resolver->Start({});
  EXPECT_THAT(Next()->endpoints, ElementsAre(At("127.0.0.1:1")));
  EXPECT_EQ(resolver->own(), 1u);
  own_ = At("127.0.0.1:1");
  resolver->Reconsider();
  EXPECT_THAT(Next()->endpoints, ElementsAre(At("127.0.0.1:9")));
}

TEST_F(ResolverTest, WhereNothingElseIsFoundCallsAreToldThatItIsThisProcess) {
  server_->Answer("catalog", {{own_}, ""});
  const auto resolver = Make({"catalog"});
  resolver->Start({});
  EXPECT_EQ(Next()->error, "this proxy itself listens on 127.0.0.1:9");
}

// What is still under way finds nobody, and touches nothing that has gone.
TEST_F(ResolverTest, TheEndWaitsForNoLookUp) {
  {
    boost::asio::io_context io;
    LookUps look_ups(
        io, [server = server_](const net::HostPort& name) { return server->Ask(name.host); });
    look_ups.Ask({"silent", "1"}, [](const LookUps::Answer&) { FAIL(); });
  }
  server_->KnowNot("silent");
}

TEST(LookUpsTest, TheSystemIsAsked) {
  const LookUps::Answer found = LookUps::AskSystem({"127.0.0.1", "7"});
  EXPECT_THAT(found.endpoints, ElementsAre(At("127.0.0.1:7")));
  EXPECT_THAT(found.error, IsEmpty());
  EXPECT_THAT(LookUps::AskSystem({"no-such-host.invalid", "7"}).endpoints, IsEmpty());
}

}  // namespace
}  // namespace singleflight::upstream
