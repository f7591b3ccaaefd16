#include "tests/bench/programs/served_calls.h"

namespace singleflight::bench {

ServedCall* ServedCalls::New() {
  if (unused_.empty()) {
    all_.push_back(std::make_unique<ServedCall>());
    return all_.back().get();
  }
  ServedCall* const call = unused_.back();
  unused_.pop_back();
  return call;
}

void ServedCalls::Recycle(ServedCall* call) {
  *call = {};
  unused_.push_back(call);
}

void ServedCalls::Closed(ServedCall* call) {
  call->connection = nullptr;
  if (!call->waits) Recycle(call);
}

void ServedCalls::Wait(ServedCall* call, Nanos due, Line line) {
  call->waits = true;
  waiting_[line].push_back({due, call});
}

ServedCall* ServedCalls::TakeDue(Nanos now) {
  while (next_due() <= now) {
    std::deque<Waiting>& line = waiting_[FirstDue(kSlow) < FirstDue(kUsual) ? kSlow : kUsual];
    ServedCall* const call = line.front().call;
    line.pop_front();
    call->waits = false;
    if (call->connection != nullptr) return call;
    Recycle(call);
  }
  return nullptr;
}

}  // namespace singleflight::bench
