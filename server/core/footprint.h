#ifndef SINGLEFLIGHT_SERVER_CORE_FOOTPRINT_H_
#define SINGLEFLIGHT_SERVER_CORE_FOOTPRINT_H_

#include <cstdint>

#include "server/base/block_bytes.h"
#include "server/base/slice.h"
#include "server/model/key.h"
#include "server/model/request.h"

// What calls take beyond their messages, for BufferBudget: the objects of this program and of
// nghttp2, rounded up. A test compares the count with what the process takes (tests/footprint).
namespace singleflight::core {

inline int64_t BytesOfBlock(const model::Request& request) {
  return static_cast<int64_t>(base::BlockBytes(request.fields().Footprint()));
}

// A caller's call: its header block, itself, its stream, its timers.
inline int64_t BytesOfCall(const model::Request& request) {
  return (1 << 10) + BytesOfBlock(request);
}

// A call to an upstream: itself, its stream, and its header block, which waits in the session until
// the backend's socket takes it.
inline int64_t BytesOfUpstreamCall(const model::Request& request) {
  return (1 << 10) + BytesOfBlock(request);
}

// A flight, beyond its upstream call: itself, and its place in the flight table.
inline constexpr int64_t kBytesOfFlight = 768;

// Of what counts for its upstream's max_held_bytes, a flight has this before any reply.
inline size_t BytesHeldByFlight(const model::Key& key, size_t message_bytes) {
  return base::BlockBytes(message_bytes) + base::BlockBytesOf(key.bytes);
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_FOOTPRINT_H_
