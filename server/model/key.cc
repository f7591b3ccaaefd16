#include "server/model/key.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "absl/container/inlined_vector.h"
#include "absl/strings/match.h"
#include "server/base/check.h"
#include "server/model/encoding.h"

namespace singleflight::model {
namespace {

// Every part carries its length, so that ("ab", "c") and ("a", "bc") differ: seven bits a byte, the
// lowest ones first, and on all bytes but the last the eighth bit. Most parts are short, and keys
// are kept with replies.
constexpr int kLengthBits = 7;
constexpr size_t kMoreFollows = 1 << kLengthBits;

size_t SizeOf(absl::string_view part) {
  const int bits = std::bit_width(part.size() | 1);
  return static_cast<size_t>((bits + kLengthBits - 1) / kLengthBits) + part.size();
}

char* WriteLength(char* out, size_t length) {
  for (; length >= kMoreFollows; length >>= kLengthBits) {
    *out++ = static_cast<char>(length | kMoreFollows);
  }
  *out++ = static_cast<char>(length);
  return out;
}

char* WriteNumber(char* out, uint32_t number) {
  std::memcpy(out, &number, sizeof(number));
  return out + sizeof(number);
}

char* WritePart(char* out, absl::string_view part) {
  out = WriteLength(out, part.size());
  if (!part.empty()) std::memcpy(out, part.data(), part.size());
  return out + part.size();
}

void AppendPart(std::string& bytes, absl::string_view part) {
  const size_t size = bytes.size();
  bytes.resize(size + SizeOf(part));
  WritePart(&bytes[size], part);
}

// What keeps keys of different policies apart, whole.
std::string FingerprintOf(const KeyRules& rules, absl::string_view upstream_identity) {
  std::vector<std::string> names = rules.names;
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::string bytes;
  AppendPart(bytes, rules.mode == KeyRules::Mode::kOnly ? "only" : "all-but-noise");
  AppendPart(bytes, rules.share_across_credentials ? "share" : "own");
  AppendPart(bytes, upstream_identity);
  for (const std::string& name : names) AppendPart(bytes, name);
  return bytes;
}

// Accounted for elsewhere in the key, or made anew by every hop.
bool OutsideMetadata(absl::string_view name) {
  return absl::StartsWith(name, ":") || name == "host" || name == "te" || name == "content-type" ||
         name == "content-length" || name == "grpc-timeout";
}

}  // namespace

KeyPolicy::KeyPolicy(const KeyRules& rules, absl::string_view upstream_identity, uint64_t seed,
                     Fingerprints& fingerprints)
    : mode_(rules.mode),
      names_(rules.names.begin(), rules.names.end()),
      share_across_credentials_(rules.share_across_credentials),
      seed_(seed),
      number_(fingerprints.NumberOf(FingerprintOf(rules, upstream_identity))) {
  for (const absl::string_view name : UsualNames()) {
    usual_.emplace(std::string(name), CountsByRule(name));
  }
}

bool KeyPolicy::Counts(absl::string_view name) const {
  if (absl::StartsWith(name, ":")) return false;
  const auto usual = usual_.find(name);
  return usual != usual_.end() ? usual->second : CountsByRule(name);
}

bool KeyPolicy::CountsByRule(absl::string_view name) const {
  if (OutsideMetadata(name)) return false;
  if (name == kChainMarker) return true;  // whatever the rules say
  if (mode_ == KeyRules::Mode::kOnly && names_.contains(name)) return true;
  if (IsCredential(name)) return !share_across_credentials_;
  if (mode_ == KeyRules::Mode::kOnly) return false;
  return !IsNoise(name) && !names_.contains(name);
}

void KeyPolicy::MakeKey(uint32_t trust, const Request& request, absl::string_view authority,
                        absl::string_view message, Key* key) const {
  const absl::string_view suffix = request.content_suffix();
  // No format means proto.
  const absl::string_view parts[] = {authority, request.path(),
                                     suffix == "+proto" ? absl::string_view() : suffix, message};
  size_t size = sizeof(number_) + sizeof(trust);
  for (const absl::string_view part : parts) size += SizeOf(part);
  const bool compressed = IsCompressed(message);
  absl::InlinedVector<Field, 8> counted;
  for (const Field field : request.fields()) {
    if (!Counts(field.name) && !(compressed && IsAboutEncoding(field.name))) continue;
    counted.push_back(field);
    size += SizeOf(field.name) + SizeOf(field.value);
  }
  // Order within one name, which is that of the addresses, is part of the call; order between names
  // is not.
  std::sort(counted.begin(), counted.end(), [](const Field& a, const Field& b) {
    return a.name != b.name ? a.name < b.name : a.name.data() < b.name.data();
  });

  SF_CHECK(size <= std::numeric_limits<uint32_t>::max());
  key->bytes.resize(size);
  char* out = WriteNumber(WriteNumber(key->bytes.data(), number_), trust);
  for (const absl::string_view part : parts) out = WritePart(out, part);
  for (const Field& field : counted) out = WritePart(WritePart(out, field.name), field.value);
  key->hash = XXH3_64bits_withSeed(key->bytes.data(), key->bytes.size(), seed_);
}

}  // namespace singleflight::model
