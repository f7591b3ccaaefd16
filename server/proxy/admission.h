#ifndef SINGLEFLIGHT_SERVER_PROXY_ADMISSION_H_
#define SINGLEFLIGHT_SERVER_PROXY_ADMISSION_H_

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/types/optional.h"
#include "server/memory/client.h"
#include "server/metrics/visitor.h"
#include "server/proxy/limits.h"
#include "singleflight/mutex.h"

namespace singleflight::proxy {

// The client connections of the process, counted against their limits: all of them, and those from
// one address.
// Threads: any. Must outlive its passes.
class Admission {
 public:
  // An IPv6 address, or an IPv4 one mapped into those.
  using Address = std::array<uint8_t, 16>;

  // One connection, counted for as long as this lives.
  class Pass {
   public:
    Pass(Admission& admission, const absl::optional<Address>& from,
         std::shared_ptr<memory::Client> client)
        : admission_(&admission), from_(from), client_(std::move(client)) {}
    Pass(Pass&& other) noexcept
        : admission_(other.admission_), from_(other.from_), client_(std::move(other.client_)) {
      other.admission_ = nullptr;
    }
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (admission_ != nullptr) admission_->Leave(from_);
    }

    // Whose connection it is: all of an address are one client's, but for addresses of this
    // machine, behind which there may be anybody.
    const std::shared_ptr<memory::Client>& client() const { return client_; }

   private:
    Admission* admission_;
    absl::optional<Address> from_;  // none: a Unix socket
    std::shared_ptr<memory::Client> client_;
  };

  static constexpr uint64_t kUnlimited = ~uint64_t{0};

  // `descriptors`: as many as there are for client connections.
  explicit Admission(const LimitOptions& limits, uint64_t descriptors = kUnlimited) {
    SetLimits(limits, descriptors);
  }

  // For connections that come from now on.
  void SetLimits(const LimitOptions& limits, uint64_t descriptors = kUnlimited);

  // None: it is one too many, which is counted. `fd`: its socket, for the log.
  absl::optional<Pass> Admit(const absl::optional<Address>& from, int fd = -1);

  // Where the peer of a connected socket is; none: a Unix socket, or it has gone.
  static absl::optional<Address> PeerOf(int fd);

  // An IPv4 address as IPv6 maps it; of any other IPv6 address its network of 64 bits, all of which
  // one host may have.
  static absl::optional<Address> AddressOf(const sockaddr_storage& peer);

  void Show(metrics::Visitor& visitor) const;

 private:
  enum class Refusal { kConnections, kConnectionsPerAddress, kDescriptors };

  struct Peer {
    uint64_t connections = 0;
    std::shared_ptr<memory::Client> client;
  };

  // See memory::Client: an address keeps its own; each local connection has a new one.
  uint64_t IdentityOf(const absl::optional<Address>& from);
  absl::optional<Refusal> Enter(const absl::optional<Address>& from,
                                std::shared_ptr<memory::Client>* client);
  void Leave(const absl::optional<Address>& from);

  static const char* NameOf(Refusal refusal);

  std::atomic<uint64_t> refused_[3] = {};  // by Refusal
  std::atomic<bool> full_{false};          // which has been said
  std::atomic<uint64_t> next_identity_{1};

  mutable Mutex mu_;
  uint64_t max_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t descriptors_ ABSL_GUARDED_BY(mu_) = 0;
  absl::optional<uint64_t> max_per_address_ ABSL_GUARDED_BY(mu_);
  uint64_t connections_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<Address, Peer> by_address_ ABSL_GUARDED_BY(mu_);
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_ADMISSION_H_
