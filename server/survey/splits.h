// Why calls of one route did not meet: looks at each key by which a call leads a flight, and counts
// what kept it apart from a recent one that was equal but for that.
//
// One for a route and all workers. Were there one for each worker, two clients on two workers would
// never be told of, and these are the ones whose calls should meet most of all. Only calls that
// lead come here. They do not wait: while another worker is here, or somebody reads, a call is left
// out. So what is counted is a sample.
//
// A key is first compared with those that ask the same. If there is none, its message is compared
// with those of keys that are equal but for the message.
//
// Memory: about 75 KiB from the first lead on. Threads: every method, from any.

#ifndef SINGLEFLIGHT_SERVER_SURVEY_SPLITS_H_
#define SINGLEFLIGHT_SERVER_SURVEY_SPLITS_H_

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/base/timer_queue.h"
#include "server/model/key.h"
#include "server/survey/recent_keys.h"
#include "server/survey/recent_messages.h"
#include "server/survey/split.h"
#include "singleflight/mutex.h"

namespace singleflight::survey {

class Splits {
 public:
  // Different names, and combinations of them, that are told of. When one more comes, the one with
  // the fewest calls goes, and its calls count for kOther.
  static constexpr size_t kMost = 32;

  // Lines of a log that may be written about it.
  static constexpr absl::Duration kLineEvery = absl::Seconds(1);

  struct Apart {
    SplitKind kind;
    std::string name;    // as in Split
    std::string method;  // as in Split
    bool say;            // a line of a log may be written now
  };

  // A flight begins now by that key. What kept it apart from one of the last `recent`; nothing:
  // nothing did, or it was left out.
  absl::optional<Apart> Note(const model::Key& key, base::Instant now, absl::Duration recent);

  // In no order.
  std::vector<Split> List() const;

 private:
  struct Recent {
    RecentKeys keys;
    RecentMessages messages;

    Differences Note(const Components& key, const MessageMarks& message, base::Instant now,
                     absl::Duration recent);
  };

  void Count(const Apart& apart, base::Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  std::unique_ptr<Recent> recent_ ABSL_GUARDED_BY(mu_);
  std::vector<Split> splits_ ABSL_GUARDED_BY(mu_);
  std::array<Split, kSplitKinds> others_ ABSL_GUARDED_BY(mu_);
  base::Instant next_line_ ABSL_GUARDED_BY(mu_) = base::Instant::min();
};

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_SPLITS_H_
