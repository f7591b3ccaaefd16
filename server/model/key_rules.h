// The rules by which request metadata and fields of messages make two calls different
// (docs/semantics.md §3), and the lists of names behind them.

#ifndef SINGLEFLIGHT_SERVER_MODEL_KEY_RULES_H_
#define SINGLEFLIGHT_SERVER_MODEL_KEY_RULES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/model/canonical_form.h"
#include "server/model/field_paths.h"

namespace singleflight::model {

// `key:` of a route. Names are lower case; the sets `@proxy-headers` and `@baggage` have been
// expanded (MetadataSet).
struct KeyRules {
  enum class Mode {
    kAllButNoise,  // everything but known noise and the names in `names`
    kOnly,         // nothing but the names in `names`, credentials and the chain marker
  };
  Mode mode = Mode::kAllButNoise;
  std::vector<std::string> names = {};

  // Credentials leave the key too, except those that kOnly or `counted` names. Some replies then go
  // to the leader alone.
  bool share_across_credentials = false;

  // Under kAllButNoise: these count whole, though they are noise or stand in `names`.
  std::vector<std::string> counted = {};

  // Of Protobuf messages these do not count.
  std::vector<FieldPath> ignored_fields = {};

  // Likewise, by the names that a schema gives them: "context.request.id". Keys are made by numbers
  // alone, so whoever has the schema puts these among the ones above.
  std::vector<std::string> ignored_names = {};

  // Whether a schema, where there is one, gives messages a form in which all their serializations
  // meet; and that form, for one method. Null: messages count with their bytes as they come.
  bool canonicalize = false;
  std::shared_ptr<const CanonicalForm> form = nullptr;

  bool need_schema() const { return canonicalize || !ignored_names.empty(); }

  friend bool operator==(const KeyRules&, const KeyRules&) = default;
};

// Whether metadata of that name differs from call to call without changing what is asked: trace
// context, request ids, user agents. `tracestate` is not among these: it is noise by member.
bool IsNoise(absl::string_view name);

// The beginnings of names that are noise besides those of kKnownNames.
absl::Span<const absl::string_view> NoisePrefixes();

// Whether metadata of that name says who asks. It is in the key even under `only`, and is never put
// into a compression table.
bool IsCredential(absl::string_view name);

// Whether metadata of that name stands elsewhere in the key, or is replaced by every hop. Whatever
// the rules say, it does not count as metadata.
bool IsOutsideMetadata(absl::string_view name);

// The members of a `tracestate` (W3C Trace Context §3.3) that belong to no known tracer. Tracers
// put a span's id or the sampler's dice there; some meshes choose versions by a member of their
// own. The result is `value` if it has no member of a tracer, else `*storage`.
absl::string_view ForeignMembers(absl::string_view value, std::string* storage);

// The keys of known tracers' members, and the systems of those that stand behind a tenant
// ("33@nr").
absl::Span<const absl::string_view> TracestateKeys();
absl::Span<const absl::string_view> TracestateSystems();

// The names of a set, "@proxy-headers" or "@baggage"; null: there is no such set.
const std::vector<std::string>* MetadataSet(absl::string_view name);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_KEY_RULES_H_
