#include "server/model/key.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/container/inlined_vector.h"
#include "absl/strings/match.h"
#include "server/base/check.h"

namespace singleflight::model {
namespace {

// A part's length. A whole key is shorter than this can say.
using Length = uint32_t;

// What the prefix of a key begins with where its fingerprint has no number, and follows.
constexpr uint32_t kNoNumber = 0;

// Every part carries its length, so that ("ab", "c") and ("a", "bc") differ.
size_t SizeOf(absl::string_view part) { return sizeof(Length) + part.size(); }

char* WritePart(char* out, absl::string_view part) {
  const auto size = static_cast<Length>(part.size());
  std::memcpy(out, &size, sizeof(size));
  if (size > 0) std::memcpy(out + sizeof(size), part.data(), size);
  return out + sizeof(size) + size;
}

void AppendPart(std::string& bytes, absl::string_view part) {
  const size_t size = bytes.size();
  bytes.resize(size + SizeOf(part));
  WritePart(&bytes[size], part);
}

// What keeps keys of different policies apart, whole.
std::string FingerprintOf(const KeyRules& rules, absl::string_view upstream_identity,
                          absl::string_view trust) {
  std::vector<std::string> names = rules.names;
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::string bytes;
  AppendPart(bytes, rules.mode == KeyRules::Mode::kOnly ? "only" : "all-but-noise");
  AppendPart(bytes, rules.share_across_credentials ? "share" : "own");
  AppendPart(bytes, upstream_identity);
  AppendPart(bytes, trust);
  for (const std::string& name : names) AppendPart(bytes, name);
  return bytes;
}

std::string BytesOf(uint32_t number) {
  return std::string(reinterpret_cast<const char*>(&number), sizeof(number));
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
      seed_(seed),
      prefix_(BytesOf(kNoNumber)) {
  AppendPart(prefix_, FingerprintOf(rules, upstream_identity, trust));
  for (const absl::string_view name : UsualNames()) {
    usual_.emplace(std::string(name), CountsByRule(name));
  }
}

KeyPolicy::KeyPolicy(const KeyRules& rules, absl::string_view upstream_identity,
                     absl::string_view trust, uint64_t seed, Fingerprints& fingerprints)
    : KeyPolicy(rules, upstream_identity, trust, seed) {
  prefix_ = BytesOf(fingerprints.NumberOf(FingerprintOf(rules, upstream_identity, trust)));
}

bool KeyPolicy::Counts(absl::string_view name) const {
  if (absl::StartsWith(name, ":")) return false;
  const auto usual = usual_.find(name);
  return usual != usual_.end() ? usual->second : CountsByRule(name);
}

bool KeyPolicy::CountsByRule(absl::string_view name) const {
  if (OutsideMetadata(name)) return false;
  if (AlwaysCounts(name)) return true;
  if (mode_ == KeyRules::Mode::kOnly && names_.contains(name)) return true;
  if (IsCredential(name)) return !share_across_credentials_;
  if (mode_ == KeyRules::Mode::kOnly) return false;
  return !IsNoise(name) && !names_.contains(name);
}

void KeyPolicy::MakeKey(const Request& request, absl::string_view authority,
                        absl::string_view message, Key* key) const {
  const absl::string_view suffix = request.content_suffix();
  // No format means proto.
  const absl::string_view parts[] = {authority, request.path(),
                                     suffix == "+proto" ? absl::string_view() : suffix, message};
  size_t size = prefix_.size();
  for (const absl::string_view part : parts) size += SizeOf(part);
  absl::InlinedVector<Field, 8> counted;
  for (const Field field : request.fields()) {
    if (!Counts(field.name)) continue;
    counted.push_back(field);
    size += SizeOf(field.name) + SizeOf(field.value);
  }
  // Order within one name, which is that of the addresses, is part of the call; order between names
  // is not.
  std::sort(counted.begin(), counted.end(), [](const Field& a, const Field& b) {
    return a.name != b.name ? a.name < b.name : a.name.data() < b.name.data();
  });

  SF_CHECK(size <= std::numeric_limits<Length>::max());
  key->bytes.resize(size);
  char* out = key->bytes.data();
  std::memcpy(out, prefix_.data(), prefix_.size());
  out += prefix_.size();
  for (const absl::string_view part : parts) out = WritePart(out, part);
  for (const Field& field : counted) out = WritePart(WritePart(out, field.name), field.value);
  key->hash = XXH3_64bits_withSeed(key->bytes.data(), key->bytes.size(), seed_);
}

}  // namespace singleflight::model
