// Connections on real sockets, whose peer is the test with plain reads and writes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <utility>

#include "server/http2/connection.h"
#include "tests/http2/ends.h"
#include "tests/http2/on_worker.h"

namespace singleflight::http2::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The owner of one connection; everything in it belongs to the worker's thread.
struct Server final : ConnectionEvents {
  void OnStream(Stream& stream) override { owner.OnStream(stream); }
  void OnSettings() override { ++owner.settings; }
  void OnGoAway() override { ++owner.goaways; }
  void OnStreamGone() override { ++owner.gone; }
  void OnBound(Bound bound) override { owner.OnBound(bound); }
  void OnConnectionClosed(absl::string_view why) override {
    ++closed;
    why_closed = std::string(why);
    connection.reset();
  }

  Owner owner;
  std::shared_ptr<Connection> connection;
  int closed = 0;
  std::string why_closed;
};

// Two connected sockets: one for a connection on the worker, one for the test.
std::pair<net::Socket, int> Sockets() {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  return {net::Socket(ends[0]), ends[1]};
}

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() { Connect(); }

  // A connection with the options as they are now, in place of the one before.
  void Connect(Side side = Side::kServer) {
    if (peer_ >= 0) {
      HangUp();
      on_.Until([this] { return server_.closed > 0; });
      server_.closed = 0;
    }
    on_.Run([this, side] {
      auto [socket, fd] = Sockets();
      peer_ = fd;
      server_.connection = std::make_shared<Connection>(
          on_.worker(), side, options_, net::MakeSocketStream(on_.worker(), std::move(socket)),
          server_);
      server_.connection->Start();
    });
  }

  ~ConnectionTest() override {
    HangUp();
    on_.Until([this] { return server_.closed > 0; });
    on_.Stop();
    EXPECT_EQ(server_.closed, 1) << "told once";
    EXPECT_EQ(server_.connection, nullptr);
  }

  void HangUp() {
    if (peer_ >= 0) ::close(std::exchange(peer_, -1));
  }

  void Say(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(n, 0);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  void Say(const Frame& frame) { Say(frame.Encoded()); }

  void Greet(std::initializer_list<std::pair<uint16_t, uint32_t>> settings = {}) {
    Say(kPreface);
    Say(Settings(settings));
    Say(SettingsAck());
  }

  static std::string Request(int32_t stream) {
    const std::string block = HeaderEncoder::Literal(RequestFields());
    return Frame{kHeaders, kEndHeaders | kEndStream, stream, block}.Encoded();
  }
  void Ask(int32_t stream) { Say(Request(stream)); }

  // More bytes from the server; false: it has ended the connection.
  bool Hear() {
    char buffer[65536];
    const ssize_t n = ::recv(peer_, buffer, sizeof(buffer), 0);
    if (n <= 0) return false;
    heard_.append(buffer, static_cast<size_t>(n));
    return true;
  }

  std::string HearAll() {
    while (Hear()) {
    }
    return std::exchange(heard_, "");
  }

  // Reads on until a frame of that type has come.
  Frame HearFrame(uint8_t type) {
    while (true) {
      for (Frame& frame : TakeFrames(heard_)) backlog_.push_back(std::move(frame));
      for (size_t i = 0; i < backlog_.size(); ++i) {
        if (backlog_[i].type != type) continue;
        Frame found = backlog_[i];
        backlog_.erase(backlog_.begin(), backlog_.begin() + static_cast<ptrdiff_t>(i) + 1);
        return found;
      }
      if (!Hear()) {
        ADD_FAILURE() << "the connection ended before a frame of type " << int{type};
        return Frame{};
      }
    }
  }

  OnWorker on_;
  SessionOptions options_;
  Server server_;
  int peer_ = -1;
  std::string heard_;
  std::vector<Frame> backlog_;
};

