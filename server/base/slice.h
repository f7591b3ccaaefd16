// A run of bytes that many may read: it keeps its owner alive. Copying copies no bytes.
//
// Threads: the bytes never change (more may come behind them); a Slice itself belongs to one
// thread.

#ifndef SINGLEFLIGHT_SERVER_BASE_SLICE_H_
#define SINGLEFLIGHT_SERVER_BASE_SLICE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace singleflight::base {

class Slice {
 public:
  Slice() = default;
  explicit Slice(std::string bytes)
      : owner_(std::make_shared<const std::string>(std::move(bytes))),
        view_(static_cast<const std::string*>(owner_.get())->data(),
              static_cast<const std::string*>(owner_.get())->size()) {}

  // `view` lies within something that `owner` keeps alive.
  Slice(std::shared_ptr<const void> owner, absl::string_view view)
      : owner_(std::move(owner)), view_(view) {}

  const std::shared_ptr<const void>& owner() const { return owner_; }
  absl::string_view view() const { return view_; }
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  void RemovePrefix(size_t n) { view_.remove_prefix(n); }

  // Takes in `next` if it lies right behind these bytes and has the same owner.
  bool Join(const Slice& next) {
    if (owner_ == nullptr || owner_ != next.owner_) return false;
    if (view_.data() + view_.size() != next.view_.data()) return false;
    view_ = absl::string_view(view_.data(), view_.size() + next.size());
    return true;
  }

 private:
  std::shared_ptr<const void> owner_;
  absl::string_view view_;
};

}  // namespace singleflight::base

#endif  // SINGLEFLIGHT_SERVER_BASE_SLICE_H_
