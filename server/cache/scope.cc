#include "server/cache/scope.h"

#include <xxhash.h>

#include <initializer_list>

namespace singleflight::cache {
namespace {

// Each part by itself, so that ("ab", "c") and ("a", "bc") differ.
uint64_t HashOf(Scope::Kind kind, std::initializer_list<absl::string_view> parts) {
  auto hash = static_cast<uint64_t>(kind);
  for (const absl::string_view part : parts) {
    hash = XXH3_64bits_withSeed(part.data(), part.size(), hash);
  }
  return hash;
}

}  // namespace

Scope EverythingScope() { return {Scope::Kind::kAll, 0}; }

Scope KeyScope(const model::Key& key) { return {Scope::Kind::kKey, key.hash}; }

Scope MethodScope(absl::string_view path) {
  return {Scope::Kind::kMethod, HashOf(Scope::Kind::kMethod, {path})};
}

Scope TagScope(absl::string_view upstream, absl::string_view authority, absl::string_view group) {
  return {Scope::Kind::kTag, HashOf(Scope::Kind::kTag, {upstream, authority, group})};
}

}  // namespace singleflight::cache