// PITFALLS 27: small frames cost more than their bytes; a peer that sends many takes turns.
TEST_F(ConnectionTest, AClientWithManySmallFramesLeavesTurnsToOthers) {
  constexpr size_t kMany = 500;
  Greet();
  Ask(1);
  on_.Until([this] { return server_.owner.ears.size() == 1; });
  Server other;
  int patient = -1;
  size_t before_the_other = 0;
  other.owner.prepare = [&](Ear&) { before_the_other = server_.owner.ears.size(); };
  on_.Run([&] {
    auto [socket, fd] = Sockets();
    patient = fd;
    other.connection =
        std::make_shared<Connection>(on_.worker(), Side::kServer, options_,
                                     net::MakeSocketStream(on_.worker(), std::move(socket)), other);
    other.connection->Start();
    std::string many;
    for (size_t i = 1; i <= kMany; ++i) many += Request(static_cast<int32_t>(2 * i + 1));
    Say(many);
    const std::string one = std::string(kPreface) + Settings({}).Encoded() + Request(1);
    ASSERT_EQ(::send(patient, one.data(), one.size(), MSG_NOSIGNAL), one.size());
  });
  on_.Until([&] { return server_.owner.ears.size() == 1 + kMany && other.owner.ears.size() == 1; });
  EXPECT_GT(before_the_other, 1);
  EXPECT_LT(before_the_other, kMany / 2);
  ::close(patient);
  on_.Until([&] { return other.closed > 0; });
}

TEST_F(ConnectionTest, ACallIsServedOverASocket) {
  server_.owner.prepare = [](Ear& ear) {
    ear.on_headers = [&ear] { AnswerOk(*ear.stream, "kettle"); };
  };
  Greet();
  Ask(1);
  EXPECT_EQ(HearFrame(kData).payload, "kettle");
  EXPECT_TRUE(HearFrame(kHeaders).Has(kEndStream));
}

TEST_F(ConnectionTest, AnHttp1RequestIsToldToUpgrade) {
  Say("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string answer = HearAll();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 426 Upgrade Required\r\n"));
  EXPECT_THAT(answer, HasSubstr("prior knowledge"));
}

TEST_F(ConnectionTest, WhatIsNeitherHttp1NorHttp2IsHungUpOn) {
  Say("\x16\x03\x01\x02\x01 a TLS hello");
  EXPECT_THAT(HearAll(), ::testing::Not(HasSubstr("HTTP/1.1")));
}

TEST_F(ConnectionTest, AProtocolErrorIsExplainedBeforeTheConnectionEnds) {
  Greet();
  Say(Data(7, "of no stream"));
  EXPECT_EQ(HearFrame(kGoAway).Number(4), 1u) << "PROTOCOL_ERROR";
  HearAll();
}

TEST_F(ConnectionTest, AClosedSocketTellsEveryStream) {
  Greet();
  Ask(1);
  Ask(3);
  on_.Until([this] { return server_.owner.ears.size() == 2; });
  HangUp();
  on_.Until([this] { return server_.closed > 0; });
  for (const auto& ear : server_.owner.ears) {
    EXPECT_TRUE(ear->EndedAs(Closed::Why::kConnectionLost));
  }
}

TEST_F(ConnectionTest, ClosingFromWithinACallbackWaitsUntilTheSessionIsDone) {
  server_.owner.prepare = [this](Ear& ear) {
    ear.on_headers = [this] { server_.connection->Close("enough"); };
  };
  Greet();
  Ask(1);
  HearAll();
  on_.Until([this] { return server_.closed > 0; });
  EXPECT_EQ(server_.why_closed, "enough");
  EXPECT_TRUE(server_.owner.ears.at(0)->EndedAs(Closed::Why::kConnectionLost));
}

TEST_F(ConnectionTest, ClosingWhileFramesAreMadeWaitsToo) {
  server_.owner.prepare = [this](Ear& ear) {
    ear.on_headers = [&ear] { AnswerOk(*ear.stream, "kettle"); };
    ear.on_closed = [this] {
      if (server_.connection != nullptr) server_.connection->Close("done with");
    };
  };
  Greet();
  Ask(1);
  HearAll();
  on_.Until([this] { return server_.closed > 0; });
  EXPECT_EQ(server_.why_closed, "done with");
}

// The socket takes what it can; the rest waits for the peer, not in frames made ahead.
TEST_F(ConnectionTest, APeerThatDoesNotReadHoldsNothingButTheReply) {
  constexpr size_t kReply = 4 << 20;
  auto reply = std::make_shared<const std::string>(kReply, 'r');
  server_.owner.prepare = [&reply](Ear& ear) {
    ear.on_headers = [&ear, &reply] {
      ear.stream->SendHeaders(Block(ReplyFields()), false);
      ear.stream->Send(base::Slice(reply, *reply));
      ear.stream->Finish(Trailing({{"grpc-status", "0"}}));
    };
  };
  Greet({{kInitialWindowSize, 0x7fffffff}});
  Say(WindowUpdate(0, 0x7fffffff - 65535));
  for (int32_t stream = 1; stream <= 15; stream += 2) Ask(stream);
  on_.Until([this] { return server_.owner.ears.size() == 8; });
  size_t sent = 0;
  on_.Until([&] {
    const size_t before = std::exchange(sent, 0);
    for (const auto& ear : server_.owner.ears) sent += ear->sent;
    return sent > 0 && sent == before;
  });
  EXPECT_LT(sent, kReply) << "made ahead of the socket";
  EXPECT_GT(on_.counted(), 0) << "what the socket did not take";
  EXPECT_LT(on_.counted(), 256 << 10);

  size_t bytes = 0;
  for (int ended = 0; ended < 8;) {
    for (const Frame& frame : TakeFrames(heard_)) {
      if (frame.type == kData) bytes += frame.payload.size();
      if (frame.Has(kEndStream) && frame.type == kHeaders) ++ended;
    }
    if (ended < 8 && !Hear()) break;
  }
  EXPECT_EQ(bytes, 8 * kReply);
  EXPECT_EQ(on_.counted(), 0);
}

