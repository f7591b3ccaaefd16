// Accepting connections, and the paths of Unix sockets.

#include "server/net/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/http2/on_worker.h"

namespace singleflight::net {
namespace {

class ListenerTest : public ::testing::Test {
 protected:
  ~ListenerTest() override {
    on_.Run([this] { listener_.reset(); });
    on_.Stop();
  }

  absl::Status Open(
      const std::string& address, std::function<void()> on_accept = [] {}) {
    absl::Status status;
    on_.Run([&] {
      auto opened =
          Listener::Open(on_.worker(), {address, {}}, [=, this](Listener::Accepted accepted) {
            ::close(accepted.fd);
            ++accepted_;
            on_accept();
          });
      status = opened.status();
      if (!opened.ok()) return;
      listener_ = *std::move(opened);
      listener_->Start();
    });
    return status;
  }

  // Whether someone listens there.
  static bool Connects(const std::string& address) {
    const Endpoint endpoint = *ParseAddress(address);
    const int fd = ::socket(endpoint.family(), SOCK_STREAM, 0);
    const int result = ::connect(fd, endpoint.data(), endpoint.size());
    ::close(fd);
    return result == 0;
  }

  static std::string UnixPath() {
    return ::testing::TempDir() + "listener_test_" + std::to_string(::getpid());
  }

  http2::testing::OnWorker on_;
  std::unique_ptr<Listener> listener_;
  int accepted_ = 0;
};

TEST_F(ListenerTest, PortZeroTakesAFreeOneAndSaysWhich) {
  ASSERT_TRUE(Open("127.0.0.1:0").ok());
  EXPECT_TRUE(Connects(listener_->address()));
  EXPECT_TRUE(Connects(listener_->address()));
  on_.Until([this] { return accepted_ == 2; });
}

TEST_F(ListenerTest, AnAddressInUseIsRefusedByName) {
  ASSERT_TRUE(Open("127.0.0.1:0").ok());
  const std::string address = listener_->address();
  on_.Run([&] {
    const auto second = Listener::Open(on_.worker(), {address, {}}, [](Listener::Accepted) {});
    ASSERT_FALSE(second.ok());
    EXPECT_THAT(std::string(second.status().message()), ::testing::HasSubstr(address));
  });
}

// It would otherwise try again, and warn, ten times a second for ever.
TEST_F(ListenerTest, AListenerThatIsClosedWhileItAcceptsIsDone) {
  ASSERT_TRUE(Open("127.0.0.1:0", [this] { listener_->Close(); }).ok());
  EXPECT_TRUE(Connects(listener_->address()));
  on_.Until([this] { return accepted_ == 1; });
  on_.Run([] {});
  on_.Run([this] { EXPECT_EQ(on_.worker().timers().size(), 0u); });
  EXPECT_FALSE(Connects(listener_->address()));
}

// The second connection is accepted in the turn of the first, and told to a listener that has gone
// meanwhile.
TEST_F(ListenerTest, AConnectionThatComesAsTheListenerGoesIsDropped) {
  ASSERT_TRUE(
      Open("127.0.0.1:0", [this] { on_.worker().Post([this] { listener_.reset(); }); }).ok());
  on_.Run([this] {
    EXPECT_TRUE(Connects(listener_->address()));
    EXPECT_TRUE(Connects(listener_->address()));
  });
  on_.Until([this] { return listener_ == nullptr; });
  on_.Run([] {});
  EXPECT_EQ(accepted_, 1);
}

// The same, but the listener is only closed: after that its owner counts on nobody coming in.
TEST_F(ListenerTest, AConnectionThatComesAsTheListenerIsClosedIsDropped) {
  ASSERT_TRUE(
      Open("127.0.0.1:0", [this] { on_.worker().Post([this] { listener_->Close(); }); }).ok());
  on_.Run([this] {
    const std::string address = listener_->address();
    EXPECT_TRUE(Connects(address));
    EXPECT_TRUE(Connects(address));
  });
  on_.Until([this] { return accepted_ > 0; });
  for (int turn = 0; turn < 3; ++turn) on_.Run([] {});
  EXPECT_EQ(accepted_, 1);
}

// The system has no memory for it, say: here because its socket is watched already.
TEST_F(ListenerTest, WhatCannotBeWatchedIsWatchedLater) {
  struct Other final : Watch {
    void OnReady() override {}
    void OnLoopGone() override {}
  } other;
  std::string address;
  on_.Run([&] {
    Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::listen(socket.fd(), 8), 0);
    ASSERT_EQ(on_.worker().poller().Add(socket, other, false), 0);
    listener_ = Listener::Adopt(on_.worker(), std::move(socket), [this](Listener::Accepted a) {
      ::close(a.fd);
      ++accepted_;
    });
    listener_->Start();
    other.unlink();
    address = listener_->address();
  });
  EXPECT_TRUE(Connects("127.0.0.1" + address.substr(address.rfind(':'))));
  on_.Until([this] { return accepted_ == 1; });
}

TEST_F(ListenerTest, AUnixSocketThatADeadProcessLeftBehindIsTakenOver) {
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const Endpoint endpoint = *ParseAddress("unix:" + UnixPath());
  ASSERT_EQ(::bind(dead, endpoint.data(), endpoint.size()), 0);
  ::close(dead);
  ASSERT_TRUE(Open("unix:" + UnixPath()).ok());
  EXPECT_TRUE(Connects("unix:" + UnixPath()));
  on_.Run([this] { listener_->Close(); });
  EXPECT_NE(::access(UnixPath().c_str(), F_OK), 0) << "removed at the end";
}

// PITFALLS 54
TEST_F(ListenerTest, AUnixSocketThatASuccessorHasPutThereStays) {
  ASSERT_TRUE(Open("unix:" + UnixPath()).ok());
  ASSERT_EQ(::rename(UnixPath().c_str(), (UnixPath() + ".former").c_str()), 0);
  const int successor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const Endpoint endpoint = *ParseAddress("unix:" + UnixPath());
  ASSERT_EQ(::bind(successor, endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
  ASSERT_EQ(::listen(successor, 8), 0);
  on_.Run([this] { listener_->Close(); });
  EXPECT_TRUE(Connects("unix:" + UnixPath()));
  ::close(successor);
  ::unlink(UnixPath().c_str());
  ::unlink((UnixPath() + ".former").c_str());
}

TEST_F(ListenerTest, AUnixSocketThatIsInUseIsLeftAlone) {
  ASSERT_TRUE(Open("unix:" + UnixPath()).ok());
  on_.Run([this] {
    EXPECT_FALSE(
        Listener::Open(on_.worker(), {"unix:" + UnixPath(), {}}, [](Listener::Accepted) {}).ok());
  });
  EXPECT_TRUE(Connects("unix:" + UnixPath()));
}

// A wrong path in the configuration costs nobody the file that is there.
TEST_F(ListenerTest, AFileThatIsNoSocketIsLeftAlone) {
  std::ofstream(UnixPath()) << "precious";
  const absl::Status status = Open("unix:" + UnixPath());
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(::testing::HasSubstr("unix:" + UnixPath()),
                               ::testing::HasSubstr("a file is there that is no socket")));
  EXPECT_EQ(::unlink(UnixPath().c_str()), 0) << "it was there";
}

TEST_F(ListenerTest, AUnixSocketWhoseQueueIsFullIsLeftAloneWithoutWaiting) {
  const Endpoint endpoint = *ParseAddress("unix:" + UnixPath());
  const socklen_t size = endpoint.size();
  const int busy = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(busy, endpoint.data(), size), 0);
  ASSERT_EQ(::listen(busy, 0), 0);
  std::vector<int> queued;
  do {
    queued.push_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
  } while (::connect(queued.back(), endpoint.data(), size) == 0);
  EXPECT_FALSE(Open("unix:" + UnixPath()).ok());
  for (const int fd : queued) ::close(fd);
  ::close(busy);
  EXPECT_EQ(::unlink(UnixPath().c_str()), 0) << "it was there";
}

// Whoever it is that made the process.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  ~Umask() { ::umask(before_); }

