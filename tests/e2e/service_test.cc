// What a service manager that starts the proxy gives it, and hears of it.

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::Each;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The socket that $NOTIFY_SOCKET names.
class NotifySocket {
 public:
  NotifySocket() {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.path().c_str(), sizeof(address.sun_path) - 1);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      throw std::runtime_error("bind");
    }
  }
  ~NotifySocket() { ::close(fd_); }

  std::string path() const { return path_.path(); }

  // The next message.
  std::string Hear() {
    pollfd readable{fd_, POLLIN, 0};
    const auto patience = std::chrono::milliseconds(kPatience).count();
    if (::poll(&readable, 1, static_cast<int>(patience)) != 1) {
      throw std::runtime_error("the service manager hears nothing");
    }
    char buffer[4096];
    const ssize_t n = ::recv(fd_, buffer, sizeof(buffer), 0);
    return std::string(buffer, static_cast<size_t>(std::max<ssize_t>(n, 0)));
  }

  // The first message from now on that is so. Others may come where the machine is busy.
  std::string HearUntil(const ::testing::Matcher<const std::string&>& matcher) {
    std::string message;
    while (!matcher.Matches(message = Hear())) {
    }
    return message;
  }

 private:
  const TemporaryPath path_;
  const int fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

// A socket that is bound before there is a proxy, as by a .socket unit.
class Activated {
 public:
  explicit Activated(int family = AF_INET, int type = SOCK_STREAM)
      : fd_(::socket(family, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("bind");
    }
    if (type == SOCK_STREAM) ::listen(fd_, SOMAXCONN);
    address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }
  ~Activated() { ::close(fd_); }

  int fd() const { return fd_; }
  const std::string& address() const { return address_; }

 private:
  const int fd_;
  std::string address_;
};

class ServiceTest : public ProxyTest {
 protected:
  // The shell becomes the proxy, so its number is the proxy's. It opens the sockets again, under
  // the numbers that the protocol wants.
  std::unique_ptr<ProxyProcess> Launch(const std::string& yaml,
                                       const std::vector<const Activated*>& sockets = {},
                                       const std::string& environment = "") {
    std::string before =
        absl::StrCat("export LISTEN_PID=$$ LISTEN_FDS=", sockets.size(), " ", environment);
    std::string redirections;
    std::vector<int> copies;
    for (size_t i = 0; i < sockets.size(); ++i) {
      copies.push_back(::fcntl(sockets[i]->fd(), F_DUPFD, 100));  // which the shell inherits
      absl::StrAppend(&redirections, " ", 3 + i, "<&", copies.back(), " ", copies.back(), "<&-");
    }
    auto proxy = [&] {
      try {
        return std::make_unique<ProxyProcess>(
            yaml, ProxyProcess::Redirections{.text = redirections, .before = before});
      } catch (...) {
        for (const int copy : copies) ::close(copy);
        throw;
      }
    }();
    for (const int copy : copies) ::close(copy);
    return proxy;
  }

  std::string ListeningOn(const std::string& address) const {
    return Yaml({.listeners = absl::StrCat("[{address: \"", address, "\"}]")});
  }
};

