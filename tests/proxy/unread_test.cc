// Replies that a client leaves unread: whose bytes they are.

#include "tests/proxy/proxy_fixture.h"

namespace singleflight::proxy::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

// Ann and Bob, each with a connection of their own.
class UnreadTest : public ProxyTest {
 protected:
  struct Ends {
    std::unique_ptr<http2::Session> server, client;
  };

  void SetUp() override {
    context_.client = ann_;
    bobs_.client = bob_;
    ProxyTest::SetUp();
    others_.server =
        std::make_unique<http2::Session>(http2::Side::kServer, options_, bobs_host_, bobs_host_);
    others_.client =
        std::make_unique<http2::Session>(http2::Side::kClient, options_, owner_, owner_);
    Switch();
    Switch();
  }
  void TearDown() override {
    others_ = Ends();
    ProxyTest::TearDown();
    EXPECT_EQ(HeldBy(ann_), 0);
    EXPECT_EQ(HeldBy(bob_), 0);
  }

  // What moves from now on is on the other one's connection.
  void Switch() {
    std::swap(server_, others_.server);
    std::swap(client_, others_.client);
    Settle();
  }

  // Ann asks and reads, Bob asks the same and does not.
  std::shared_ptr<Ear> AskBoth(const std::string& id) {
    auto anns = Ask(kGet, id);
    Switch();
    auto bobs = Open(kGet);
    bobs->consume = false;
    Send(*bobs, Framed(id));
    Finish(*bobs);
    Upstream([](FakeCall& call) { call.Answer(std::string(kLarge, 'x')); });
    Switch();
    EXPECT_THAT(anns, IsOkWith(Framed(std::string(kLarge, 'x'))));
    return bobs;
  }

  static int64_t HeldBy(const std::shared_ptr<memory::Client>& client) {
    return client->HeldOf("catalog")->load();
  }

  static constexpr size_t kLarge = 2 * kWindow;

  const std::shared_ptr<memory::Client> ann_ = std::make_shared<memory::Client>();
  const std::shared_ptr<memory::Client> bob_ = std::make_shared<memory::Client>();
  CallContext bobs_ = context_;
  Host bobs_host_{bobs_};
  Ends others_;
};

TEST_F(UnreadTest, AReplyIsHeldByTheClientThatLeavesItUnreadNotByItsLeader) {
  AskBoth("id-7");
  EXPECT_EQ(HeldBy(ann_), 0);
  EXPECT_EQ(HeldBy(bob_), static_cast<int64_t>(kLarge + 5));
}

TEST_F(UnreadTest, AClientThatLeavesItsShareUnreadGetsNoMoreAndOthersDo) {
  shared_.max_held_bytes = 720'000;
  for (const char* id : {"a", "b", "c"}) AskBoth(id);
  EXPECT_GT(HeldBy(bob_), 360'000);
  const auto refused = AskBoth("d");
  Switch();
  EXPECT_EQ(StatusOf(*refused), "8");
  EXPECT_THAT(refused->headers, Contains(Pair("grpc-message", HasSubstr("max_held_bytes"))));
  EXPECT_EQ(metrics_.routes[0]->resource_exhausted.value(), 1u);
  EXPECT_EQ(metrics_.routes[0]->saved.value(), 3u);
}

}  // namespace
}  // namespace singleflight::proxy::testing
