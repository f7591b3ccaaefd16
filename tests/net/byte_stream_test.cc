// Streams on real sockets, whose peer is the test with plain reads and writes.

#include "server/net/byte_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "tests/http2/on_worker.h"

namespace {

std::atomic<int> registrations{0};
std::atomic<int> reads{0};

}  // namespace

// In the place of libc's, so that they are counted.
extern "C" int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  ++registrations;
  return static_cast<int>(::syscall(SYS_epoll_ctl, epoll, operation, fd, event));
}
extern "C" ssize_t recv(int fd, void* bytes, size_t room, int flags) {
  ++reads;
  return ::syscall(SYS_recvfrom, fd, bytes, room, flags, nullptr, nullptr);
}

namespace singleflight::net {
namespace {

using ::testing::ElementsAre;
using Outcome = ByteStream::Outcome;

struct Ends {
  Socket own;
  Socket peer;
};

Ends UnixPair() {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  return {Socket(ends[0]), Socket(ends[1])};
}

// A listening socket on a port of the system's choice, and where it is.
std::pair<Socket, Endpoint> ListeningSocket() {
  Socket socket(::socket(AF_INET, SOCK_STREAM, 0));
  const Endpoint any = *ParseAddress("127.0.0.1:0");
  EXPECT_EQ(::bind(socket.fd(), any.data(), any.size()), 0);
  EXPECT_EQ(::listen(socket.fd(), 1), 0);
  sockaddr_storage bound = {};
  socklen_t size = sizeof(bound);
  EXPECT_EQ(::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&bound), &size), 0);
  return {std::move(socket), Endpoint(&bound, size)};
}

Ends TcpPair() {
  const auto [listener, endpoint] = ListeningSocket();
  Socket peer(::socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_EQ(::connect(peer.fd(), endpoint.data(), endpoint.size()), 0);
  return {Socket(::accept(listener.fd(), nullptr, nullptr)), std::move(peer)};
}

// How long the system waits for a peer that takes nothing, once a socket is a stream.
int GivesUpAfterMs(absl::Duration patience) {
  Worker worker(0);
  Ends ends = TcpPair();
  const int fd = ends.own.fd();
  const auto stream = MakeSocketStream(worker, std::move(ends.own), patience);
  int ms = 0;
  socklen_t size = sizeof(ms);
  EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &size), 0);
  return ms;
}