TEST_F(ConnectionTest, ReadingGoesOnWhileTheSocketTakesNothing) {
  auto reply = std::make_shared<const std::string>(4 << 20, 'r');
  server_.owner.prepare = [&reply](Ear& ear) {
    ear.on_headers = [&ear, &reply] {
      ear.stream->SendHeaders(Block(ReplyFields()), false);
      ear.stream->Send(base::Slice(reply, *reply));
    };
  };
  Greet({{kInitialWindowSize, 0x7fffffff}});
  Say(WindowUpdate(0, 0x7fffffff - 65535));
  Ask(1);
  on_.Until([this] { return server_.owner.ears.size() == 1 && server_.owner.ears[0]->sent > 0; });
  Say(RstStream(1, 8));
  on_.Until([this] { return server_.owner.ears[0]->closed.has_value(); });
}

// PITFALLS 40
TEST_F(ConnectionTest, APeerThatPingsAndDoesNotReadIsHungUpOn) {
  Greet();
  std::string pings;
  for (int i = 0; i < 1000; ++i) pings += Ping("flooding").Encoded();
  while (::send(peer_, pings.data(), pings.size(), MSG_NOSIGNAL) > 0) {
  }
  on_.Until([this] { return server_.closed > 0; });
  EXPECT_THAT(server_.owner.bounds, ElementsAre(Bound::kQueuedFrames));
}

// PITFALLS 40 (RFC 9113 §10.5): every request leaves a frame that the peer does not read.
TEST_F(ConnectionTest, NothingMoreIsReadFromAPeerThatLeavesTooManyFramesUnread) {
  options_.max_concurrent_streams = 1 << 20;
  Connect();
  server_.owner.prepare = [](Ear& ear) {
    ear.on_headers = [&ear] { ear.stream->Reset(ErrorCode::kRefusedStream); };
  };
  Greet();
  std::string unsaid;
  int32_t stream = 1;
  const auto say_more = [&] {
    for (; unsaid.size() < 10000; stream += 2) {
      unsaid +=
          Frame{kHeaders, kEndHeaders | kEndStream, stream, HeaderEncoder::Literal(RequestFields())}
              .Encoded();
    }
    const ssize_t n = ::send(peer_, unsaid.data(), unsaid.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) unsaid.erase(0, static_cast<size_t>(n));
    return n > 0;
  };
  size_t asked = 0;
  size_t queued = 0;
  int idle_turns = 0;
  on_.Until([&] {
    if (server_.closed > 0) return true;
    const bool moved = say_more() || server_.owner.ears.size() != asked;
    asked = server_.owner.ears.size();
    queued = server_.connection->session()->queued_frames();
    idle_turns = moved ? 0 : idle_turns + 1;
    return queued > 20000 || (queued > 10000 && idle_turns == 20);
  });
  EXPECT_LE(queued, 20000u);
  EXPECT_EQ(idle_turns, 20) << "it reads no more";
  bool reads_again = false;
  while (!reads_again && Hear()) {
    on_.Run([&] { reads_again = server_.owner.ears.size() > asked; });
  }
  EXPECT_TRUE(reads_again);
}

// PITFALLS 27: a live peer whose TCP window is zero.
TEST_F(ConnectionTest, APeerWhoseSocketTakesNothingIsHungUpOn) {
  options_.stall_timeout = absl::Milliseconds(40);
  Connect();
  const auto reply = std::make_shared<const std::string>(4 << 20, 'r');
  server_.owner.prepare = [&reply](Ear& ear) {
    ear.on_headers = [&ear, &reply] {
      ear.stream->SendHeaders(Block(ReplyFields()), false);
      ear.stream->Send(base::Slice(reply, *reply));
    };
  };
  Greet({{kInitialWindowSize, 0x7fffffff}});
  Say(WindowUpdate(0, 0x7fffffff - 65535));
  Ask(1);
  on_.Until([this] { return server_.closed > 0; });
  EXPECT_THAT(server_.owner.bounds, ElementsAre(Bound::kConnectionStall));
}

