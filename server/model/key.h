#ifndef SINGLEFLIGHT_SERVER_MODEL_KEY_H_
#define SINGLEFLIGHT_SERVER_MODEL_KEY_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "server/model/fingerprints.h"
#include "server/model/key_rules.h"
#include "server/model/known_names.h"
#include "server/model/request.h"

namespace singleflight::model {

// What makes two calls identical (docs/semantics.md §3). The hash finds, the bytes decide: equality
// compares all of them.
struct Key {
  uint64_t hash = 0;
  std::string bytes;

  friend bool operator==(const Key& a, const Key& b) {
    return a.hash == b.hash && a.bytes == b.bytes;
  }
};

struct KeyHash {
  size_t operator()(const Key& key) const { return static_cast<size_t>(key.hash); }
};

// What keeps clients from choosing keys that collide in the hash: a secret of the process, which
// nobody but KeyPolicy can read. Nothing else may be made of it, or whoever sees that knows it.
class KeySeed {
 public:
  KeySeed(uint64_t value) : value_(value) {}  // NOLINT: any number may be one

 private:
  friend class KeyPolicy;
  uint64_t value_;
};

// The key rules of one route, ready for use. Its fingerprint is part of every key that it makes, so
// that keys made under different rules or for different upstreams never meet; nor do those of
// callers that were trusted differently. Threads: constant after construction.
class KeyPolicy {
 public:
  // `upstream_identity` is whatever distinguishes upstreams: name, target, TLS. `seed` is one
  // per process. In keys the fingerprint is represented by its number of `fingerprints`, which all
  // policies whose keys may stand in one table have to share.
  KeyPolicy(const KeyRules& rules, absl::string_view upstream_identity, KeySeed seed,
            Fingerprints& fingerprints);

  // The key of a call whose request is `message`, framed as on the wire. `trust` says how far its
  // connection is trusted; it is a number of the same Fingerprints. `authority` is what is sent
  // upstream. Callers whose messages are compressed in different ways meet if those have been
  // inflated before; of a message that still has the flag "compressed", and so equals none without
  // it, count the bytes as they are and what the caller says about encodings. All of it together
  // has less than 4 GiB: messages are bounded by 2 GiB (`max_request_bytes`), blocks of metadata by
  // 64 KiB.
  Key MakeKey(uint32_t trust, const Request& request, absl::string_view authority,
              absl::string_view message) const {
    Key key;
    MakeKey(trust, request, authority, message, &key);
    return key;
  }

  // The same, reusing the storage of `key`.
  void MakeKey(uint32_t trust, const Request& request, absl::string_view authority,
               absl::string_view message, Key* key) const;

  // Whether metadata of that name tells calls apart by all that it says, whatever their messages.
  bool Counts(absl::string_view name) const { return CountingOf(name) == Counting::kWhole; }

  bool shares_across_credentials() const { return share_across_credentials_; }

 private:
  enum class Counting : uint8_t {
    kNot,
    kWhole,
    kByMember,  // of `tracestate`, what is no known tracer's
  };

  Counting CountingOf(absl::string_view name) const;
  Counting CountingByRule(absl::string_view name) const;

  const KeyRules::Mode mode_;
  const absl::flat_hash_set<std::string> names_;
  const absl::flat_hash_set<std::string> counted_;
  const bool share_across_credentials_;
  const KeySeed seed_;
  const uint32_t number_;                        // of the fingerprint; every key begins with it
  std::array<Counting, kKnownNameCount> known_;  // what the rules say of kKnownNames
};

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_KEY_H_
