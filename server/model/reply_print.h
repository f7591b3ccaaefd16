// What is compared of replies: a digest of each part, by the part's name. So two replies can be
// compared, and the parts that differ be named, when the bytes of both have gone, and nobody who
// has a print can read what the reply said.
//
// Parts: `status`; `metadata NAME` and `trailer NAME`, all values of a name together; and of the
// message `message field 3.2`, the numbers of the path of a Protobuf field, all that stand at one
// path together, or `message`, if it is text or anything else.
//
// What differs between two replies to the same question is left out: names that are noise in
// requests (key_rules.h) or that say how the reply came (UnsteadyReplyNames), and what the route
// declares volatile.

#ifndef SINGLEFLIGHT_SERVER_MODEL_REPLY_PRINT_H_
#define SINGLEFLIGHT_SERVER_MODEL_REPLY_PRINT_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/model/field_paths.h"
#include "server/model/headers.h"
#include "server/model/reply.h"

namespace singleflight::model {

// `volatile:` of a route. Names are lower case.
struct VolatileRules {
  std::vector<std::string> metadata = {};
  std::vector<FieldPath> fields = {};  // of the message

  friend bool operator==(const VolatileRules&, const VolatileRules&) = default;
};

// Names of reply metadata that say how a reply came, and not what it is.
absl::Span<const absl::string_view> UnsteadyReplyNames();

// Makes prints by the rules of one route.
//
// Threads: constant after construction.
class ReplyPrinter {
 public:
  // A print has so many parts of the message at most, and so many of the metadata; what goes beyond
  // is one part more (`message, further fields`, `further metadata`).
  static constexpr size_t kMostParts = 64;

  explicit ReplyPrinter(const VolatileRules& rules);

  // The parts of `reply`, sorted by name, each with its digest as its value. A message that is
  // compressed counts as it is.
  Headers Print(const Reply& reply) const;

 private:
  bool Counts(absl::string_view name) const;

  const absl::flat_hash_set<std::string> volatile_names_;
  const FieldPaths volatile_fields_;
};

// The names of the parts in which two prints differ, in order.
std::vector<std::string> PartsThatDiffer(HeadersView a, HeadersView b);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_REPLY_PRINT_H_