TEST_F(ConnectionTest, ABackendWhoseSocketTakesNothingIsHungUpOn) {
  options_.stall_timeout = absl::Milliseconds(40);
  Connect(Side::kClient);
  Say(Settings({{kInitialWindowSize, 0x7fffffff}}));
  Say(WindowUpdate(0, 0x7fffffff - 65535));
  on_.Until([this] { return server_.owner.settings > 0; });
  const auto call = std::make_shared<Ear>();
  on_.Run([&] {
    Stream& stream = server_.connection->session()->Open(Block(RequestFields()), call);
    stream.Send(base::Slice(std::string(4 << 20, 'r')));
  });
  on_.Until([this] { return server_.closed > 0; });
  EXPECT_TRUE(call->EndedAs(Closed::Why::kConnectionLost));
}

TEST_F(ConnectionTest, ABackendMayLeaveAStreamsWindowShut) {
  options_.stall_timeout = absl::Milliseconds(1);
  Connect(Side::kClient);
  Say(Settings({{kInitialWindowSize, 0}}));
  on_.Until([this] { return server_.owner.settings > 0; });
  on_.Run([&] {
    Stream& stream =
        server_.connection->session()->Open(Block(RequestFields()), std::make_shared<Ear>());
    stream.Send(base::Slice(std::string("ask")));
  });
  while (heard_.size() < kPreface.size()) ASSERT_TRUE(Hear());
  heard_.erase(0, kPreface.size());
  HearFrame(kHeaders);
  on_.Run([this] { EXPECT_EQ(on_.worker().timers().size(), 0u) << "nobody is timed"; });
}

TEST_F(ConnectionTest, AStreamWhoseWindowStaysShutIsResetAndTheConnectionGoesOn) {
  options_.stall_timeout = absl::Milliseconds(40);
  Connect();
  server_.owner.prepare = [](Ear& ear) {
    ear.on_headers = [&ear] { AnswerOk(*ear.stream, "kettle"); };
  };
  Greet({{kInitialWindowSize, 0}});
  Ask(1);
  EXPECT_EQ(HearFrame(kRstStream).Number(), 8u) << "CANCEL";
  Say(Ping("still on"));
  HearFrame(kPing);
  on_.Run([this] { EXPECT_EQ(on_.worker().timers().size(), 0u) << "nothing waits any more"; });
}

// PITFALLS 27
TEST_F(ConnectionTest, AHeaderBlockThatTricklesEndsTheConnection) {
  options_.stall_timeout = absl::Milliseconds(40);
  Connect();
  Greet();
  const std::string request =
      Frame{kHeaders, kEndHeaders, 1, HeaderEncoder::Literal(RequestFields())}.Encoded();
  Say(request.substr(0, 20));
  EXPECT_EQ(HearFrame(kGoAway).Number(4), 11u) << "ENHANCE_YOUR_CALM";
  HearAll();
  EXPECT_THAT(server_.owner.bounds, ElementsAre(Bound::kConnectionStall));
}

// PITFALLS 43
TEST_F(ConnectionTest, DrainingEndsTheConnectionAfterItsLastCall) {
  Greet();
  Ask(1);
  on_.Until([this] { return server_.owner.ears.size() == 1; });
  on_.Run([this] { server_.connection->Drain(); });
  EXPECT_EQ(HearFrame(kGoAway).Number(), static_cast<uint32_t>(kEveryStream));
  const Frame ping = HearFrame(kPing);
  Ask(3);
  Say(Ping(ping.payload, true));
  EXPECT_EQ(HearFrame(kGoAway).Number(), 3u);
  on_.Run([this] {
    for (const auto& ear : server_.owner.ears) AnswerOk(*ear->stream, "kettle");
  });
  EXPECT_EQ(HearFrame(kData).payload, "kettle");
  EXPECT_EQ(HearFrame(kData).payload, "kettle");
  HearAll();
}

// PITFALLS 43
TEST_F(ConnectionTest, AClientThatSaidGoAwayIsDrainedToo) {
  Greet();
  Ask(1);
  Say(GoAway(0, 0));
  on_.Until([this] { return server_.owner.goaways == 1; });
  on_.Run([this] { server_.connection->Drain(); });
  EXPECT_EQ(HearFrame(kGoAway).Number(), 1u);
  on_.Run([this] { AnswerOk(*server_.owner.ears[0]->stream, "kettle"); });
  EXPECT_EQ(HearFrame(kData).payload, "kettle");
  HearAll();
}

