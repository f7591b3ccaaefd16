// An entry and all its bytes in one block of memory:
//
//   reference counts | Entry | group links | key | initial | trailing metadata | body | span |
//   extension
//
// So a reply takes one allocation, a hit touches few cache lines, and the bytes that the budget
// counts are the bytes that are taken.

#include "server/cache/entry.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "server/base/check.h"

namespace singleflight::cache {
namespace {

// Reference counts, and the table's slot at its usual load.
constexpr size_t kBesides = 24 + 24;

// Allocates `room` bytes behind an object. std::allocate_shared puts the entry last into the block
// with the reference counts, so room behind that block is room behind the entry.
template <typename T>
struct WithRoom {
  using value_type = T;

  explicit WithRoom(size_t room) : room(room) {}
  template <typename U>
  WithRoom(const WithRoom<U>& other) : room(other.room) {}  // NOLINT: to rebind is to convert

  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T) + room)); }
  void deallocate(T* block, size_t) { ::operator delete(block); }
  friend bool operator==(const WithRoom&, const WithRoom&) { return true; }

  size_t room;
};

char* Append(char* out, absl::string_view part) {
  if (!part.empty()) std::memcpy(out, part.data(), part.size());
  return out + part.size();
}

constexpr size_t kMostLinks = (1 << 13) - 1;

size_t SpanBytes(bool traced) { return traced ? sizeof(model::SpanRef) : 0; }
size_t ExtensionBytes(bool extended) { return extended ? sizeof(Extension) : 0; }

// What an entry counts besides the room behind it.
size_t BytesBeside(size_t groups) {
  return sizeof(Entry) + kBesides + groups * GroupIndex::kSlotBytes;
}

size_t RoomFor(const model::Key& key, const model::Reply& reply, size_t groups, bool extended) {
  return groups * sizeof(GroupLink) + key.bytes.size() + reply.initial.packed().size() +
         reply.trailing.packed().size() + reply.body.size() +
         SpanBytes(static_cast<bool>(reply.made_by)) + ExtensionBytes(extended);
}

bool IsExtended(const Extension& extension) { return extension != Extension(); }

uint32_t HalfOf(uint64_t id) { return static_cast<uint32_t>(id); }

}  // namespace

size_t Entry::FootprintOf(const model::Key& key, const model::Reply& reply, size_t groups,
                          bool extended) {
  return BytesBeside(groups) + RoomFor(key, reply, groups, extended);
}

std::shared_ptr<Entry> Entry::Make(const model::Key& key, const model::Reply& reply,
                                   const Lifespan& lifespan, const Labels& labels, uint64_t number,
                                   const Extension& extension) {
  const WithRoom<Entry> allocator(RoomFor(key, reply, labels.groups.size(), IsExtended(extension)));
  return std::allocate_shared<Entry>(allocator, Private(), key, reply, lifespan, labels, number,
                                     extension);
}

Entry::Entry(Private, const model::Key& key, const model::Reply& reply, const Lifespan& lifespan,
             const Labels& labels, uint64_t number, const Extension& extension)
    : groups_(static_cast<uint16_t>(labels.groups.size() & kMostLinks)),
      encoded_(reply.encoded ? 1 : 0),
      traced_(reply.made_by ? 1 : 0),
      extended_(IsExtended(extension) ? 1 : 0),
      key_bytes_(static_cast<uint32_t>(key.bytes.size())),
      initial_bytes_(static_cast<uint32_t>(reply.initial.packed().size())),
      trailing_bytes_(static_cast<uint32_t>(reply.trailing.packed().size())),
      method_(HalfOf(labels.method.id)),
      lifespan_(lifespan),
      number_(number) {
  SF_CHECK(labels.groups.size() <= kMostLinks);
  const size_t footprint = FootprintOf(key, reply, groups_, extended());
  SF_CHECK(footprint <= std::numeric_limits<uint32_t>::max());
  hash = key.hash;
  bytes = static_cast<uint32_t>(footprint);
  char* out = reinterpret_cast<char*>(this + 1);
  for (const Scope& group : labels.groups) {
    new (out) GroupLink{group.id, this};
    out += sizeof(GroupLink);
  }
  out = Append(out, key.bytes);
  out = Append(out, reply.initial.packed());
  out = Append(out, reply.trailing.packed());
  out = Append(out, reply.body);
  if (traced_) std::memcpy(out, &reply.made_by, sizeof(reply.made_by));
  if (extended_) std::memcpy(out + SpanBytes(traced_), &extension, sizeof(extension));
}

size_t Entry::BodyEnd() const {
  return bytes - BytesBeside(groups_) - SpanBytes(traced_) - ExtensionBytes(extended_);
}

Extension Entry::extension() const {
  Extension extension;
  if (!extended_) return extension;
  const absl::string_view part = Part(BodyEnd() + SpanBytes(traced_), sizeof(extension));
  std::memcpy(&extension, part.data(), part.size());
  return extension;
}

model::Reply Entry::ReplyOf(const std::shared_ptr<const Entry>& self) {
  const size_t initial = self->KeyBegin() + self->key_bytes_;
  const size_t trailing = initial + self->initial_bytes_;
  const size_t body = trailing + self->trailing_bytes_;
  model::Reply reply;
  reply.initial = model::HeadersView(self->Part(initial, self->initial_bytes_));
  reply.trailing = model::HeadersView(self->Part(trailing, self->trailing_bytes_));
  const size_t end = self->BodyEnd();
  reply.body = self->Part(body, end - body);
  reply.trailers_only = reply.trailing.empty() && reply.body.empty();
  reply.encoded = self->encoded_ == 1;
  reply.owner = self;
  if (self->traced_) {
    const absl::string_view span = self->Part(end, sizeof(reply.made_by));
    std::memcpy(&reply.made_by, span.data(), span.size());
  }
  return reply;
}

void Entry::set_extension(const Extension& extension) {
  SF_CHECK(extended());
  char* const behind = reinterpret_cast<char*>(this + 1);
  std::memcpy(behind + BodyEnd() + SpanBytes(traced_), &extension, sizeof(extension));
}

bool Entry::MatchesAny(absl::Span<const Scope> scopes) const {
  return std::any_of(scopes.begin(), scopes.end(),
                     [this](const Scope& scope) { return Matches(scope); });
}

bool Entry::Matches(const Scope& scope) const {
  switch (scope.kind) {
    case Scope::Kind::kAll:
      return true;
    case Scope::Kind::kKey:
      return hash == scope.id;
    case Scope::Kind::kMethod:
      return method_ == HalfOf(scope.id);
    case Scope::Kind::kGroup:
      break;
  }
  return std::any_of(groups().begin(), groups().end(),
                     [&scope](const GroupLink& link) { return link.group == scope.id; });
}

}  // namespace singleflight::cache
