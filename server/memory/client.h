// One client, its share of what all clients share, and the rule for that.
#ifndef SINGLEFLIGHT_SERVER_MEMORY_CLIENT_H_
#define SINGLEFLIGHT_SERVER_MEMORY_CLIENT_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "singleflight/mutex.h"

namespace singleflight::memory {

// Whether a client that holds `its` of `all` that is taken may take no more where there is `most`:
// it has more than half, and the last quarter is kept for the others (docs/semantics.md §2).
//
// So a client that is alone has three quarters to itself. Others always find room immediately.
// While they want some, what it gives back goes to them, until it has no more than half. Nothing is
// taken away from anybody: a stream may be silent for as long as it likes.
constexpr bool PastShare(int64_t its, int64_t all, int64_t most) {
  return its > most / 2 && all > most - most / 4;
}

// One client, and what it takes of what all clients share. proxy::Admission says who a client is.
// Threads: any.
class Client {
 public:
  using Bytes = std::atomic<int64_t>;

  // `identity`: the same number for whoever stands for the same client later, when its connections
  // have ended meanwhile.
  explicit Client(uint64_t identity = 0) : identity(identity) {}

  const uint64_t identity;

  // Of the process's bound for bytes (BufferBudget).
  Bytes buffered{0};

  // Of an upstream's, by its name (UpstreamBudget::held_bytes); lives on while somebody has it.
  std::shared_ptr<Bytes> HeldOf(const std::string& upstream) {
    MutexLock lock(mu_);
    std::weak_ptr<Bytes>& known = held_[upstream];
    std::shared_ptr<Bytes> held = known.lock();
    if (held == nullptr) known = held = std::make_shared<Bytes>(0);
    return held;
  }

 private:
  Mutex mu_;
  std::map<std::string, std::weak_ptr<Bytes>> held_ ABSL_GUARDED_BY(mu_);
};

// What one call adds to its client's `buffered`, until it goes. Without a client it counts nothing.
class ClientBytes {
 public:
  explicit ClientBytes(std::shared_ptr<Client> client) : client_(std::move(client)) {}
  ClientBytes(const ClientBytes&) = delete;
  ClientBytes& operator=(const ClientBytes&) = delete;
  ~ClientBytes() { Add(-bytes_); }

  void Set(int64_t bytes) { Add(bytes - bytes_); }
  void Add(int64_t bytes) {
    bytes_ += bytes;
    if (client_ != nullptr) client_->buffered.fetch_add(bytes, std::memory_order_relaxed);
  }

 private:
  const std::shared_ptr<Client> client_;
  int64_t bytes_ = 0;
};

}  // namespace singleflight::memory

#endif  // SINGLEFLIGHT_SERVER_MEMORY_CLIENT_H_
