// Counts client connections against their limits, and says whose they are.

#include "server/proxy/admission.h"

#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <cstring>

#include "absl/hash/hash.h"
#include "server/net/address.h"

namespace singleflight::proxy {
namespace {

// Of an IPv6 address: what a site has all addresses of (RFC 6177 §2).
constexpr size_t kNetworkBytes = 8;

// 127.0.0.0/8, and ::1, of whose network nothing but zeros is kept.
bool IsOfThisMachine(const Admission::Address& address) {
  if (address == Admission::Address{}) return true;
  return address[10] == 0xff && address[11] == 0xff && address[12] == 127;
}

}  // namespace

const char* Admission::NameOf(Refusal refusal) {
  switch (refusal) {
    case Refusal::kConnections:
      return "max_connections";
    case Refusal::kConnectionsPerAddress:
      return "max_connections_per_address";
    case Refusal::kDescriptors:
      return "descriptors";
  }
  return "";
}

void Admission::SetLimits(const LimitOptions& limits, uint64_t descriptors) {
  MutexLock lock(mu_);
  descriptors_ = descriptors;
  max_ = limits.max_connections;
  max_per_address_ = limits.max_connections_per_address;
}

absl::optional<Admission::Pass> Admission::Admit(const absl::optional<Address>& from, int fd) {
  auto client = std::make_shared<memory::Client>(IdentityOf(from));
  const absl::optional<Refusal> refusal = Enter(from, &client);
  if (!refusal.has_value()) {
    full_.store(false, std::memory_order_relaxed);
    return Pass(*this, from, std::move(client));
  }
  refused_[static_cast<size_t>(*refusal)].fetch_add(1, std::memory_order_relaxed);
  if (!full_.exchange(true, std::memory_order_relaxed)) {
    spdlog::warn("client connections are refused: {}{} is reached ({})",
                 *refusal == Refusal::kDescriptors ? "the bound of " : "limits.", NameOf(*refusal),
                 net::PeerOf(fd));
  }
  return absl::nullopt;
}

uint64_t Admission::IdentityOf(const absl::optional<Address>& from) {
  if (from.has_value() && !IsOfThisMachine(*from)) return absl::HashOf(*from);
  return next_identity_.fetch_add(1, std::memory_order_relaxed);
}

absl::optional<Admission::Refusal> Admission::Enter(const absl::optional<Address>& from,
                                                    std::shared_ptr<memory::Client>* client) {
  MutexLock lock(mu_);
  if (connections_ >= max_) return Refusal::kConnections;
  if (connections_ >= descriptors_) return Refusal::kDescriptors;
  if (from.has_value()) {
    Peer& peer = by_address_[*from];
    if (max_per_address_.has_value() && peer.connections >= *max_per_address_) {
      if (peer.connections == 0) by_address_.erase(*from);
      return Refusal::kConnectionsPerAddress;
    }
    if (++peer.connections == 1) peer.client = *client;
    if (!IsOfThisMachine(*from)) *client = peer.client;
  }
  ++connections_;
  return absl::nullopt;
}

void Admission::Leave(const absl::optional<Address>& from) {
  MutexLock lock(mu_);
  --connections_;
  if (!from.has_value()) return;
  const auto found = by_address_.find(*from);
  if (--found->second.connections == 0) by_address_.erase(found);
}

absl::optional<Admission::Address> Admission::PeerOf(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return absl::nullopt;
  return AddressOf(peer);
}

absl::optional<Admission::Address> Admission::AddressOf(const sockaddr_storage& peer) {
  Address address{};
  if (peer.ss_family == AF_INET6) {
    const auto& ip = reinterpret_cast<const sockaddr_in6&>(peer);
    const bool is_ipv4 = IN6_IS_ADDR_V4MAPPED(&ip.sin6_addr);
    std::memcpy(address.data(), &ip.sin6_addr, is_ipv4 ? address.size() : kNetworkBytes);
    return address;
  }
  if (peer.ss_family != AF_INET) return absl::nullopt;
  const auto& ip = reinterpret_cast<const sockaddr_in&>(peer);
  address[10] = address[11] = 0xff;
  std::memcpy(address.data() + 12, &ip.sin_addr, 4);
  return address;
}

void Admission::Show(metrics::Visitor& visitor) const {
  for (const Refusal refusal :
       {Refusal::kConnections, Refusal::kConnectionsPerAddress, Refusal::kDescriptors}) {
    visitor.Count("singleflight_connections_refused_total",
                  "Client connections that were closed as soon as they came.",
                  {{"reason", NameOf(refusal)}},
                  refused_[static_cast<size_t>(refusal)].load(std::memory_order_relaxed));
  }
}

}  // namespace singleflight::proxy
