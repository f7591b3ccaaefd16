// Bytes that wait to be sent, first come, first served. One slice, which is what a unary call has,
// costs no memory beyond this object.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_SLICE_QUEUE_H_
#define SINGLEFLIGHT_SERVER_HTTP2_SLICE_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "server/base/slice.h"

namespace singleflight::http2 {

class SliceQueue {
 public:
  bool empty() const { return front_ == slices_.size(); }

  void Push(base::Slice slice) {
    if (empty() || !slices_.back().Join(slice)) slices_.push_back(std::move(slice));
  }

  // Moves bytes to `out`, as many as there are and it has room for; how many they were.
  size_t Read(uint8_t* out, size_t room) {
    size_t read = 0;
    while (read < room && !empty()) {
      base::Slice& front = slices_[front_];
      const size_t n = std::min(room - read, front.size());
      std::memcpy(out + read, front.view().data(), n);
      read += n;
      front.RemovePrefix(n);
      if (front.empty()) Pop();
    }
    return read;
  }

  void Clear() {
    slices_.clear();
    front_ = 0;
  }

 private:
  static constexpr size_t kMostGone = 16;  // before their places are closed up

  void Pop() {
    if (front_ + 1 == slices_.size()) return Clear();
    slices_[front_++] = base::Slice();
    if (front_ >= kMostGone && 2 * front_ >= slices_.size()) {
      slices_.erase(slices_.begin(), slices_.begin() + static_cast<ptrdiff_t>(front_));
      front_ = 0;
    }
  }

  absl::InlinedVector<base::Slice, 1> slices_;
  size_t front_ = 0;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_SLICE_QUEUE_H_