TEST_F(ServiceTest, ItSaysThatItServesTakesAConfigurationAndStops) {
  NotifySocket manager;
  proxy_ = Launch(Yaml({}), {}, "NOTIFY_SOCKET=" + manager.path());
  EXPECT_EQ(manager.Hear(), absl::StrCat("READY=1\nSTATUS=serving, listening on ",
                                         proxy_->address(), "; health on ", proxy_->health()));
  proxy_->Signal(SIGHUP);
  EXPECT_THAT(manager.Hear(), ContainsRegex("^RELOADING=1\nMONOTONIC_USEC=[0-9]+\nSTATUS="));
  EXPECT_THAT(manager.Hear(), StartsWith("READY=1\nSTATUS=serving"));
  proxy_->Signal(SIGTERM);
  EXPECT_THAT(manager.Hear(), StartsWith("STOPPING=1\nSTATUS=draining"));
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

TEST_F(ServiceTest, ItSaysThatAConfigurationIsRefusedAndGoesOn) {
  NotifySocket manager;
  proxy_ = Launch(Yaml({}), {}, "NOTIFY_SOCKET=" + manager.path());
  EXPECT_THAT(manager.Hear(), Not(HasSubstr("refused")));
  proxy_->Rewrite("nonsense");
  proxy_->Signal(SIGHUP);
  EXPECT_THAT(manager.Hear(), StartsWith("RELOADING=1"));
  EXPECT_THAT(manager.Hear(),
              AllOf(StartsWith("READY=1"), HasSubstr("the latest configuration is refused")));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(ServiceTest, TheWatchdogGetsSignsOfLifeWhileItServesAndWhileItDrains) {
  NotifySocket manager;
  proxy_ =
      Launch(Yaml({}), {},
             absl::StrCat("WATCHDOG_USEC=100000 WATCHDOG_PID=$$ NOTIFY_SOCKET=", manager.path()));
  EXPECT_THAT(manager.Hear(), StartsWith("READY=1"));
  manager.HearUntil(Eq("WATCHDOG=1"));
  manager.HearUntil(Eq("WATCHDOG=1"));
  backend_.Hold();
  std::vector<PendingCall> calls = StartHerd(1);
  proxy_->Signal(SIGTERM);
  manager.HearUntil(StartsWith("STOPPING=1"));
  manager.HearUntil(Eq("WATCHDOG=1"));
  backend_.Release();
  EXPECT_THAT(WaitAll(calls), Each(IsOkWith("reply to id-7")));
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

TEST_F(ServiceTest, AServiceManagerThatHearsNothingChangesNothing) {
  proxy_ = Launch(Yaml({}), {}, "NOTIFY_SOCKET=/nowhere/at/all WATCHDOG_USEC=100000");
  proxy_->WaitForLog(HasSubstr("the service manager does not hear: NOTIFY_SOCKET=/nowhere/at/all"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(ServiceTest, AListenerTakesTheSocketThatIsBoundToItsAddress) {
  Activated socket;
  proxy_ = Launch(ListeningOn(socket.address()), {&socket});
  EXPECT_EQ(proxy_->address(), socket.address());
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_THAT(proxy_->err(), Not(HasSubstr("LISTEN_FDS")));
}

TEST_F(ServiceTest, WhatWasMeantForAnotherProcessIsLeftAlone) {
  Activated socket;
  try {
    Launch(ListeningOn(socket.address()), {&socket}, "LISTEN_PID=1");
    FAIL() << "it serves on a socket that is not its own";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("cannot bind " + socket.address()));
  }
}

TEST_F(ServiceTest, ASocketThatNoListenerWantsIsNamed) {
  Activated wanted, spare;
  proxy_ = Launch(ListeningOn(wanted.address()), {&wanted, &spare}, "LISTEN_FDNAMES=grpc:spare");
  proxy_->WaitForLog(HasSubstr(
      absl::StrCat("LISTEN_FDS: the socket \"spare\" (", spare.address(), ") was handed over")));
  EXPECT_THAT(proxy_->err(), Not(HasSubstr("\"grpc\"")));
}

TEST_F(ServiceTest, ASocketOfTheWrongTypeIsRefusedByName) {
  Activated datagrams(AF_INET, SOCK_DGRAM);
  try {
    Launch(ListeningOn("127.0.0.1:0"), {&datagrams}, "LISTEN_FDNAMES=odd");
    FAIL() << "it serves";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("LISTEN_FDS: the descriptor 3, \"odd\", is no socket that listens for "
                          "connections; use ListenStream= with Accept=no in its unit"));
  }
}

TEST_F(ServiceTest, ASocketIsThereForTheConfigurationsThatCome) {
  Activated socket;
  proxy_ = Launch(ListeningOn("127.0.0.1:0"), {&socket});
  proxy_->WaitForLog(HasSubstr("was handed over"));
  const auto reload = [&](const std::string& address) {
    const int64_t before = Metric("singleflight_config_reloads_total{result=\"applied\"}");
    proxy_->Rewrite(ListeningOn(address));
    proxy_->Signal(SIGHUP);
    proxy_->WaitForMetric("singleflight_config_reloads_total{result=\"applied\"}", Eq(before + 1));
  };
  for (int i = 0; i < 2; ++i) {
    reload(socket.address());
    EXPECT_THAT(Client(socket.address()).Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
    reload("127.0.0.1:0");
  }
}

// Callers at a fixed rate, and others that come anew for each call.
class Load {
 public:
  Load(std::string address, int callers, int per_second_each)
      : address_(std::move(address)), per_second_(per_second_each) {
    for (int i = 0; i < callers; ++i) threads_.emplace_back([this] { CallInTime(); });
    threads_.emplace_back([this] { ConnectAndCall(); });
  }
  ~Load() { Stop(); }

  void Stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  // Returns when so many more have been answered.
  void WaitForAnswers(int more) {
    const int enough = answered_ + more;
    const Deadline deadline;
    while (answered_ < enough && failed_ == 0 && !deadline.passed()) std::this_thread::yield();
  }

  int answered() const { return answered_; }
  int newcomers() const { return newcomers_; }
  int failed() const { return failed_; }

 private:
  // Each call is made when its time has come, or as soon after that as the one before has ended.
  void CallInTime() {
    const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const itimerspec often = {{0, 1'000'000'000 / per_second_}, {0, 1}};
    ::timerfd_settime(timer, 0, &often, nullptr);
    Client client(address_);
    for (uint64_t due = 0; !stop_; --due) {
      while (due == 0 && ::read(timer, &due, sizeof(due)) < 0) {
      }
      Note(client.Ask(kWrite, "id-7"));
    }
    ::close(timer);
  }

  void ConnectAndCall() {
    while (!stop_) {
      Note(Client(address_).Ask(kWrite, "id-7"));
      ++newcomers_;
    }
  }

  void Note(const Answer& answer) {
    const bool good = answer.code == absl::StatusCode::kOk;
    ++(good ? answered_ : failed_);
    if (!good) ADD_FAILURE() << answer;
  }

  const std::string address_;
  const int per_second_;
  std::atomic<bool> stop_{false};
  std::atomic<int> answered_{0};
  std::atomic<int> newcomers_{0};
  std::atomic<int> failed_{0};
  std::vector<std::thread> threads_;
};

// The second process serves before the first stops, as with two services that share one .socket
// unit. Nobody waits for a connection to come back: each refusal would be a failed call.
TEST_F(ServiceTest, AnotherBinaryTakesOverUnderLoadAndNoCallFails) {
  Activated socket;
  const std::string yaml = ListeningOn(socket.address());
  proxy_ = Launch(yaml, {&socket});
  Load load(socket.address(), 10, 200);
  for (int exchange = 0; exchange < 3; ++exchange) {
    load.WaitForAnswers(1000);
    std::unique_ptr<ProxyProcess> next = Launch(yaml, {&socket});
    proxy_->Signal(SIGTERM);
    EXPECT_EQ(proxy_->WaitExit(), 0);
    proxy_ = std::move(next);
  }
  load.WaitForAnswers(1000);
  load.Stop();
  EXPECT_EQ(load.failed(), 0);
  EXPECT_GE(load.answered(), 4000);
  EXPECT_GE(load.newcomers(), 4);
}

// As `systemctl restart` does it: connections wait in the socket while there is no process.
TEST_F(ServiceTest, WhoConnectsBetweenTwoProcessesWaitsAndIsServed) {
  Activated socket;
  const std::string yaml = ListeningOn(socket.address());
  proxy_ = Launch(yaml, {&socket});
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 0);
  Client early(socket.address());
  PendingCall call = early.Start(kRead, "id-7");
  proxy_ = Launch(yaml, {&socket});
  EXPECT_THAT(call.Wait(), IsOkWith("reply to id-7"));
}

}  // namespace
}  // namespace singleflight::testing
