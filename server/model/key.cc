#include "server/model/key.h"

#include <xxhash.h>

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "absl/strings/match.h"

namespace singleflight::model {
namespace {

// Every part carries its length, so that ("ab", "c") and ("a", "bc") differ.
void AppendPart(std::string& bytes, absl::string_view part) {
  const auto size = static_cast<uint64_t>(part.size());
  char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(size >> (8 * i));
  bytes.append(length, sizeof(length));
  bytes.append(part.data(), part.size());
}

// Accounted for elsewhere in the key, or made anew by every hop.
bool OutsideMetadata(absl::string_view name) {
  return absl::StartsWith(name, ":") || name == "host" || name == "te" || name == "content-type" ||
         name == "content-length" || name == "grpc-timeout";
}

// In every key, whatever the rules say: what a caller can read, and which hops it came by.
bool AlwaysCounts(absl::string_view name) {
  return name == "grpc-encoding" || name == "grpc-accept-encoding" || name == kChainMarker;
}

}  // namespace

KeyPolicy::KeyPolicy(const KeyRules& rules, absl::string_view upstream_identity,
                     absl::string_view trust, uint64_t seed)
    : mode_(rules.mode),
      names_(rules.names.begin(), rules.names.end()),
      share_across_credentials_(rules.share_across_credentials),
      seed_(seed) {
  std::vector<std::string> sorted(names_.begin(), names_.end());
  std::sort(sorted.begin(), sorted.end());
  AppendPart(fingerprint_, mode_ == KeyRules::Mode::kOnly ? "only" : "all-but-noise");
  AppendPart(fingerprint_, share_across_credentials_ ? "share" : "own");
  AppendPart(fingerprint_, upstream_identity);
  AppendPart(fingerprint_, trust);
  for (const std::string& name : sorted) AppendPart(fingerprint_, name);
}

bool KeyPolicy::Counts(absl::string_view name) const {
  if (OutsideMetadata(name)) return false;
  if (AlwaysCounts(name)) return true;
  if (mode_ == KeyRules::Mode::kOnly && names_.contains(name)) return true;
  if (IsCredential(name)) return !share_across_credentials_;
  if (mode_ == KeyRules::Mode::kOnly) return false;
  return !IsNoise(name) && !names_.contains(name);
}

Key KeyPolicy::MakeKey(const Request& request, absl::string_view authority,
                       absl::string_view message) const {
  absl::InlinedVector<Field, 8> counted;
  size_t size =
      fingerprint_.size() + authority.size() + request.path().size() + message.size() + 64;
  for (const Field field : request.fields()) {
    if (!Counts(field.name)) continue;
    counted.push_back(field);
    size += field.name.size() + field.value.size() + 16;
  }
  // Order within one name is part of the call; order between names is not.
  std::stable_sort(counted.begin(), counted.end(),
                   [](const auto& a, const auto& b) { return a.name < b.name; });

  const absl::string_view suffix = request.content_suffix();
  Key key;
  key.bytes.reserve(size);
  AppendPart(key.bytes, fingerprint_);
  AppendPart(key.bytes, authority);
  AppendPart(key.bytes, request.path());
  AppendPart(key.bytes, suffix.empty() ? absl::string_view("+proto") : suffix);
  AppendPart(key.bytes, message);
  for (const Field& field : counted) {
    AppendPart(key.bytes, field.name);
    AppendPart(key.bytes, field.value);
  }
  key.hash = XXH3_64bits_withSeed(key.bytes.data(), key.bytes.size(), seed_);
  return key;
}

}  // namespace singleflight::model
