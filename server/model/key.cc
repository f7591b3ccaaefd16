// Puts keys together: two numbers, then the parts, each with its length before it.
//
//   policy, trust | authority | method | content-type's suffix | message | name, value | name, …
//
// Metadata that counts is sorted by name, so that its order between names does not matter; values
// of one name keep their order, which does. docs/semantics.md §3 says what counts and why.

#include "server/model/key.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <forward_list>
#include <limits>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/ascii.h"
#include "server/base/byte_block.h"
#include "server/base/check.h"
#include "server/model/encoding.h"
#include "server/model/length.h"
#include "server/wire/message.h"

namespace singleflight::model {
namespace {

// With lengths, ("ab", "c") and ("a", "bc") differ. Most parts are short, and keys are kept with
// replies, so a length is short, too.
size_t SizeOf(absl::string_view part) { return SizeOfLength(part.size()) + part.size(); }

char* WriteNumber(char* out, uint32_t number) {
  std::memcpy(out, &number, sizeof(number));
  return out + sizeof(number);
}

char* WritePart(char* out, absl::string_view part) {
  out = WriteLength(out, part.size());
  if (!part.empty()) std::memcpy(out, part.data(), part.size());
  return out + part.size();
}

// With small letters for the capital ones.
uint64_t ToLower(uint64_t eight) {
  constexpr uint64_t kEach = 0x0101010101010101, kTops = 0x80 * kEach;
  const uint64_t low = eight & ~kTops;  // so that no sum reaches into the next byte
  const uint64_t capital = (low + (0x80 - 'A') * kEach) & ~(low + (0x7f - 'Z') * kEach) & ~eight;
  return eight | (capital & kTops) >> 2;
}

void LowerWord(const char* from, char* to) {
  const uint64_t lower = ToLower(base::LoadWord<uint64_t>(from));
  std::memcpy(to, &lower, sizeof(lower));
}

// The case of an authority does not matter (RFC 3986 §3.2.2). Upstream gets the authority as it is.
char* WriteAuthority(char* out, absl::string_view authority) {
  constexpr size_t kWord = sizeof(uint64_t);
  out = WriteLength(out, authority.size());
  if (authority.size() < kWord) {
    for (const char c : authority) *out++ = absl::ascii_tolower(static_cast<unsigned char>(c));
    return out;
  }
  const size_t last = authority.size() - kWord;
  for (size_t at = 0; at < last; at += kWord) LowerWord(authority.data() + at, out + at);
  LowerWord(authority.data() + last, out + last);
  return out + authority.size();
}

void AppendPart(std::string& bytes, absl::string_view part) {
  const size_t size = bytes.size();
  bytes.resize(size + SizeOf(part));
  WritePart(&bytes[size], part);
}

void AppendNames(std::string& bytes, std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::string list;
  for (const std::string& name : names) AppendPart(list, name);
  AppendPart(bytes, list);
}

// In the place of the flag that begins a message on the wire, which is 0 or 1 (wire/message.h):
// what follows is a message without its prefix and without the fields that do not count; or its
// canonical form, without them too.
constexpr char kFieldsLeftOut = 2;
constexpr char kCanonical = 3;

void AppendPaths(std::string& bytes, const std::vector<FieldPath>& paths) {
  std::vector<std::string> texts;
  for (const FieldPath& path : paths) texts.push_back(ToText(path));
  AppendNames(bytes, std::move(texts));
}

// Everything in which policies differ. Keys carry its number.
std::string FingerprintOf(const KeyRules& rules, absl::string_view upstream_identity) {
  std::string bytes;
  AppendPart(bytes, rules.mode == KeyRules::Mode::kOnly ? "only" : "all-but-noise");
  AppendPart(bytes, rules.share_across_credentials ? "share" : "own");
  AppendPart(bytes, upstream_identity);
  AppendNames(bytes, rules.names);
  AppendNames(bytes, rules.counted);
  AppendPaths(bytes, rules.ignored_fields);
  if (rules.form != nullptr) AppendPart(bytes, rules.form->fingerprint());
  return bytes;
}

// The members of a `tracestate` that count: a view of it, or of a string that is added to
// `put_together`.
absl::string_view CountedPart(absl::string_view tracestate,
                              std::forward_list<std::string>& put_together) {
  std::string members;
  const absl::string_view foreign = ForeignMembers(tracestate, &members);
  if (foreign.data() != members.data()) return foreign;
  return put_together.emplace_front(std::move(members));
}

bool Has(const absl::flat_hash_set<std::string>& names, absl::string_view name) {
  return !names.empty() && names.contains(name);  // most rules name nothing
}

}  // namespace

KeyPolicy::KeyPolicy(const KeyRules& rules, absl::string_view upstream_identity, KeySeed seed,
                     Fingerprints& fingerprints)
    : mode_(rules.mode),
      names_(rules.names.begin(), rules.names.end()),
      counted_(rules.counted.begin(), rules.counted.end()),
      ignored_fields_(rules.ignored_fields),
      form_(rules.form),
      share_across_credentials_(rules.share_across_credentials),
      seed_(seed),
      number_(fingerprints.NumberOf(FingerprintOf(rules, upstream_identity))) {
  for (size_t i = 0; i < kKnownNameCount; ++i) known_[i] = CountingByRule(kKnownNames[i].name);
}

KeyPolicy::Counting KeyPolicy::CountingOf(absl::string_view name) const {
  if (name.empty() || name.front() == ':') return Counting::kNot;
  const size_t known = FindKnownName(name);
  return known < kKnownNameCount ? known_[known] : CountingByRule(name);
}

// Credentials are looked for only if it makes a difference, because that takes time.
KeyPolicy::Counting KeyPolicy::CountingByRule(absl::string_view name) const {
  if (IsOutsideMetadata(name)) return Counting::kNot;
  if (name == kChainMarker) return Counting::kWhole;  // whatever the rules say
  const bool only = mode_ == KeyRules::Mode::kOnly;
  const bool named = Has(names_, name);
  const Counting all = name == "tracestate" ? Counting::kByMember : Counting::kWhole;
  if (only && named) return all;
  if (!only && Has(counted_, name)) return Counting::kWhole;
  if ((only || named || share_across_credentials_) && IsCredential(name)) {
    return share_across_credentials_ ? Counting::kNot : Counting::kWhole;
  }
  return only || named || IsNoise(name) ? Counting::kNot : all;
}

// A message in doubt counts with all of its bytes; one that only has no form, without the fields
// that do not count.
KeyPolicy::Counted KeyPolicy::CountedOf(bool proto, absl::string_view message,
                                        std::string* canonical) const {
  const Counted whole{message, absl::nullopt, absl::nullopt};
  if ((ignored_fields_.empty() && form_ == nullptr) || !proto || IsCompressed(message))
    return whole;
  if (message.size() < wire::kMessagePrefixBytes) return whole;
  Counted counted{message.substr(wire::kMessagePrefixBytes), kFieldsLeftOut, absl::nullopt};
  if (form_ != nullptr && form_->Write(counted.bytes, canonical)) {
    counted.bytes = *canonical;
    counted.form = kCanonical;
  }
  if (ignored_fields_.empty()) return counted.form == kCanonical ? counted : whole;
  counted.without = ignored_fields_.SizeWithout(counted.bytes);
  return counted.without.has_value() ? counted : whole;
}

char* KeyPolicy::Write(const Counted& message, char* out) const {
  out = WriteLength(out, message.size());
  if (message.form.has_value()) *out++ = *message.form;
  if (message.without.has_value()) return ignored_fields_.WriteWithout(message.bytes, out);
  if (!message.bytes.empty()) std::memcpy(out, message.bytes.data(), message.bytes.size());
  return out + message.bytes.size();
}

void KeyPolicy::MakeKey(uint32_t trust, const Request& request, absl::string_view authority,
                        absl::string_view message, Key* key) const {
  absl::string_view suffix = request.content_suffix();
  if (suffix == "+proto") suffix = {};  // no format means proto
  const absl::string_view parts[] = {request.path(), suffix};
  const bool compressed = IsCompressed(message);
  absl::InlinedVector<Field, 8> counted;
  std::forward_list<std::string> put_together;
  for (const Field field : request.fields()) {
    const Counting counting = CountingOf(field.name);
    if (counting == Counting::kWhole || (compressed && IsAboutEncoding(field.name))) {
      counted.push_back({field.name, field.value});
    } else if (counting == Counting::kByMember) {
      const absl::string_view part = CountedPart(field.value, put_together);
      if (!part.empty()) counted.push_back({field.name, part});
    }
  }
  // Fields lie in the block in their order, so within one name addresses give that order.
  std::sort(counted.begin(), counted.end(), [](const Field& a, const Field& b) {
    return a.name != b.name ? a.name < b.name : a.name.data() < b.name.data();
  });

  size_t size = sizeof(number_) + sizeof(trust) + SizeOf(authority);
  for (const absl::string_view part : parts) size += SizeOf(part);
  std::string canonical;
  const Counted counted_message = CountedOf(suffix.empty(), message, &canonical);
  size += SizeOfLength(counted_message.size()) + counted_message.size();
  for (const Field& field : counted) size += SizeOf(field.name) + SizeOf(field.value);
  SF_CHECK(size <= std::numeric_limits<uint32_t>::max());
  key->bytes.resize(size);
  char* out = WriteNumber(WriteNumber(key->bytes.data(), number_), trust);
  out = WriteAuthority(out, authority);
  for (const absl::string_view part : parts) out = WritePart(out, part);
  out = Write(counted_message, out);
  for (const Field& field : counted) out = WritePart(WritePart(out, field.name), field.value);
  key->hash = XXH3_64bits_withSeed(key->bytes.data(), key->bytes.size(), seed_.value_);
}

}  // namespace singleflight::model
