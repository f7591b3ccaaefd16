// What a purge is about: one key, one method, one group, or everything.

#ifndef SINGLEFLIGHT_SERVER_CACHE_SCOPE_H_
#define SINGLEFLIGHT_SERVER_CACHE_SCOPE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/model/key.h"

namespace singleflight::cache {

// Where a reply comes from.
struct Origin {
  absl::string_view upstream;
  absl::string_view authority;  // as sent upstream, in whatever case
  absl::string_view path;       // "/package.Service/Method"
};

// Where a group belongs: hashes of the upstream, and of the upstream and the authority.
struct Home {
  uint64_t upstream = 0;
  uint64_t authority = 0;

  friend bool operator==(const Home&, const Home&) = default;
};

Home HomeOf(const Origin& origin);

// Scopes are told apart by a hash. If two collide, a purge drops more than was asked, never less.
struct Scope {
  enum class Kind { kKey, kMethod, kGroup, kAll };
  Kind kind;
  uint64_t id;
  Home home = {};  // of a group

  friend bool operator==(const Scope&, const Scope&) = default;
};

Scope EverythingScope();
Scope KeyScope(const model::Key& key);
Scope KeyScope(uint64_t hash);  // of a key

// `path` is "/package.Service/Method".
Scope MethodScope(absl::string_view path);

// A group of RFC 9875 belongs to its upstream and the authority that was sent there. The case of
// the authority does not matter.
Scope GroupScope(absl::string_view upstream, absl::string_view authority, absl::string_view group);

// What is in any group of an upstream and authority: itself a group, which no name can be given to.
Scope AnyGroupScope(const Origin& origin);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_SCOPE_H_
