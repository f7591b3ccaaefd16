// How many connections there may be, and from where.

#include "server/proxy/admission.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <string>
#include <thread>

namespace singleflight::proxy::testing {
namespace {

// Reads one counter out of what is shown.
struct Refusals final : metrics::Visitor {
  void Count(absl::string_view name, absl::string_view, metrics::Labels labels,
             uint64_t value) override {
    EXPECT_EQ(name, "singleflight_connections_refused_total");
    by_reason[labels.at(0).second] = value;
  }
  void Level(absl::string_view, absl::string_view, metrics::Labels, int64_t) override {}
  void Distribution(absl::string_view, absl::string_view, metrics::Labels,
                    const metrics::PowerHistogram&) override {}
  std::map<std::string, uint64_t> by_reason;
};

Admission::Address From(uint8_t last) {
  Admission::Address address{};
  address.back() = last;
  return address;
}

class AdmissionTest : public ::testing::Test {
 protected:
  void Open(uint64_t max, absl::optional<uint64_t> per_address) {
    limits_.max_connections = max;
    limits_.max_connections_per_address = per_address;
    admission_.SetLimits(limits_);
  }

  bool Enter(const absl::optional<Admission::Address>& from) {
    auto pass = admission_.Admit(from);
    if (!pass.has_value()) return false;
    passes_.push_back(*std::move(pass));
    return true;
  }

  uint64_t Refused(const std::string& reason) const {
    Refusals refusals;
    admission_.Show(refusals);
    return refusals.by_reason.at(reason);
  }

  LimitOptions limits_;
  Admission admission_{limits_};
  std::deque<Admission::Pass> passes_;
};

TEST_F(AdmissionTest, OneMoreThanMaxConnectionsIsRefusedUntilOneGoes) {
  Open(2, absl::nullopt);
  EXPECT_TRUE(Enter(From(1)));
  EXPECT_TRUE(Enter(absl::nullopt));
  EXPECT_FALSE(Enter(From(2)));
  EXPECT_EQ(Refused("max_connections"), 1u);
  passes_.pop_front();
  EXPECT_TRUE(Enter(From(2)));
}

TEST_F(AdmissionTest, OneAddressCannotTakeAllThePlaces) {
  Open(100, 2);
  EXPECT_TRUE(Enter(From(1)));
  EXPECT_TRUE(Enter(From(1)));
  EXPECT_FALSE(Enter(From(1)));
  EXPECT_TRUE(Enter(From(2)));
  EXPECT_EQ(Refused("max_connections_per_address"), 1u);
  EXPECT_EQ(Refused("max_connections"), 0u);
  passes_.pop_front();
  EXPECT_TRUE(Enter(From(1)));
}

TEST_F(AdmissionTest, ClientsDoNotGetTheLastDescriptors) {
  Open(100, absl::nullopt);
  admission_.SetLimits(limits_, 1);
  EXPECT_TRUE(Enter(From(1)));
  EXPECT_FALSE(Enter(From(2)));
  EXPECT_EQ(Refused("descriptors"), 1u);
}

TEST_F(AdmissionTest, UnixSocketsHaveNoAddressToBeLimitedBy) {
  Open(100, 1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Enter(absl::nullopt));
}

TEST_F(AdmissionTest, NewLimitsHoldForWhatComesAndCountWhatIsThere) {
  Open(100, absl::nullopt);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Enter(From(1)));
  Open(100, 3);
  EXPECT_FALSE(Enter(From(1)));
  Open(5, absl::nullopt);
  EXPECT_FALSE(Enter(From(2)));
  EXPECT_EQ(passes_.size(), 5u) << "nobody is sent away";
}

TEST_F(AdmissionTest, AllConnectionsOfAnAddressAreOneClients) {
  Open(100, absl::nullopt);
  for (const uint8_t last : {1, 1, 2}) EXPECT_TRUE(Enter(From(last)));
  EXPECT_EQ(passes_[0].client(), passes_[1].client());
  EXPECT_NE(passes_[0].client(), passes_[2].client());
}

// Behind those of this machine there may be anybody: a sidecar sees no other.
TEST_F(AdmissionTest, OfAddressesOfThisMachineEveryConnectionIsAClient) {
  Open(100, absl::nullopt);
  const Admission::Address v4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  const Admission::Address v6 = {};
  for (const auto& from :
       {absl::make_optional(v4), absl::make_optional(v6), absl::optional<Admission::Address>()}) {
    EXPECT_TRUE(Enter(from));
    EXPECT_TRUE(Enter(from));
    EXPECT_NE(passes_.back().client(), passes_[passes_.size() - 2].client());
  }
}

TEST_F(AdmissionTest, APassThatHasMovedIsGivenBackOnce) {
  Open(1, absl::nullopt);
  {
    auto pass = admission_.Admit(From(1));
    const Admission::Pass moved = *std::move(pass);
    EXPECT_FALSE(Enter(From(1)));
  }
  EXPECT_TRUE(Enter(From(1)));
  EXPECT_FALSE(Enter(From(1)));
}

TEST_F(AdmissionTest, PlacesAddUpAcrossThreads) {
  Open(64, absl::nullopt);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 2000; ++i) admission_.Admit(From(static_cast<uint8_t>(i % 7)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(Enter(From(1)));
  EXPECT_FALSE(Enter(From(1)));
}

// As an IPv6 socket sees them too.
TEST(PeerOfTest, AnIpv4PeerIsMappedIntoIpv6) {
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(listening, 1), 0);
  ::getsockname(listening, reinterpret_cast<sockaddr*>(&at), &size);
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&at), sizeof(at)), 0);
  const Admission::Address mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  EXPECT_EQ(Admission::PeerOf(client), mapped);
  for (const int fd : {listening, client}) ::close(fd);
}

TEST(PeerOfTest, AllAddressesOfAnIpv6NetworkAreOne) {
  const auto address_of = [](const char* text) {
    sockaddr_storage peer{};
    auto& ip = reinterpret_cast<sockaddr_in6&>(peer);
    ip.sin6_family = AF_INET6;
    EXPECT_EQ(::inet_pton(AF_INET6, text, &ip.sin6_addr), 1) << text;
    return Admission::AddressOf(peer);
  };
  EXPECT_EQ(address_of("2001:db8:1:2::1"), address_of("2001:db8:1:2:ffff::2"));
  EXPECT_NE(address_of("2001:db8:1:2::1"), address_of("2001:db8:1:3::1"));
  EXPECT_NE(address_of("::ffff:10.0.0.1"), address_of("::ffff:10.0.0.2"));
}

TEST(PeerOfTest, AUnixSocketHasNoAddress) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  EXPECT_FALSE(Admission::PeerOf(ends[0]).has_value());
  for (const int fd : ends) ::close(fd);
}

}  // namespace
}  // namespace singleflight::proxy::testing
