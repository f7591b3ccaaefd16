// What kept a call apart from another that was equal but for it (docs/sharing.md, "Why did these
// two not meet?").

#ifndef SINGLEFLIGHT_SERVER_SURVEY_SPLIT_H_
#define SINGLEFLIGHT_SERVER_SURVEY_SPLIT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "server/base/timer_queue.h"

namespace singleflight::survey {

enum class SplitKind : uint8_t {
  kMetadata,    // a header that counts and is no credential
  kCredential,  // a header that says who asks
  kAuthority,   // what is sent as :authority
  kPolicy,      // the listener's trust, the content-type, or the rules of keys
  kEncoding,    // what the caller says about compression, where the message's cannot be undone
  kField,       // fields of the message, one or more, and nothing else
  kSeveral,     // more than one of these together
};

constexpr absl::string_view NameOf(SplitKind kind) {
  switch (kind) {
    case SplitKind::kMetadata:
      return "metadata";
    case SplitKind::kCredential:
      return "credential";
    case SplitKind::kAuthority:
      return "authority";
    case SplitKind::kPolicy:
      return "policy";
    case SplitKind::kEncoding:
      return "encoding";
    case SplitKind::kField:
      return "field";
    case SplitKind::kSeveral:
      return "several";
  }
  return "";
}

// One after the last.
inline constexpr size_t kSplitKinds = static_cast<size_t>(SplitKind::kSeveral) + 1;

// Names of what is no metadata.
inline constexpr absl::string_view kAuthority = ":authority";
inline constexpr absl::string_view kTrust = "trust";
inline constexpr absl::string_view kContentType = "content-type";
inline constexpr absl::string_view kRules = "rules";

// For the fields of two messages that cannot be named: one is not Protobuf or too much to take
// apart (MessageMarks), they are the same in another order, or they differ in too many.
inline constexpr absl::string_view kMessage = "message";

// For names that nobody keeps.
inline constexpr absl::string_view kOther = "other";

// Names come from clients, who may make them long. Of one over this the beginning is kept, with "…"
// behind it. Paths are longer than names.
inline constexpr size_t kLongestName = 60;
inline constexpr size_t kLongestPath = 120;

// What is told of the calls that one thing kept apart.
struct Split {
  SplitKind kind = SplitKind::kMetadata;
  std::string name;    // of several: their names, with ", " between them
  std::string method;  // of kField: whose messages these are; else empty
  uint64_t calls = 0;  // that were seen
  base::Instant last;  // when the latest of them came
};

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_SPLIT_H_
