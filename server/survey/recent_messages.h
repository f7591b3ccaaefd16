// The messages by whose keys calls of one route led flights lately, and in which fields a new one
// differs from them.
//
//   rest       4 sets of 8 messages; a message stands in the set of the rest of its key, in the
//              place of the oldest there. Compared are messages with the same rest: the same
//              method, metadata, authority and rules.
//   nearest    Of these the one with the fewest fields that differ is what the new call might have
//              met; of two, the later one. If a message cannot be taken apart, or no field differs,
//              the difference is kMessage.
//   outermost  Of a message and what is in it, the message alone is named: fields may differ inside
//              because the one is there and the other is not.
//
// Memory: fixed, about 25 KiB. Threads: one at a time.

#ifndef SINGLEFLIGHT_SERVER_SURVEY_RECENT_MESSAGES_H_
#define SINGLEFLIGHT_SERVER_SURVEY_RECENT_MESSAGES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/base/timer_queue.h"
#include "server/model/field_paths.h"
#include "server/survey/differences.h"
#include "server/survey/message_marks.h"

namespace singleflight::survey {

class RecentMessages {
 public:
  // Fields that are named of one pair.
  static constexpr size_t kMostNamed = 8;

  // In what that message differs from the nearest since then. Empty: there is none, or it was here
  // itself.
  Differences Between(const MessageMarks& message, base::Instant since) const;

  // A flight begins now by its key.
  void Keep(const MessageMarks& message, base::Instant now);

 private:
  static constexpr size_t kSets = 4;
  static constexpr size_t kInASet = 8;

  using Mark = MessageMarks::Mark;
  struct Seen {
    uint64_t rest = 0;
    uint64_t message = 0;
    uint64_t turn = 0;  // of its Keep; 0: nothing stands here
    base::Instant at;
    bool taken_apart = false;
    uint32_t size = 0;
    std::array<Mark, MessageMarks::kMost> marks;

    absl::Span<const Mark> All() const { return {marks.data(), size}; }
    bool Is(const MessageMarks& other) const;
    bool Has(const Mark& mark) const;
  };
  using Set = std::array<Seen, kInASet>;

  static size_t Distance(const MessageMarks& message, const Seen& seen);
  static std::vector<model::FieldPath> Paths(const MessageMarks& message, const Seen& seen);

  uint64_t turn_ = 0;
  std::array<Set, kSets> sets_;
};

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_RECENT_MESSAGES_H_
