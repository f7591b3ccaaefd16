// Ids, and spans from their beginning to the outbox.

#include "server/trace/tracer.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace singleflight::trace {
namespace {

constexpr size_t kLongestText = 256;
constexpr size_t kLongestState = 512;  // as much as everybody has to pass on (§3.3.1.5)

std::mt19937_64 RandomOf(uint64_t seed, size_t index) {
  std::seed_seq mixed{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                      static_cast<uint32_t>(index)};
  return std::mt19937_64(mixed);
}

template <size_t n>
void Draw(std::mt19937_64& random, std::array<uint8_t, n>& id) {
  do {
    for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
      const uint64_t number = random();
      std::memcpy(id.data() + i, &number, sizeof(number));
    }
  } while (id == std::array<uint8_t, n>{});
}

// Several fields are one list. A longer one is left out, not cut.
std::string StateOf(model::HeadersView fields) {
  std::string state;
  for (const model::Field field : fields) {
    if (field.name != model::kTracestate) continue;
    absl::StrAppend(&state, state.empty() ? "" : ",", field.value);
  }
  return state.size() > kLongestState ? std::string() : state;
}

}  // namespace

Recorder::Recorder(uint64_t seed, size_t index, std::function<absl::Time()> wall_clock)
    : random_(RandomOf(seed, index)), wall_clock_(std::move(wall_clock)) {}

model::SpanRef Recorder::NextIn(const model::SpanRef& trace) {
  model::SpanRef next = trace;
  Draw(random_, next.span);
  return next;
}

model::SpanRef Recorder::Begin() {
  model::SpanRef first;
  Draw(random_, first.trace);
  return NextIn(first);
}

absl::Time Recorder::WallAt(base::Instant now) {
  if (std::exchange(read_at_, now) != now) wall_ = wall_clock_();
  return wall_;
}

void End(std::unique_ptr<OpenSpan> open, base::Instant now) {
  open->span->took = absl::FromChrono(now - open->began);
  open->recorder.outbox().Put(std::move(open->span));
}

std::unique_ptr<OpenSpan> Tracer::BeginCall(const model::Request& request, base::Instant now) {
  const absl::optional<model::TraceParent> parent = model::TraceParentOf(request.fields());
  if (parent.has_value() ? !parent->sampled : sampling_.share == 0) return nullptr;
  Span span;
  span.authority = std::string(request.authority().substr(0, kLongestText));
  if (parent.has_value()) {
    span.self = recorder_.NextIn(parent->span);
    span.parent = parent->span.span;
    span.state = StateOf(request.fields());
  } else {
    span.self = recorder_.Begin();
    if (!sampling_.Takes(span.self)) return nullptr;
  }
  return Open(std::move(span), request, now);
}

std::unique_ptr<OpenSpan> Tracer::BeginUpstreamCall(const model::SpanRef& caller,
                                                    const UpstreamCall& call, base::Instant now) {
  Span span;
  span.kind = Span::Kind::kClient;
  span.self = recorder_.NextIn(caller);
  span.parent = caller.span;
  span.state = StateOf(call.request.fields());
  span.upstream = std::string(call.upstream);
  span.authority = std::string(call.authority);
  return Open(std::move(span), call.request, now);
}

std::unique_ptr<OpenSpan> Tracer::Open(Span span, const model::Request& request,
                                       base::Instant now) {
  span.path = std::string(request.path().substr(0, kLongestText));
  span.began = recorder_.WallAt(now);
  return std::make_unique<OpenSpan>(
      OpenSpan{recorder_, now, std::make_unique<Span>(std::move(span))});
}

}  // namespace singleflight::trace
