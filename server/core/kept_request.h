// What of a request has been sent and may have to be sent again.

#ifndef SINGLEFLIGHT_SERVER_CORE_KEPT_REQUEST_H_
#define SINGLEFLIGHT_SERVER_CORE_KEPT_REQUEST_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "server/base/slice.h"
#include "server/model/headers.h"

namespace singleflight::core {

// Keeps until it is dropped. Its bound is for its owner to look at.
class KeptRequest {
 public:
  // A relayed call that has sent more cannot be sent again.
  static constexpr size_t kMaxBytes = 256 << 10;

  void Add(const base::Slice& bytes) {
    if (!keeps_) return;
    size_ += bytes.size();
    if (slices_.empty() || !slices_.back().Join(bytes)) slices_.push_back(bytes);
  }

  // No more bytes come; the end is kept for ever.
  void Finish(model::SharedHeaders trailing) {
    finished_ = true;
    trailing_ = std::move(trailing);
  }

  // Sends what there is; `to` has Send and Finish as an UpstreamCall has.
  template <typename Call>
  void SendTo(Call& to) const {
    for (const base::Slice& bytes : slices_) to.Send(bytes);
    if (finished_) to.Finish(trailing_);
  }

  void Drop() {
    keeps_ = false;
    slices_.clear();
  }

  bool keeps() const { return keeps_; }
  bool too_large() const { return size_ > kMaxBytes; }
  bool finished() const { return finished_; }
  const model::SharedHeaders& trailing() const { return trailing_; }

 private:
  std::vector<base::Slice> slices_;
  size_t size_ = 0;
  bool keeps_ = true;
  bool finished_ = false;
  model::SharedHeaders trailing_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_KEPT_REQUEST_H_
