// Connections over TLS on real sockets. Records that wait in the TLS stream are bytes that have not
// left, although the session is done with them. The peer is the test, with OpenSSL alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "server/http2/connection.h"
#include "server/tls/stream.h"
#include "tests/http2/ends.h"
#include "tests/http2/on_worker.h"
#include "tests/testing/certificates.h"

namespace singleflight::http2::testing {
namespace {

using singleflight::testing::Authority;
using singleflight::testing::CertificateFiles;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kOneWrite = 40'000;  // more than the socket takes, less than is written in one go

// The owner of one connection; everything in it belongs to the worker's thread.
struct Server final : ConnectionEvents {
  void OnStream(Stream& stream) override { owner.OnStream(stream); }
  void OnSettings() override {}
  void OnGoAway() override {}
  void OnStreamGone() override {}
  void OnBound(Bound bound) override { owner.OnBound(bound); }
  void OnConnectionClosed(absl::string_view) override {
    closed = true;
    connection.reset();
  }

  Owner owner;
  std::unique_ptr<tls::Stream> tls;  // until the handshake is over
  std::shared_ptr<Connection> connection;
  bool closed = false;
};

class TlsConnectionTest : public ::testing::Test {
 protected:
  ~TlsConnectionTest() override {
    SSL_free(ssl_);
    ::close(peer_);
    on_.Until([this] { return server_.closed; });
    on_.Stop();
  }

  // A connection that has shaken hands, and whose peer has said how much it takes: everything.
  void Connect() {
    on_.Run([this] {
      int ends[2];
      ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
      const int small = 1;  // as small as the system allows
      ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
      net::Socket socket(ends[0]);
      peer_ = ends[1];
      server_.tls = std::make_unique<tls::Stream>(
          on_.worker(), net::MakeSocketStream(on_.worker(), std::move(socket)), ServerContext());
      server_.tls->Handshake([this](const absl::Status& status) {
        ASSERT_TRUE(status.ok()) << status;
        server_.connection = std::make_shared<Connection>(
            on_.worker(), Side::kServer, options_,
            std::unique_ptr<net::ByteStream>(std::move(server_.tls)), server_);
        server_.connection->Start();
      });
    });
    ssl_ = SSL_new(client_context_->native());
    SSL_set_fd(ssl_, peer_);
    ASSERT_EQ(SSL_connect(ssl_), 1);
    Say(kPreface);
    Say(Settings({{kInitialWindowSize, 0x7fffffff}}).Encoded());
    Say(WindowUpdate(0, 0x7fffffff - 65535).Encoded());
  }

  void Say(absl::string_view bytes) {
    ASSERT_EQ(SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())),
              static_cast<int>(bytes.size()));
  }
  void Ask(int32_t stream) {
    Say(Frame{kHeaders, kEndHeaders | kEndStream, stream, HeaderEncoder::Literal(RequestFields())}
            .Encoded());
    on_.Until([this] { return !server_.owner.ears.empty(); });
  }
  void Answer(size_t bytes) {
    on_.Run([&] { AnswerOk(*server_.owner.ears[0]->stream, std::string(bytes, 'x')); });
  }

  // The next frame; one of an odd type when there are no more.
  Frame Hear() {
    while (frames_.empty()) {
      char buffer[65536];
      const int n = SSL_read(ssl_, buffer, sizeof(buffer));
      if (n <= 0) return Frame{0xff, 0, 0, ""};
      heard_.append(buffer, static_cast<size_t>(n));
      frames_ = TakeFrames(heard_);
    }
    const Frame first = frames_.front();
    frames_.erase(frames_.begin());
    return first;
  }
  Frame HearFrame(uint8_t type) {
    Frame frame = Hear();
    while (frame.type != type && frame.type != 0xff) frame = Hear();
    EXPECT_EQ(frame.type, type);
    return frame;
  }
  void Wait(absl::Duration time) {
    base::Instant until;
    on_.Run([&] { until = base::After(on_.worker().Now(), time); });
    on_.Until([&] { return on_.worker().Now() >= until; });
  }

  tls::SharedContext ServerContext() {
    return absl::get<tls::SharedContext>(
        tls::Context::ForListener({own_.certificate, own_.private_key, ""}));
  }

  Authority authority_{"test CA"};
  const CertificateFiles own_ = authority_.Sign("h.example");
  const tls::SharedContext client_context_ = absl::get<tls::SharedContext>(
      tls::Context::ForUpstream({authority_.ca(), "", "", ""}, "h.example"));
  OnWorker on_;
  SessionOptions options_;
  Server server_;
  SSL* ssl_ = nullptr;
  int peer_ = -1;
  std::string heard_;
  std::vector<Frame> frames_;
};

// PITFALLS 43
TEST_F(TlsConnectionTest, DrainingWaitsForTheLastRecord) {
  Connect();
  Ask(1);
  on_.Run([this] { server_.connection->Drain(); });
  Say(Ping(HearFrame(kPing).payload, true).Encoded());
  HearFrame(kGoAway);
  Answer(kOneWrite);
  Wait(absl::Milliseconds(1500));  // longer than an end takes whose bytes are all out
  size_t body = 0;
  while (body < kOneWrite) {
    const Frame frame = Hear();
    ASSERT_NE(frame.type, 0xff) << "cut after " << body;
    if (frame.type == kData) body += frame.payload.size();
  }
  EXPECT_TRUE(HearFrame(kHeaders).Has(kEndStream));
}

// PITFALLS 27
TEST_F(TlsConnectionTest, APeerThatLeavesTheLastRecordIsHungUpOn) {
  options_.stall_timeout = absl::Milliseconds(40);
  Connect();
  Ask(1);
  Answer(kOneWrite);
  on_.Until([this] { return server_.closed; });
  EXPECT_THAT(server_.owner.bounds, ElementsAre(Bound::kConnectionStall));
}

TEST_F(TlsConnectionTest, APeerThatReadsSlowlyIsServed) {
  options_.stall_timeout = absl::Seconds(1);
  Connect();
  Ask(1);
  Answer(10 * kOneWrite);
  for (int i = 0; i < 16; ++i) {
    char records[2048];
    ASSERT_EQ(::recv(peer_, records, sizeof(records), MSG_WAITALL), sizeof(records));
    Wait(absl::Milliseconds(100));
  }
  on_.Run([this] { EXPECT_THAT(server_.owner.bounds, IsEmpty()); });
}

}  // namespace
}  // namespace singleflight::http2::testing