// PITFALLS 43
TEST_F(ConnectionTest, DrainingDoesNotWaitForAPeerThatDoesNotAcknowledge) {
  Greet();
  on_.Run([this] { server_.connection->Drain(); });
  HearFrame(kGoAway);
  EXPECT_EQ(HearFrame(kGoAway).Number(), 0u);
  HearAll();
  on_.Until([this] { return server_.closed > 0; });
}

// PITFALLS 27
TEST_F(ConnectionTest, WhoSendsOnAfterAFloodIsNotReadFromForLong) {
  Greet();
  Say(Frame{kHeaders, kEndHeaders, 1, HeaderEncoder::Literal(RequestFields())});
  std::string flood;
  for (int i = 0; i < 20000; ++i) flood += Data(1, "").Encoded();
  ::send(peer_, flood.data(), flood.size(), MSG_NOSIGNAL);  // of which not all may be taken
  on_.Until([this] { return server_.closed > 0; });
  EXPECT_THAT(server_.owner.bounds, ElementsAre(Bound::kEmptyFrames));
  EXPECT_EQ(server_.why_closed, "the peer sends on after the end");
}

TEST_F(ConnectionTest, TheLastFramesArriveAlthoughThePeerStillSends) {
  Greet();
  Ask(1);
  on_.Until([this] { return server_.owner.ears.size() == 1; });
  on_.Run([this] { server_.connection->session()->Terminate(ErrorCode::kEnhanceYourCalm); });
  for (int i = 0; i < 100; ++i) {
    const std::string more = Ping("still on").Encoded();
    if (::send(peer_, more.data(), more.size(), MSG_NOSIGNAL) < 0) break;
  }
  EXPECT_EQ(HearFrame(kGoAway).Number(4), 11u);
}

TEST(ConnectionsTest, AWorkerThatStopsLeavesNothingBehind) {
  OnWorker on;
  std::vector<std::unique_ptr<Server>> servers;
  std::vector<int> peers;
  on.Run([&] {
    for (int i = 0; i < 10; ++i) {
      auto [socket, fd] = Sockets();
      peers.push_back(fd);
      auto server = std::make_unique<Server>();
      server->connection = std::make_shared<Connection>(
          on.worker(), Side::kServer, SessionOptions(),
          net::MakeSocketStream(on.worker(), std::move(socket)), *server);
      server->connection->Start();
      servers.push_back(std::move(server));
    }
  });
  on.Stop();
  for (const auto& server : servers) {
    const auto connection = server->connection;
    connection->Close("the end");
    EXPECT_EQ(server->closed, 1);
  }
  for (const int fd : peers) ::close(fd);
}

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

// Prints what an idle connection costs; a sanitizer's allocator makes it more than it is.
TEST(ConnectionsTest, AnIdleConnectionCostsLittle) {
  constexpr size_t kConnections = 300;
  OnWorker on;
  std::vector<std::unique_ptr<Server>> servers;
  std::vector<int> peers;
  const size_t before = ResidentBytes();
  on.Run([&] {
    for (size_t i = 0; i < kConnections; ++i) {
      auto [socket, fd] = Sockets();
      const std::string hello = std::string(kPreface) + Settings({}).Encoded();
      EXPECT_EQ(::send(fd, hello.data(), hello.size(), 0), static_cast<ssize_t>(hello.size()));
      peers.push_back(fd);
      auto server = std::make_unique<Server>();
      server->connection = std::make_shared<Connection>(
          on.worker(), Side::kServer, SessionOptions(),
          net::MakeSocketStream(on.worker(), std::move(socket)), *server);
      server->connection->Start();
      servers.push_back(std::move(server));
    }
  });
  on.Until([&] {
    for (const auto& server : servers) {
      if (server->owner.settings == 0) return false;
    }
    return true;
  });
  RecordProperty("bytes_per_idle_connection",
                 static_cast<int>((ResidentBytes() - before) / kConnections));
  std::printf("an idle connection: about %zu bytes\n", (ResidentBytes() - before) / kConnections);
  for (const int fd : peers) ::close(fd);
  on.Until([&] {
    for (const auto& server : servers) {
      if (server->closed == 0) return false;
    }
    return true;
  });
}

}  // namespace
}  // namespace singleflight::http2::testing
