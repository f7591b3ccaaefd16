#ifndef SINGLEFLIGHT_SERVER_MODEL_KEY_RULES_H_
#define SINGLEFLIGHT_SERVER_MODEL_KEY_RULES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace singleflight::model {

// Which request metadata makes two calls different (SEMANTICS.md §3). Names are lower case; the
// sets
// `@proxy-headers` and `@baggage` have been expanded (MetadataSet).
struct KeyRules {
  enum class Mode {
    kAllButNoise,  // everything but known noise and the names in `names`
    kOnly,         // nothing but the names in `names`, credentials and the chain marker
  };
  Mode mode = Mode::kAllButNoise;
  std::vector<std::string> names;

  // Credentials leave the key as well, but for those that kOnly names; some replies then go to the
  // leader alone.
  bool share_across_credentials = false;
};

// Metadata that differs from call to call without changing what is asked: trace context, request
// ids, user agents.
bool IsNoise(absl::string_view name);

// Metadata that says who asks: in the key even under `only`, and never put into a compression
// table.
bool IsCredential(absl::string_view name);

// Names that many calls carry, known noise and credentials among them.
std::vector<absl::string_view> UsualNames();

// The names of a set, "@proxy-headers" or "@baggage"; null: there is no such set.
const std::vector<std::string>* MetadataSet(absl::string_view name);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_KEY_RULES_H_
