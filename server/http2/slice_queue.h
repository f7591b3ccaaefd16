#ifndef SINGLEFLIGHT_SERVER_HTTP2_SLICE_QUEUE_H_
#define SINGLEFLIGHT_SERVER_HTTP2_SLICE_QUEUE_H_

#include <cstddef>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "server/base/slice.h"

namespace singleflight::http2 {

// Bytes that wait to be sent, first come, first served. One slice, which is what a unary call has,
// costs no memory beyond this object.
class SliceQueue {
 public:
  bool empty() const { return front_ == slices_.size(); }
  base::Slice& front() { return slices_[front_]; }

  void Push(base::Slice slice) {
    if (empty() || !slices_.back().Join(slice)) slices_.push_back(std::move(slice));
  }

  void Pop() {
    if (front_ + 1 == slices_.size()) return Clear();
    slices_[front_++] = base::Slice();
    if (front_ >= kMostGone && 2 * front_ >= slices_.size()) {
      slices_.erase(slices_.begin(), slices_.begin() + static_cast<ptrdiff_t>(front_));
      front_ = 0;
    }
  }

  void Clear() {
    slices_.clear();
    front_ = 0;
  }

 private:
  static constexpr size_t kMostGone = 16;  // before their places are closed up

  absl::InlinedVector<base::Slice, 1> slices_;
  size_t front_ = 0;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_SLICE_QUEUE_H_