 private:
  const mode_t before_;
};

class UnixAccessTest : public ListenerTest {
 protected:
  absl::Status OpenWith(const UnixAccess& access) {
    absl::Status status;
    on_.Run([&] {
      auto opened = Listener::Open(on_.worker(), {"unix:" + UnixPath(), false, access},
                                   [](Listener::Accepted) {});
      status = opened.status();
      if (opened.ok()) listener_ = *std::move(opened);
    });
    return status;
  }
  void Close() {
    on_.Run([this] { listener_.reset(); });
  }
  static struct stat About() {
    struct stat about = {};
    ::lstat(UnixPath().c_str(), &about);
    return about;
  }
};

TEST_F(UnixAccessTest, TheModeIsTheOneThatIsWrittenWhateverTheUmask) {
  for (const mode_t mask : {0, 0022, 0077}) {
    const Umask umask(mask);
    ASSERT_EQ(OpenWith({.mode = 0662}), absl::OkStatus());
    EXPECT_EQ(About().st_mode & 07777, 0662u) << mask;
    Close();
  }
}

TEST_F(UnixAccessTest, WithoutAModeTheUmaskDecides) {
  const Umask umask(0027);
  ASSERT_EQ(OpenWith({}), absl::OkStatus());
  EXPECT_EQ(About().st_mode & 07777, 0750u);
}

TEST_F(UnixAccessTest, AGroupMayConnectUnlessAModeSaysOtherwise) {
  const Umask umask(0022);
  const std::string group = absl::StrCat(::getegid());
  ASSERT_EQ(OpenWith({.group = group}), absl::OkStatus());
  EXPECT_EQ(About().st_mode & 07777, 0660u);
  EXPECT_EQ(About().st_gid, ::getegid());
}

TEST_F(UnixAccessTest, WhatCannotBeGivenLeavesNoFile) {
  const absl::Status status = OpenWith({.group = "no-such-group"});
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("no group has the name \"no-such-group\""));
  EXPECT_NE(::access(UnixPath().c_str(), F_OK), 0);
}

// The umask leaves everything, and whoever looks on sees the file as soon as it is there.
TEST_F(UnixAccessTest, AtNoMomentIsMoreAllowedThanTheMode) {
  const Umask umask(0);
  std::atomic<bool> stop{false};
  std::atomic<mode_t> seen{0};
  std::thread onlooker([&] {
    while (!stop) seen |= About().st_mode & 07777;
  });
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(OpenWith({.mode = 0600}), absl::OkStatus());
    Close();
  }
  stop = true;
  onlooker.join();
  EXPECT_EQ(seen & ~0600u, 0u) << std::oct << seen;
}

}  // namespace
}  // namespace singleflight::net
