// What an upstream takes over from the one that a reload replaces.

#include "server/app/upstreams.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/upstream/pool_fixture.h"

namespace singleflight::app {
namespace {

using upstream::testing::Caller;
using upstream::testing::Ear;
using upstream::testing::ScriptedServer;

// One upstream on one worker, before a server that is found by its name. Look-ups are answered when
// the test says so.
class UpstreamsTest : public ::testing::Test {
 protected:
  UpstreamsTest() {
    on_.Run([this] {
      server_ = std::make_unique<ScriptedServer>(on_.worker());
      server_->serve = [](Ear& ear) { http2::testing::AnswerOk(*ear.stream, ear.body); };
    });
    const std::string address = server_->address();
    options_.name = "catalog";
    // In capitals it is a name like any other, which has to be looked up.
    options_.target = absl::StrCat("dns:///LOCALHOST", address.substr(address.rfind(':')));
  }

  ~UpstreamsTest() override {
    upstreams_.Shutdown();
    on_.Run([this] { server_.reset(); });
    for (int turn = 0; turn < 3; ++turn) on_.Run([] {});
    control_.poll();
    on_.Stop();
  }

  void Adopt() {
    const auto list = upstreams_.Prepare({options_});
    ASSERT_TRUE(list.ok()) << list.status();
    upstreams_.Adopt(*list);
  }
  void AnswerOneLookUp() { EXPECT_EQ(control_.run_one(), 1u); }

  std::string Ask(const std::string& message) {
    upstream::Pool& pool = *upstreams_.in_force().front()->pools.front();
    Caller caller;
    on_.Run([&] {
      auto request = std::make_shared<const model::Request>(absl::get<model::Request>(
          model::ParseRequest(http2::testing::Block(http2::testing::RequestFields()))));
      caller.call = pool.Start({request, "catalog:1", absl::nullopt, "", 0}, caller);
      caller.call->Send(base::Slice(message));
      caller.call->Finish({});
    });
    on_.Until([&] { return caller.Over(); });
    on_.Run([&] { caller.call.reset(); });
    return caller.body;
  }

  upstream::UpstreamOptions options_;
  boost::asio::io_context control_;
  http2::testing::OnWorker on_;
  std::unique_ptr<ScriptedServer> server_;
  metrics::Ledger<upstream::UpstreamMetrics> ledger_{1};
  memory::BufferBudget budget_{1 << 20};
  Events events_{absl::UnixEpoch};
  Upstreams upstreams_{control_,
                       {&on_.worker()},
                       ledger_,
                       budget_,
                       1,
                       [](const net::Endpoint&) { return false; },
                       absl::UnixEpoch,
                       events_};
};

TEST_F(UpstreamsTest, AddressesThatAreKnownServeUnderOtherOptionsBeforeTheyAreLookedUpAgain) {
  Adopt();
  AnswerOneLookUp();
  EXPECT_EQ(Ask("kettle"), "kettle");
  options_.connect_timeout = absl::Seconds(4);
  Adopt();
  EXPECT_EQ(Ask("kettle"), "kettle");
}

// The call's reply comes after the watch's, over the same connection, so the finding waits for the
// control thread by then.
TEST_F(UpstreamsTest, AFindingOfAFormerConfigurationIsOutOfDate) {
  int watches = 0;
  on_.Run([&] {
    server_->serve = [&watches](Ear& ear) {
      const absl::string_view path = ear.block.Find(":path").value_or("");
      if (path != "/grpc.health.v1.Health/Watch") {
        return http2::testing::AnswerOk(*ear.stream, ear.body);
      }
      const char status = ++watches == 1 ? 2 : 1;
      ear.stream->SendHeaders(http2::testing::Block(http2::testing::ReplyFields()), false);
      ear.stream->Send(base::Slice(std::string("\0\0\0\0\x02\x08", 6) + status));
    };
  });
  options_.health_check = upstream::HealthCheckOptions();
  Adopt();
  AnswerOneLookUp();
  EXPECT_EQ(Ask("kettle"), "kettle");
  options_.connect_timeout = absl::Seconds(4);
  Adopt();
  EXPECT_EQ(Ask("kettle"), "kettle");
  EXPECT_EQ(watches, 2);
  control_.poll();
  EXPECT_EQ(Ask("kettle"), "kettle");
}

TEST_F(UpstreamsTest, PoolsLiveUntilTheLastThatUsesThemLetsGo) {
  Adopt();
  AnswerOneLookUp();
  Upstreams::List used = upstreams_.in_force();
  upstreams_.Shutdown();
  EXPECT_TRUE(upstreams_.alive());
  on_.Run([] {});  // the worker has let go, too
  used.clear();
  EXPECT_FALSE(upstreams_.alive());
}

}  // namespace
}  // namespace singleflight::app
