#include "server/survey/top_keys.h"

namespace singleflight::survey {

TopKeys::Sketches& TopKeys::Opened() {
  if (sketches_ == nullptr) sketches_ = std::make_unique<Sketches>();
  return *sketches_;
}

void TopKeys::AddCalls(uint64_t key, absl::string_view method, uint64_t saved_bytes,
                       uint32_t weight) {
  if (!mu_.TryLock()) return;
  Sketches& sketches = Opened();
  sketches.calls.Add(key, method, 1, weight);
  if (saved_bytes > 0) sketches.saved_bytes.Add(key, method, saved_bytes, weight);
  mu_.Unlock();
}

void TopKeys::AddSaved(uint64_t key, absl::string_view method, uint64_t bytes) {
  if (!mu_.TryLock()) return;
  Opened().saved_bytes.Add(key, method, bytes, 1);
  mu_.Unlock();
}

std::vector<TopSketch::Sum> TopKeys::Sums(TopBy by) const {
  MutexLock lock(mu_);
  if (sketches_ == nullptr) return {};
  return by == TopBy::kCalls ? sketches_->calls.Sums() : sketches_->saved_bytes.Sums();
}

}  // namespace singleflight::survey
