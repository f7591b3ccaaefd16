// Keys: what makes two calls identical (docs/semantics.md §3), and KeyPolicy, which makes them by
// the rules of a route.

#ifndef SINGLEFLIGHT_SERVER_MODEL_KEY_H_
#define SINGLEFLIGHT_SERVER_MODEL_KEY_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/model/canonical_form.h"
#include "server/model/field_paths.h"
#include "server/model/fingerprints.h"
#include "server/model/key_rules.h"
#include "server/model/known_names.h"
#include "server/model/request.h"

namespace singleflight::model {

// Calls with equal keys are identical. The hash finds, the bytes decide: equality compares all of
// them. No hash leaves the process: what is shown of a key is its digest (KeyDigests).
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

// A secret of the process that keeps clients from choosing keys that collide in the hash. Only
// KeyPolicy can read it. Nothing else may be derived from it, because that would give it away.
class KeySeed {
 public:
  KeySeed(uint64_t value) : value_(value) {}  // NOLINT: any number may be one

 private:
  friend class KeyPolicy;
  uint64_t value_;
};

// The key rules of one route, ready for use. Their fingerprint is part of every key, so that keys
// that were made under different rules or for different upstreams never meet. The keys of callers
// that are trusted differently never meet either.
//
// Threads: constant after construction.
class KeyPolicy {
 public:
  // `upstream_identity` is whatever distinguishes upstreams: name, target, TLS. `seed` is one
  // per process. In keys the fingerprint is represented by its number of `fingerprints`, which all
  // policies whose keys may stand in one table have to share.
  KeyPolicy(const KeyRules& rules, absl::string_view upstream_identity, KeySeed seed,
            Fingerprints& fingerprints);

  // The key of a call whose request is `message`, framed as on the wire. `trust` says how far its
  // connection is trusted; it is a number of the same Fingerprints. `authority` is what is sent
  // upstream. Callers that compress their messages in different ways meet if the messages have been
  // inflated before. A message that still has the flag "compressed" counts with its bytes as they
  // are, and with what the caller says about encodings; it equals no message without the flag. So
  // does, with its bytes, a message that is not Protobuf where fields are to be left out of it or a
  // form is to be had of it. All
  // parts together have less than 4 GiB, because messages are bounded by 2 GiB
  // (`max_request_bytes`) and blocks of metadata by 64 KiB.
  Key MakeKey(uint32_t trust, const Request& request, absl::string_view authority,
              absl::string_view message) const {
    Key key;
    MakeKey(trust, request, authority, message, &key);
    return key;
  }

  // The same, reusing the storage of `key`.
  void MakeKey(uint32_t trust, const Request& request, absl::string_view authority,
               absl::string_view message, Key* key) const;

  // Whether metadata of that name counts with its whole value, whatever the message is.
  bool Counts(absl::string_view name) const { return CountingOf(name) == Counting::kWhole; }

  // Whether calls of one key may have messages that differ in more than how they are encoded.
  bool messages_may_differ() const { return !ignored_fields_.empty() || form_ != nullptr; }

  // Whether the same calls have the same keys under both.
  bool IsSameAs(const KeyPolicy& other) const { return number_ == other.number_; }

  bool shares_across_credentials() const { return share_across_credentials_; }

 private:
  enum class Counting : uint8_t {
    kNot,
    kWhole,
    kByMember,  // of `tracestate`, what is no known tracer's
  };

  // What of a message stands in the key.
  struct Counted {
    absl::string_view bytes;    // as they came, framed; else without the frame
    absl::optional<char> form;  // in the place of the frame; nothing: as they came
    absl::optional<size_t>
        without;  // with so many bytes, since fields are left out; nothing: whole

    size_t size() const { return without.value_or(bytes.size()) + (form.has_value() ? 1 : 0); }
  };
  Counted CountedOf(bool proto, absl::string_view message, std::string* canonical) const;
  char* Write(const Counted& message, char* out) const;
  Counting CountingOf(absl::string_view name) const;
  Counting CountingByRule(absl::string_view name) const;

  const KeyRules::Mode mode_;
  const absl::flat_hash_set<std::string> names_;
  const absl::flat_hash_set<std::string> counted_;
  const FieldPaths ignored_fields_;
  const std::shared_ptr<const CanonicalForm> form_;  // null: none
  const bool share_across_credentials_;
  const KeySeed seed_;
  const uint32_t number_;                        // of the fingerprint; every key begins with it
  std::array<Counting, kKnownNameCount> known_;  // what the rules say of kKnownNames
};

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_KEY_H_
