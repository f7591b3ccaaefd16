#ifndef SINGLEFLIGHT_SERVER_CORE_GATHERED_H_
#define SINGLEFLIGHT_SERVER_CORE_GATHERED_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "server/base/block_bytes.h"

namespace singleflight::core {

// A message that comes in pieces and is wanted end to end.
//
// Memory: it grows by doubling, as a peer may announce much and send little; but not beyond the end
// that it announces, so that a whole message takes its bytes and no more.
class Gathered {
 public:
  // `to_come`: how many bytes will follow to the end of the message, as far as is known.
  void Append(absl::string_view more, size_t to_come) {
    const size_t size = bytes_.size() + more.size();
    if (size > bytes_.capacity()) MakeRoom(size, size + to_come);
    bytes_.append(more.data(), more.size());
  }

  absl::string_view view() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  // The memory that it has allocated.
  size_t footprint() const { return base::BlockBytesOf(bytes_); }

  // All of it; nothing is left here.
  std::string Take() { return std::exchange(bytes_, std::string()); }

 private:
  // Not by reserve(), which doubles whatever it is asked for.
  void MakeRoom(size_t size, size_t end) {
    const size_t twice = bytes_.empty() ? size : 2 * bytes_.capacity();
    const bool near_the_end = end <= twice + twice / 8;
    const size_t room = std::max(size, near_the_end ? end : twice);
    if (bytes_.empty()) return bytes_.reserve(room);
    std::string grown;
    grown.reserve(room);
    grown.append(bytes_);
    bytes_ = std::move(grown);
  }

  std::string bytes_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_GATHERED_H_
