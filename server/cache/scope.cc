#include "server/cache/scope.h"

#include <xxhash.h>

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"

namespace singleflight::cache {
namespace {

// Hashes each part by itself, so that ("ab", "c") and ("a", "bc") differ.
uint64_t Hash(uint64_t before, absl::string_view part) {
  return XXH3_64bits_withSeed(part.data(), part.size(), before);
}

// The same in lower case, piece by piece, so that nothing is allocated.
uint64_t HashOfAnyCase(uint64_t before, absl::string_view part) {
  std::array<char, 64> lower;
  uint64_t hash = before;
  do {
    const absl::string_view piece = part.substr(0, lower.size());
    std::transform(piece.begin(), piece.end(), lower.begin(), absl::ascii_tolower);
    hash = Hash(hash, absl::string_view(lower.data(), piece.size()));
    part.remove_prefix(piece.size());
  } while (!part.empty());
  return hash;
}

}  // namespace

Home HomeOf(const Origin& origin) {
  const uint64_t upstream = Hash(static_cast<uint64_t>(Scope::Kind::kGroup), origin.upstream);
  return {upstream, HashOfAnyCase(upstream, origin.authority)};
}

Scope EverythingScope() { return {Scope::Kind::kAll, 0}; }

Scope KeyScope(const model::Key& key) { return KeyScope(key.hash); }

Scope KeyScope(uint64_t hash) { return {Scope::Kind::kKey, hash}; }

Scope MethodScope(absl::string_view path) {
  return {Scope::Kind::kMethod, Hash(static_cast<uint64_t>(Scope::Kind::kMethod), path)};
}

Scope GroupScope(absl::string_view upstream, absl::string_view authority, absl::string_view group) {
  const Home home = HomeOf({upstream, authority, ""});
  return {Scope::Kind::kGroup, Hash(home.authority, group), home};
}

Scope AnyGroupScope(const Origin& origin) {
  const Home home = HomeOf(origin);
  return {Scope::Kind::kGroup, Hash(~home.authority, "any group"), home};
}

}  // namespace singleflight::cache
