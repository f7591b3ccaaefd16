// What the process itself takes, what is left for bounds, and what is said where they do not fit.

#include "server/config/memory_shares.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config/scalars.h"

namespace singleflight::config {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// What idle connections take (docs/limits.md, "Memory").
constexpr uint64_t kOfAConnection = 17 << 10;
constexpr uint64_t kOfATlsConnection = 46 << 10;

uint64_t Share(uint64_t of, uint64_t eighths, uint64_t most) {
  return std::clamp(of / 8 * eighths / kMiB * kMiB, kMiB, most);
}

// What all bounds together may take. For buffered bytes that is a quarter more than is counted,
// which malloc adds.
struct Together {
  std::vector<std::string> bounds;
  uint64_t bytes;

  void Add(absl::string_view bound, uint64_t takes) {
    bounds.push_back(absl::StrCat(bound, " ", SizeText(takes / kMiB * kMiB)));
    bytes += takes;
  }
};

Together AllOf(const Draft& draft) {
  const Config& config = draft.config;
  const bool tls = std::any_of(config.listeners.begin(), config.listeners.end(),
                               [](const auto& listener) { return listener.tls.has_value(); });
  Together all{{}, OfTheProcess(config)};
  all.Add("limits.max_buffered_bytes with a quarter on top",
          config.limits.max_buffered_bytes / 4 * 5);
  all.Add("cache.max_bytes", config.cache.max_bytes);
  if (draft.max_connections.has_value()) {
    all.Add(absl::StrCat("limits.max_connections at ",
                         tls ? kOfATlsConnection >> 10 : kOfAConnection >> 10, "KiB each"),
            config.limits.max_connections * (tls ? kOfATlsConnection : kOfAConnection));
  }
  return all;
}

}  // namespace

uint64_t OfTheProcess(const Config& config) {
  const bool grpc = !config.admin.grpc.empty() || !config.tracing.otlp.empty();
  return kOfTheProcess + (grpc ? kOfGrpc : 0);
}

MemoryShares SharesOf(uint64_t allowed, uint64_t process) {
  const uint64_t left = allowed - std::min(allowed, process);
  return {Share(left, 3, 1024 * kMiB), Share(left, 2, 256 * kMiB), Share(left, 1, 256 * kMiB)};
}

void FitToMemory(uint64_t allowed, Draft& draft) {
  const MemoryShares shares = SharesOf(allowed, OfTheProcess(draft.config));
  Config& config = draft.config;
  const auto fit = [](uint64_t& bound, uint64_t share) {
    if (bound == kAuto) bound = share;
  };
  config.cache_follows_memory = config.cache.max_bytes == kAuto;
  fit(config.cache.max_bytes, shares.cache);
  fit(config.limits.max_buffered_bytes, shares.buffered);
  for (upstream::UpstreamOptions& upstream : config.upstreams) {
    fit(upstream.max_held_bytes, std::min(shares.held, config.limits.max_buffered_bytes));
  }
}

void CheckMemory(uint64_t allowed, const Draft& draft, Problems& problems) {
  for (size_t i = 0; i < draft.max_held_bytes.size(); ++i) {
    const uint64_t held = draft.config.upstreams[i].max_held_bytes;
    const uint64_t buffered = draft.config.limits.max_buffered_bytes;
    if (!draft.max_held_bytes[i].has_value() || held <= buffered) continue;
    problems.Warn(
        *draft.max_held_bytes[i],
        absl::StrCat("allows ", SizeText(held), ", more than limits.max_buffered_bytes (",
                     SizeText(buffered), "), which is met first; lower this or raise that"));
  }
  const Together all = AllOf(draft);
  for (const absl::optional<Place>& named :
       {draft.max_buffered_bytes, draft.cache_max_bytes, draft.max_connections}) {
    if (!named.has_value() || all.bytes <= allowed) continue;
    return problems.Warn(
        *named,
        absl::StrCat("this process may have ", SizeText(allowed / kMiB * kMiB),
                     " of memory, and its bounds allow more: ", absl::StrJoin(all.bounds, ", "),
                     ", the process itself ", SizeText(OfTheProcess(draft.config)),
                     "; lower one of them, or leave out those of "
                     "bytes to get shares of what there is"));
  }
}

}  // namespace singleflight::config
