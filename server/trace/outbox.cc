#include "server/trace/outbox.h"

#include <utility>

namespace singleflight::trace {

void Outbox::Put(std::unique_ptr<Span> span) {
  const size_t bytes = span->Bytes();
  bool batch = false;
  {
    MutexLock lock(mu_);
    if (!HasRoomFor(bytes)) return dropped_.Add();
    spans_.push_back(std::move(span));
    bytes_ += bytes;
    batch = spans_.size() == bounds_.batch;
  }
  if (batch && on_batch_) on_batch_();
}

Outbox::Spans Outbox::TakeAll() {
  MutexLock lock(mu_);
  bytes_ = 0;
  return std::exchange(spans_, {});
}

}  // namespace singleflight::trace
