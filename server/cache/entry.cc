#include "server/cache/entry.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace singleflight::cache {
namespace {

// Reference counts, the table's slot at its usual load, and what malloc adds to two blocks.
constexpr size_t kBesides = 16 + 24 + 2 * 8;

size_t Append(char* bytes, size_t at, absl::string_view part) {
  if (!part.empty()) std::memcpy(bytes + at, part.data(), part.size());
  return at + part.size();
}

size_t BytesOf(const model::Key& key, const model::Reply& reply, size_t tags) {
  return key.bytes.size() + reply.initial.packed().size() + reply.body.size() +
         reply.trailing.packed().size() + tags * sizeof(TagLink);
}

}  // namespace

size_t Entry::FootprintOf(const model::Key& key, const model::Reply& reply, size_t tags) {
  return sizeof(Entry) + kBesides + tags * TagIndex::kSlotBytes + BytesOf(key, reply, tags);
}

Entry::Entry(const model::Key& key, const model::Reply& reply, const Lifespan& lifespan,
             const Labels& labels, uint64_t number)
    : bytes_(new char[BytesOf(key, reply, labels.tags.size())]),
      key_bytes_(static_cast<uint32_t>(key.bytes.size())),
      initial_bytes_(static_cast<uint32_t>(reply.initial.packed().size())),
      body_bytes_(static_cast<uint32_t>(reply.body.size())),
      trailing_bytes_(static_cast<uint32_t>(reply.trailing.packed().size())),
      tags_(static_cast<uint32_t>(labels.tags.size())),
      lifespan_(lifespan),
      number_(number),
      method_(labels.method.id) {
  hash = key.hash;
  bytes = static_cast<uint32_t>(FootprintOf(key, reply, tags_));
  char* link = bytes_.get();
  for (const Scope& tag : labels.tags) {
    new (link) TagLink{tag.id, this};
    link += sizeof(TagLink);
  }
  size_t end = Append(bytes_.get(), KeyBegin(), key.bytes);
  end = Append(bytes_.get(), end, reply.initial.packed());
  end = Append(bytes_.get(), end, reply.body);
  Append(bytes_.get(), end, reply.trailing.packed());
}

model::Reply Entry::ReplyOf(const std::shared_ptr<const Entry>& self) {
  const size_t initial = self->KeyBegin() + self->key_bytes_;
  const size_t body = initial + self->initial_bytes_;
  const size_t trailing = body + self->body_bytes_;
  model::Reply reply;
  reply.initial = model::HeadersView(self->Part(initial, self->initial_bytes_));
  reply.body = self->Part(body, self->body_bytes_);
  reply.trailing = model::HeadersView(self->Part(trailing, self->trailing_bytes_));
  reply.trailers_only = self->trailing_bytes_ == 0 && self->body_bytes_ == 0;
  reply.owner = self;
  return reply;
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
      return method_ == scope.id;
    case Scope::Kind::kTag:
      break;
  }
  return std::any_of(tags().begin(), tags().end(),
                     [&scope](const TagLink& link) { return link.tag == scope.id; });
}

}  // namespace singleflight::cache
