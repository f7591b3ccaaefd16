#include "server/host/service.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <map>
#include <string>

#include "server/host/notify_socket.h"

namespace singleflight::host {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr pid_t kSelf = 42;
constexpr int kFirst = 700;

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    for (int i = 0; i < 2; ++i) ::dup2(STDIN_FILENO, kFirst + i);
  }
  ~ServiceTest() override {
    for (int i = 0; i < 2; ++i) ::close(kFirst + i);
  }

  static absl::StatusOr<Service> Read(const std::map<std::string, std::string>& environment) {
    return ReadService(
        [&](const char* name) -> const char* {
          const auto found = environment.find(name);
          return found == environment.end() ? nullptr : found->second.c_str();
        },
        kSelf, kFirst);
  }
  static std::string Mistake(const std::map<std::string, std::string>& environment) {
    return std::string(Read(environment).status().message());
  }
};

TEST_F(ServiceTest, AProcessThatSomebodyStartedByHandHasNothing) {
  const absl::StatusOr<Service> service = Read({});
  ASSERT_TRUE(service.ok());
  EXPECT_THAT(service->descriptors, IsEmpty());
  EXPECT_EQ(service->notify_socket, "");
  EXPECT_EQ(service->watchdog.count(), 0);
}

TEST_F(ServiceTest, DescriptorsHaveTheNamesOfTheirUnits) {
  const absl::StatusOr<Service> service =
      Read({{"LISTEN_PID", "42"}, {"LISTEN_FDS", "2"}, {"LISTEN_FDNAMES", "grpc:more"}});
  ASSERT_TRUE(service.ok()) << service.status();
  EXPECT_THAT(service->descriptors, ElementsAre(Field(&Service::Descriptor::name, "grpc"),
                                                Field(&Service::Descriptor::name, "more")));
  EXPECT_EQ(service->descriptors[1].fd, kFirst + 1);
  EXPECT_EQ(::fcntl(kFirst, F_GETFD), FD_CLOEXEC);
}

TEST_F(ServiceTest, WithoutNamesTheyAreUnknown) {
  const absl::StatusOr<Service> service = Read({{"LISTEN_PID", "42"}, {"LISTEN_FDS", "1"}});
  ASSERT_TRUE(service.ok());
  EXPECT_THAT(service->descriptors, ElementsAre(Field(&Service::Descriptor::name, "unknown")));
}

TEST_F(ServiceTest, WhatIsForAnotherProcessIsNothing) {
  for (const char* pid : {"", "41", "self"}) {
    const absl::StatusOr<Service> service = Read({{"LISTEN_PID", pid}, {"LISTEN_FDS", "nonsense"}});
    ASSERT_TRUE(service.ok()) << pid;
    EXPECT_THAT(service->descriptors, IsEmpty());
  }
  EXPECT_EQ(Read({{"WATCHDOG_PID", "41"}, {"WATCHDOG_USEC", "nonsense"}})->watchdog.count(), 0);
}

TEST_F(ServiceTest, NonsenseIsRefusedByName) {
  EXPECT_THAT(Mistake({{"LISTEN_PID", "42"}, {"LISTEN_FDS", "two"}}),
              HasSubstr("LISTEN_FDS=two, which is no number of descriptors"));
  EXPECT_THAT(Mistake({{"LISTEN_PID", "42"}, {"LISTEN_FDS", "3"}}),
              HasSubstr("the descriptor 702 is not open"));
  EXPECT_THAT(Mistake({{"LISTEN_PID", "42"}, {"LISTEN_FDS", "2"}, {"LISTEN_FDNAMES", "a:b:c"}}),
              HasSubstr("LISTEN_FDNAMES=a:b:c, which is not a name for each of 2"));
  EXPECT_THAT(Mistake({{"WATCHDOG_USEC", "-1"}}), HasSubstr("WATCHDOG_USEC=-1"));
}

TEST_F(ServiceTest, TheWatchdogIsForWhomItNamesOrForWhoeverReadsIt) {
  EXPECT_EQ(Read({{"WATCHDOG_PID", "42"}, {"WATCHDOG_USEC", "5"}})->watchdog.count(), 5);
  EXPECT_EQ(Read({{"WATCHDOG_USEC", "5"}})->watchdog.count(), 5);
}

TEST(NotifySocketTest, ANameInTheAbstractNamespaceIsReachedToo) {
  const std::string name = "singleflight-notify-" + std::to_string(::getpid());
  const int manager = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address = {AF_UNIX, ""};
  name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(manager, reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())),
            0);
  EXPECT_EQ(NotifySocket("@" + name).Send("READY=1"), absl::OkStatus());
  char buffer[100];
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(::recv(manager, buffer, sizeof(buffer), 0))),
            "READY=1");
  ::close(manager);
}

TEST(NotifySocketTest, NobodyListensWhereNothingIsNamed) {
  EXPECT_FALSE(NotifySocket("").open());
  EXPECT_EQ(NotifySocket("").Send("READY=1"), absl::OkStatus());
}

TEST(NotifySocketTest, WhatCannotBeReachedIsSaid) {
  EXPECT_THAT(std::string(NotifySocket("/nowhere").Send("READY=1").message()),
              HasSubstr("NOTIFY_SOCKET=/nowhere: No such file"));
  EXPECT_THAT(std::string(NotifySocket("vsock:2:1").Send("READY=1").message()),
              HasSubstr("is no path and no @name"));
}

// A full queue of a service manager that does not read; every wait has an end.
TEST(NotifySocketTest, AServiceManagerThatDoesNotReadHoldsUpNobodyForLong) {
  const std::string path = ::testing::TempDir() + "notify_" + std::to_string(::getpid());
  const int manager = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address = {AF_UNIX, ""};
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(manager, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const NotifySocket socket(path);
  absl::Status status;
  for (int i = 0; i < 10000 && status.ok(); ++i) status = socket.Send("WATCHDOG=1");
  EXPECT_FALSE(status.ok());
  ::close(manager);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace singleflight::host