TEST(PatienceTest, TheSystemIsAsPatientAsItIsAskedToBe) {
  EXPECT_EQ(GivesUpAfterMs(absl::Seconds(20)), 20'000);
  EXPECT_EQ(GivesUpAfterMs(absl::Minutes(10)), 600'000);
  EXPECT_EQ(GivesUpAfterMs(absl::InfiniteDuration()), 0x7fffffff);
}

class ByteStreamTest : public ::testing::TestWithParam<Ends (*)()> {
 protected:
  ByteStreamTest() {
    Ends ends = GetParam()();
    peer_ = std::move(ends.peer);
    on_.Run([&] { stream_ = MakeSocketStream(on_.worker(), std::move(ends.own)); });
  }
  ~ByteStreamTest() override {
    on_.Run([this] { stream_->Close(); });
    on_.Stop();
  }

  void Say(const std::string& bytes) {
    ASSERT_EQ(::send(peer_.fd(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }

  // Takes up to `room` bytes whenever there are some, until there is an end.
  void ReadOn(size_t room) {
    stream_->WhenReadable([this, room] {
      char bytes[64];
      const ByteStream::Result result = stream_->Read(bytes, room);
      if (result.outcome == Outcome::kDone) heard_.emplace_back(bytes, result.size);
      ended_ = result.outcome == Outcome::kEnd || result.outcome == Outcome::kFailed;
      if (!ended_) ReadOn(room);
    });
  }
  void Hear(size_t room) {
    on_.Run([=, this] { ReadOn(room); });
  }
  void AwaitHeard(size_t pieces) {
    on_.Until([=, this] { return heard_.size() == pieces; });
  }

  // Writes until the socket takes no more.
  void Fill() {
    const std::string much(1 << 20, 'x');
    on_.Run([&] {
      ByteStream::Result result{Outcome::kDone};
      while (result.outcome == Outcome::kDone) result = stream_->Write(much);
      EXPECT_EQ(result.outcome, Outcome::kWouldBlock);
    });
  }
  void Drain() {
    std::vector<char> room(1 << 20);
    while (::recv(peer_.fd(), room.data(), room.size(), MSG_DONTWAIT) > 0) {
    }
  }

  http2::testing::OnWorker on_;
  std::unique_ptr<ByteStream> stream_;
  Socket peer_;
  std::vector<std::string> heard_;
  bool ended_ = false;
};

INSTANTIATE_TEST_SUITE_P(Sockets, ByteStreamTest, ::testing::Values(&UnixPair, &TcpPair));

TEST_P(ByteStreamTest, EachMessageCostsOneReadAndNoRegistration) {
  Hear(64);
  Say("first");
  AwaitHeard(1);
  registrations = reads = 0;
  for (size_t i = 2; i <= 50; ++i) {
    Say("another");
    AwaitHeard(i);
  }
  EXPECT_EQ(registrations, 0);
  EXPECT_EQ(reads, 49);
}

TEST_P(ByteStreamTest, WhatAReadLeavesBehindIsToldOfAgain) {
  Say("abcdefgh");
  Hear(3);
  AwaitHeard(3);
  EXPECT_THAT(heard_, ElementsAre("abc", "def", "gh"));
}

TEST_P(ByteStreamTest, TheEndIsToldThoughItCameWithTheLastBytes) {
  Say("bye");
  peer_.Close();
  Hear(64);
  on_.Until([this] { return ended_; });
  EXPECT_THAT(heard_, ElementsAre("bye"));
}

TEST_P(ByteStreamTest, TheEndIsToldToWhoWaitsForIt) {
  Hear(64);
  Say("bye");
  AwaitHeard(1);
  peer_.Close();
  on_.Until([this] { return ended_; });
}

TEST_P(ByteStreamTest, APeerThatHasEndedItsSideIsStillWrittenTo) {
  ::shutdown(peer_.fd(), SHUT_WR);
  Hear(64);
  on_.Until([this] { return ended_; });
  on_.Run([this] { EXPECT_EQ(stream_->Write("so long").outcome, Outcome::kDone); });
  char bytes[64];
  EXPECT_EQ(::recv(peer_.fd(), bytes, sizeof(bytes), 0), 7);
}

// Nobody has to read for that: what TCP has sent moves on by itself.
TEST_P(ByteStreamTest, RoomIsToldOnceThereIsSome) {
  for (int time = 0; time < 3; ++time) {
    Fill();
    bool room = false;
    on_.Run([&] {
      stream_->WhenWritable([&] {
        room = true;
        EXPECT_EQ(stream_->Write("x").outcome, Outcome::kDone);
      });
    });
    on_.Until([&] {
      Drain();
      return room;
    });
  }
}

TEST_P(ByteStreamTest, WhoWaitsForRoomStillHears) {
  Fill();
  bool room = false;
  on_.Run([&] { stream_->WhenWritable([&] { room = true; }); });
  Hear(64);
  Say("hello");
  AwaitHeard(1);
  Say("once more");
  on_.Until([&] {
    Drain();
    return room && heard_.size() == 2;
  });
}

// The second is ready in the same round as the first, which closes it.
TEST_P(ByteStreamTest, NobodyIsToldAfterClose) {
  Ends others = GetParam()();
  std::unique_ptr<ByteStream> other;
  int told = 0;
  on_.Run([&] {
    other = MakeSocketStream(on_.worker(), std::move(others.own));
    stream_->WhenReadable([&] {
      ++told;
      other->Close();
    });
    other->WhenReadable([&] {
      ++told;
      stream_->Close();
    });
    Say("a");
    ASSERT_EQ(::send(others.peer.fd(), "b", 1, 0), 1);
  });
  on_.Until([&] { return told > 0; });
  for (int turn = 0; turn < 3; ++turn) on_.Run([] {});
  EXPECT_EQ(told, 1);
  on_.Run([&] { other->Close(); });
}

// A reload, say, and a call of somebody who has seen it applied.
TEST_P(ByteStreamTest, WhatWasPostedBeforeThePeerSpokeRunsBeforeThat) {
  std::vector<std::string> order;
  std::promise<void> busy, go_on;
  on_.Run([&] { stream_->WhenReadable([&] { order.push_back("heard"); }); });
  on_.worker().Post([&] {
    busy.set_value();
    go_on.get_future().wait();
  });
  busy.get_future().wait();
  on_.worker().Post([&] { order.push_back("posted"); });
  Say("hello");
  go_on.set_value();
  on_.Until([&] { return order.size() == 2; });
  EXPECT_THAT(order, ElementsAre("posted", "heard"));
}

TEST_P(ByteStreamTest, WhoAlwaysHasMoreHoldsUpNeitherTimersNorTasks) {
  Say(std::string(60, 'x'));
  bool rang = false;
  bool ended = false;  // nobody is told any more, so that none of these is looked at later
  base::Timer timer(on_.worker().timers(), [&rang] { rang = true; });
  std::function<void()> again = [&] {
    stream_->WhenReadable([&] {
      ended = rang;
      if (!ended) again();  // reads nothing, so that it stays ready
    });
  };
  on_.Run([&] {
    timer.Set(base::After(on_.worker().Now(), absl::Milliseconds(1)));
    again();
  });
  on_.Until([&] { return ended; });  // by tasks
}

TEST(CallbacksTest, GoWithTheWorker) {
  auto worker = std::make_unique<Worker>(0);
  Ends ends = UnixPair();
  std::shared_ptr<ByteStream> stream = MakeSocketStream(*worker, std::move(ends.own));
  const std::weak_ptr<ByteStream> alive = stream;
  stream->WhenReadable([stream] {});
  stream->WhenWritable([stream = std::move(stream)] {});
  ASSERT_FALSE(alive.expired());
  worker.reset();
  EXPECT_TRUE(alive.expired());
}

class ConnectTest : public ::testing::Test {
 protected:
  ~ConnectTest() override {
    on_.Run([this] { stream_->Close(); });
    on_.Stop();
  }

  // What a write says once it is told that it can say something.
  std::string Connect(const Endpoint& endpoint) {
    std::string said;
    bool told = false;
    on_.Run([&] {
      stream_ = ConnectSocketStream(on_.worker(), endpoint);
      stream_->WhenWritable([&] {
        const ByteStream::Result result = stream_->Write("");
        if (result.outcome == Outcome::kFailed) said = stream_->WhyFailed(result.error);
        told = true;
      });
    });
    on_.Until([&] { return told; });
    return said;
  }

  http2::testing::OnWorker on_;
  std::unique_ptr<ByteStream> stream_;
};

TEST_F(ConnectTest, SomebodyWhoListensIsConnectedTo) {
  const auto [listener, endpoint] = ListeningSocket();
  EXPECT_EQ(Connect(endpoint), "");
  const Socket peer(::accept(listener.fd(), nullptr, nullptr));
  ASSERT_EQ(::send(peer.fd(), "hello", 5, 0), 5);
  bool heard = false;
  on_.Run([&] {
    stream_->WhenReadable([&] {
      char bytes[64];
      heard = stream_->Read(bytes, sizeof(bytes)).size == 5;
    });
  });
  on_.Until([&] { return heard; });
}

TEST_F(ConnectTest, NobodyOnAPortIsSaidSo) {
  const Endpoint gone = ListeningSocket().second;
  EXPECT_EQ(Connect(gone), "Connection refused");
  on_.Run([this] {
    EXPECT_EQ(stream_->Write("").error, ECONNREFUSED) << "it is said again";
    char byte;
    EXPECT_EQ(stream_->Read(&byte, 1).error, ECONNREFUSED);
  });
}

TEST_F(ConnectTest, NobodyOnAUnixSocketIsSaidSo) {
  EXPECT_EQ(Connect(*ParseAddress("unix:" + ::testing::TempDir() + "/nobody.sock")),
            "No such file or directory");
}

}  // namespace
}  // namespace singleflight::net
