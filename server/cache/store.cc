// Which shard a key belongs to, and what concerns all of them: numbers, purges, figures.

#include "server/cache/store.h"

#include <algorithm>
#include <bit>
#include <string>

#include "server/cache/shard.h"

namespace singleflight::cache {
namespace {

constexpr size_t kMostShards = 64;
// Each shard has room for this many of the largest entries; if the store is too small for that,
// there is one shard.
constexpr uint64_t kLargestPerShard = 8;

size_t ShardsFor(const StoreOptions& options) {
  const uint64_t room = options.max_bytes / (kLargestPerShard * options.max_entry_bytes);
  return std::bit_floor(std::clamp<uint64_t>(room, 1, kMostShards));
}

}  // namespace

Store::Store(const StoreOptions& options) : options_(options) {
  const size_t shards = ShardsFor(options);
  while (shards_.size() < shards) {
    shards_.push_back(std::make_unique<Shard>(options.max_bytes / shards));
  }
}

Store::~Store() = default;

// The flight table chooses by other bits of the same hash, and the shard's own table by the lowest.
Shard& Store::ShardOf(uint64_t hash) const { return *shards_[(hash >> 40) & (shards_.size() - 1)]; }

Found Store::Find(const model::Key& key, const Origin& origin, base::Instant now) {
  return ShardOf(key.hash).Find(key, origin, now);
}

Found Store::FindFor(const RequestControl& control, const model::Key& key, const Origin& origin,
                     base::Instant now) {
  return ShardOf(key.hash).FindFor(control, key, origin, now);
}

bool Store::BeginRefresh(const model::Key& key, base::Instant now, base::Instant until) {
  return ShardOf(key.hash).BeginRefresh(key, now, until);
}

void Store::GiveUpRefresh(const model::Key& key, base::Instant until, base::Instant pause) {
  ShardOf(key.hash).GiveUpRefresh(key, until, pause);
}

Found Store::FindAfterFailure(const model::Key& key, base::Instant now) {
  return ShardOf(key.hash).FindAfterFailure(key, now);
}

void Store::Drop(const model::Key& key, Fill fill) { ShardOf(key.hash).Drop(key, fill.number); }

uint64_t Store::PurgedAt(const model::Key& key, const Origin& origin) const {
  if (!ever_purged_.load(std::memory_order_acquire)) return 0;
  return ShardOf(key.hash).PurgedAt(key, origin);
}

absl::optional<Refusal> Store::Put(const model::Key& key, const model::Reply& reply,
                                   const Lifespan& lifespan, const Labels& labels, Fill fill,
                                   const Extension& extension) {
  const bool extended = extension != Extension();
  if (Entry::FootprintOf(key, reply, labels.groups.size(), extended) > options_.max_entry_bytes) {
    return Refusal::kTooLarge;
  }
  return ShardOf(key.hash).Put(Entry::Make(key, reply, lifespan, labels, fill.number, extension),
                               key, labels);
}

size_t Store::Purge(absl::Span<const Scope> scopes, uint64_t* taken) {
  ever_purged_.store(true, std::memory_order_release);
  const uint64_t number = NextNumber();
  if (taken != nullptr) *taken = number;
  if (scopes.size() == 1 && scopes.front().kind == Scope::Kind::kKey) {
    return ShardOf(scopes.front().id).Purge(scopes, number);
  }
  size_t dropped = 0;
  for (const auto& shard : shards_) dropped += shard->Purge(scopes, number);
  return dropped;
}

Census Store::TakeCensus() const {
  Census census;
  for (const auto& shard : shards_) shard->AddTo(census);
  return census;
}

bool Store::IsSound() const {
  return std::all_of(shards_.begin(), shards_.end(),
                     [](const auto& shard) { return shard->IsSound(); });
}

void Store::Show(metrics::Visitor& visitor) const {
  const Census census = TakeCensus();
  visitor.Level("singleflight_cache_bytes", "Bytes of replies kept, with all that keeping takes.",
                {}, static_cast<int64_t>(census.bytes));
  visitor.Level("singleflight_cache_max_bytes", "cache.max_bytes.", {},
                static_cast<int64_t>(options_.max_bytes));
  visitor.Level("singleflight_cache_entries", "Replies kept; some may be past their time.", {},
                static_cast<int64_t>(census.entries));
  for (size_t i = 0; i < kGone; ++i) {
    visitor.Count("singleflight_cache_evictions_total", "Replies that left the cache, by reason.",
                  {{"reason", std::string(NameOf(static_cast<Gone>(i)))}}, census.gone[i]);
  }
}

}  // namespace singleflight::cache
