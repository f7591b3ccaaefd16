// Bytes that come in pieces, copied so that they can wait.
#ifndef SINGLEFLIGHT_SERVER_MEMORY_PIECES_H_
#define SINGLEFLIGHT_SERVER_MEMORY_PIECES_H_

#include <algorithm>
#include <cstddef>
#include <memory>

#include "absl/strings/string_view.h"
#include "server/base/block_bytes.h"
#include "server/base/slice.h"
#include "server/memory/buffered.h"

namespace singleflight::memory {

// Copies what comes in pieces, so that it can wait to be sent, and counts it until nobody reads it
// any more. Small pieces lie end to end in one chunk, where slices of them join
// (base::Slice::Join): what a peer says a byte at a time takes little more memory than its bytes.
//
// Memory: the first piece takes what it needs; a unary call has no second. Afterwards up to 4 KiB
// are kept for the next. Threads: its loop's.
class Pieces {
 public:
  explicit Pieces(Buffered& buffered) : buffered_(buffered) {}

  base::Slice Copy(absl::string_view bytes) {
    if (chunk_ != nullptr && chunk_.use_count() == 1) chunk_->used = 0;
    if (chunk_ == nullptr || chunk_->room - chunk_->used < bytes.size()) Begin(bytes.size());
    const absl::string_view copy = chunk_->Append(bytes);
    base::Slice slice(chunk_, copy);
    if (chunk_->used == chunk_->room) chunk_ = nullptr;
    return slice;
  }

 private:
  static constexpr size_t kMostRoom = 4 << 10;

  struct Chunk {
    Chunk(Buffered& buffered, size_t room)
        : buffered(buffered), room(room), bytes(std::make_unique_for_overwrite<char[]>(room)) {
      buffered.Add(footprint());
    }
    ~Chunk() { buffered.Add(-footprint()); }

    int64_t footprint() const {
      constexpr size_t kCounts = 2 * sizeof(void*);  // of references to it
      return static_cast<int64_t>(base::BlockBytes(sizeof(Chunk) + kCounts) +
                                  base::BlockBytes(room));
    }

    absl::string_view Append(absl::string_view more) {
      char* const at = bytes.get() + used;
      std::copy(more.begin(), more.end(), at);
      used += more.size();
      return {at, more.size()};
    }

    Buffered& buffered;
    const size_t room;
    const std::unique_ptr<char[]> bytes;
    size_t used = 0;
  };

  void Begin(size_t bytes) {
    chunk_ = std::make_shared<Chunk>(buffered_, std::max(bytes, next_room_));
    next_room_ = std::min(kMostRoom, std::max(size_t{64}, 2 * chunk_->room));
  }

  Buffered& buffered_;
  std::shared_ptr<Chunk> chunk_;  // has room left
  size_t next_room_ = 0;
};

}  // namespace singleflight::memory

#endif  // SINGLEFLIGHT_SERVER_MEMORY_PIECES_H_
