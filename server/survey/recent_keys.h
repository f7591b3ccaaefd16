// The keys by which calls of one route led flights lately, and in what a new one differs from them.
//
//   question   64 sets of 4 keys; a key stands in the set of its question (method and message), in
//              the place of the oldest there. So calls that ask the same meet in one set, whatever
//              else tells them apart, and a flood of questions costs each of them its neighbours.
//   nearest    Of the keys that ask the same, the one with the fewest differences is what the new
//              call might have met; of two, the later one. Keys of other rules come last: after a
//              reload they differ in more than their components say.
//   equal      A call whose own key led before has been told of then. It is told of again only if
//              another key led since: that flight, or what it kept, might have served it.
//   names      Keys keep hashes of names. The names themselves stand in 64 places, one for a hash,
//              and the later name takes the place: names that clients make up drive out others
//              until these come again.
//
// Memory: fixed, about 45 KiB. Threads: one at a time.

#ifndef SINGLEFLIGHT_SERVER_SURVEY_RECENT_KEYS_H_
#define SINGLEFLIGHT_SERVER_SURVEY_RECENT_KEYS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/timer_queue.h"
#include "server/survey/components.h"
#include "server/survey/differences.h"
#include "server/survey/split.h"

namespace singleflight::survey {

class RecentKeys {
 public:
  struct Noted {
    bool led_before;          // its own key is among those that are here
    Differences differences;  // from the nearest key of the last `recent`; empty: there is none
  };

  // A flight begins now by that key.
  Noted Note(const Components& key, base::Instant now, absl::Duration recent);

 private:
  static constexpr size_t kSets = 64;
  static constexpr size_t kInASet = 4;
  static constexpr size_t kNames = 64;

  struct Mark {
    uint32_t id;
    uint32_t value;
  };
  struct Seen {
    uint64_t question = 0;
    uint64_t turn = 0;  // of its Note; 0: nothing stands here
    base::Instant at;
    uint32_t rules = 0;
    uint32_t size = 0;
    std::array<Mark, Components::kMost> marks;

    const Mark* Find(uint32_t id) const;
  };
  using Set = std::array<Seen, kInASet>;
  struct Name {
    uint32_t id = 0;
    uint8_t size = 0;
    std::array<char, kLongestName> text;
  };

  static size_t Distance(const Components& key, const Seen& seen);
  static const Seen* Nearest(const Components& key, const Set& set, uint64_t behind,
                             base::Instant since);
  Differences Between(const Components& key, const Seen& seen) const;
  void Keep(const Component& component);
  NamedDifference NameOfKept(uint32_t id) const;

  uint64_t turn_ = 0;
  std::array<Set, kSets> sets_;
  std::array<Name, kNames> names_;
};

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_RECENT_KEYS_H_
