#ifndef SINGLEFLIGHT_SERVER_CORE_DECODER_H_
#define SINGLEFLIGHT_SERVER_CORE_DECODER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "server/base/slice.h"
#include "server/core/route_metrics.h"
#include "server/memory/upstream_budget.h"
#include "server/model/reply.h"
#include "server/model/request.h"

namespace singleflight::core {

// Undoes the compression of messages, so that callers that encode theirs differently share flights
// and entries. Requests are compared inflated. Upstream gets the leader's bytes. A caller that
// cannot read the reply as it came gets it inflated.
//
// Many callers want the same reply inflated at about the same time, those aboard one flight or
// those of one entry. The latest result is remembered, a refusal too, so that the work is done once
// for all of them: with a weak reference to what it was made of, and the result itself if it is not
// large. Of an entry that has gone the weak reference keeps its piece of memory, until the next
// inflation.
//
// Threads: one per loop, on that loop's thread.
class Decoder {
 public:
  // The frame that stands for `message` in its key: the one without compression, or, where that
  // cannot be had within max_request_bytes, `message` itself. Good until Release, which keeps no
  // more than little memory.
  absl::string_view ForKey(const model::Request& request, absl::string_view message,
                           size_t max_request_bytes, InflationMetrics& metrics);
  void Release();

  // `message` without compression; its sender says how it is encoded. None: that cannot be had.
  absl::optional<base::Slice> Message(const model::Request& sender, const base::Slice& message,
                                      size_t max_request_bytes, InflationMetrics& metrics);

  // `reply` without compression, within max_reply_bytes. None: that cannot be had. A large one
  // counts as held by the upstream, once for all that have it.
  absl::optional<model::Reply> Reply(memory::UpstreamBudget& upstream, const model::Reply& reply,
                                     size_t max_reply_bytes, InflationMetrics& metrics);

 private:
  using Frame = std::shared_ptr<const std::string>;

  // The latest of what was inflated.
  class Latest {
   public:
    // Null: it cannot be inflated.
    Frame Inflate(const base::Slice& frame, absl::string_view encoding, size_t max,
                  InflationMetrics& metrics);

   private:
    bool Is(const base::Slice& frame, size_t max) const;
    void Remember(const base::Slice& frame, size_t max, const Frame& result);

    std::weak_ptr<const void> source_;
    const char* begin_ = nullptr;
    size_t max_ = 0;
    bool refused_ = false;
    Frame kept_;                             // if it is not large
    std::weak_ptr<const std::string> lent_;  // and if it is
  };

  struct Plain;  // a reply that was decoded

  bool InflateBody(Plain& plain, size_t max_reply_bytes, InflationMetrics& metrics);

  std::string for_key_;
  Latest messages_;
  Latest bodies_;
  std::weak_ptr<const Plain> plain_;  // the latest
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_DECODER_H_
