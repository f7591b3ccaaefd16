// Client connections before they speak HTTP/2: the TLS handshake and its bound.

#include "server/proxy/frontend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/http2/on_worker.h"
#include "tests/testing/certificates.h"

namespace singleflight::proxy {
namespace {

class FrontendTest : public ::testing::Test {
 protected:
  ~FrontendTest() override {
    on_.Run([this] { frontend_.reset(); });
    on_.Stop();
    ::close(client_);
    EXPECT_EQ(metrics_->connections.value(), 0);
  }

  // A client that has connected to a TLS listener and says nothing.
  void Connect(absl::Duration handshake_timeout) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    client_ = ends[0];
    auto limits = std::make_shared<LimitOptions>();
    limits->handshake_timeout = handshake_timeout;
    const auto context = std::make_shared<const CallContext>(
        CallContext{read_path_, routes_, marks_, std::move(limits), metrics_});
    on_.Run([&] {
      frontend_ = std::make_unique<Frontend>(on_.worker(), *metrics_, 1);
      frontend_->SetContext(context);
      frontend_->Serve({ends[1]}, entrance_, *admission_.Admit(absl::nullopt));
    });
  }
  uint64_t Handshakes(tls::Handshake how) { return metrics_->tls_handshakes.of(how); }
  void AwaitGone() {
    on_.Until([this] { return frontend_->connections() == 0; });
  }

  tls::SharedContext Context() {
    const auto own = authority_.Sign("h.example");
    return *tls::OrStatus(tls::Context::ForListener({own.certificate, own.private_key, ""}), "");
  }

  testing::Authority authority_{"test CA"};
  http2::testing::OnWorker on_;
  core::Flights flights_;
  cache::Store store_{cache::StoreOptions()};
  const std::shared_ptr<DownstreamMetrics> metrics_ = std::make_shared<DownstreamMetrics>();
  metrics::Counter shed_;
  memory::BufferBudget budget_{1 << 30};
  memory::Buffered buffered_{budget_};
  core::RouteTable routes_;
  MarkOptions marks_;
  core::ReadPath read_path_{
      core::LoopContext{on_.worker(), flights_, store_, {}, {}, shed_, "hop", buffered_}};
  Admission admission_{LimitOptions()};
  const std::shared_ptr<const Entrance> entrance_ =
      std::make_shared<const Entrance>(Entrance{Context(), 1, 1});
  std::unique_ptr<Frontend> frontend_;
  int client_ = -1;
};

// PITFALLS 27
TEST_F(FrontendTest, AClientThatDoesNotShakeHandsInTimeIsClosedAndCounted) {
  Connect(absl::Milliseconds(1));
  AwaitGone();
  EXPECT_EQ(Handshakes(tls::Handshake::kTimedOut), 1);
  char byte;
  EXPECT_EQ(::recv(client_, &byte, 1, 0), 0);
}

TEST_F(FrontendTest, AClientThatLeavesDuringTheHandshakeIsCounted) {
  Connect(absl::Hours(1));
  ::shutdown(client_, SHUT_RDWR);
  AwaitGone();
  EXPECT_EQ(Handshakes(tls::Handshake::kFailed), 1);
}

TEST_F(FrontendTest, DrainingDoesNotWaitForHandshakes) {
  Connect(absl::Hours(1));
  on_.Run([this] { frontend_->Drain(); });
  EXPECT_EQ(frontend_->connections(), 0);
}

}  // namespace
}  // namespace singleflight::proxy
