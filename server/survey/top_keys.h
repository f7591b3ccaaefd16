// Which keys of one route are asked for most, and which save most bytes; of one worker.
//
// The worker does not wait: what it has to add while somebody reads is left out.
//
// Memory: about 30 KiB from the first call on, less where there are few keys. Threads: Add… are the
// worker's; the others, from any.

#ifndef SINGLEFLIGHT_SERVER_SURVEY_TOP_KEYS_H_
#define SINGLEFLIGHT_SERVER_SURVEY_TOP_KEYS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/survey/top_sketch.h"
#include "singleflight/mutex.h"

namespace singleflight::survey {

enum class TopBy {
  kCalls,
  kSavedBytes,  // of messages of replies that upstream did not have to send
};

class TopKeys {
 public:
  // `weight` calls for `key`, of which this is the one that was drawn. Each got that many bytes
  // without an upstream call of its own.
  void AddCalls(uint64_t key, absl::string_view method, uint64_t saved_bytes, uint32_t weight);

  // Bytes that were saved by calls that have been counted.
  void AddSaved(uint64_t key, absl::string_view method, uint64_t bytes);

  std::vector<TopSketch::Sum> Sums(TopBy by) const;

 private:
  struct Sketches {
    TopSketch calls;
    TopSketch saved_bytes;
  };

  Sketches& Opened() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  std::unique_ptr<Sketches> sketches_ ABSL_GUARDED_BY(mu_);
};

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_TOP_KEYS_H_
