// Takes messages out of gzip and deflate for callers that cannot read them, and remembers the
// latest.

#include "server/core/decoder.h"

#include <utility>

#include "server/base/block_bytes.h"
#include "server/base/check.h"
#include "server/memory/held_bytes.h"
#include "server/model/encoding.h"
#include "server/wire/message.h"

namespace singleflight::core {
namespace {

constexpr size_t kMostKeptForKeys = 64 << 10;
constexpr size_t kMostKept = 1 << 20;

bool SameOwner(const std::weak_ptr<const void>& a, const std::shared_ptr<const void>& b) {
  return !a.owner_before(b) && !b.owner_before(a);
}

void Refuse(InflationRefusal why, InflationMetrics& metrics) { metrics.refusals.Add(why); }

// Whether `out` is now `frame` without its compression. Counts what became of it.
bool Undo(absl::string_view frame, absl::string_view encoding, size_t max, std::string* out,
          InflationMetrics& metrics) {
  const absl::optional<wire::Encoding> known = wire::ParseEncoding(encoding);
  if (!known.has_value()) {
    Refuse(InflationRefusal::kEncoding, metrics);
    return false;
  }
  switch (wire::InflateFrame(*known, frame, max, out)) {
    case wire::Inflated::kWhole:
      metrics.inflated.Add();
      return true;
    case wire::Inflated::kCorrupt:
      Refuse(InflationRefusal::kCorrupt, metrics);
      return false;
    case wire::Inflated::kTooLarge:
      Refuse(InflationRefusal::kPastBound, metrics);
      return false;
  }
  SF_CHECK(!"unreachable");
}

bool IsOneMessage(absl::string_view body) {
  wire::MessageScanner scanner;
  scanner.Feed(body);
  return scanner.ExactlyOne();
}

// No message, or one that is not compressed.
bool IsAsSent(absl::string_view body) {
  return body.empty() || (IsOneMessage(body) && !model::IsCompressed(body));
}

}  // namespace

struct Decoder::Plain {
  Plain(memory::UpstreamBudget& upstream, const model::Reply& source)
      : upstream(upstream), source(source), held(upstream) {}

  // Its reply, which keeps `self` alive.
  static model::Reply ReplyOf(const std::shared_ptr<const Plain>& self) {
    model::Reply reply = self->source;
    reply.initial = self->initial;
    if (self->body != nullptr) reply.body = *self->body;
    reply.encoded = false;
    reply.owner = self;
    return reply;
  }

  const memory::UpstreamBudget& upstream;
  const model::Reply source;
  model::Headers initial;
  Frame body;  // null: the source's serves
  memory::HeldBytes held;
};

absl::string_view Decoder::ForKey(const model::Request& request, absl::string_view message,
                                  size_t max_request_bytes, InflationMetrics& metrics) {
  const bool undone =
      Undo(message, model::EncodingOf(request.fields()), max_request_bytes, &for_key_, metrics);
  return undone ? absl::string_view(for_key_) : message;
}

void Decoder::Release() {
  if (for_key_.capacity() > kMostKeptForKeys) base::LetGo(for_key_);
}

absl::optional<base::Slice> Decoder::Message(const model::Request& sender,
                                             const base::Slice& message, size_t max_request_bytes,
                                             InflationMetrics& metrics) {
  Frame frame =
      messages_.Inflate(message, model::EncodingOf(sender.fields()), max_request_bytes, metrics);
  if (frame == nullptr) return absl::nullopt;
  const absl::string_view view = *frame;
  return base::Slice(std::move(frame), view);
}

absl::optional<model::Reply> Decoder::Reply(memory::UpstreamBudget& upstream,
                                            const model::Reply& reply, size_t max_reply_bytes,
                                            InflationMetrics& metrics) {
  const std::shared_ptr<const Plain> latest = plain_.lock();
  if (latest != nullptr && &latest->upstream == &upstream &&
      SameOwner(latest->source.owner, reply.owner)) {
    return Plain::ReplyOf(latest);
  }
  const auto plain = std::make_shared<Plain>(upstream, reply);
  plain->initial = model::Without(reply.initial, wire::kGrpcEncoding);
  if (!IsAsSent(reply.body) && !InflateBody(*plain, max_reply_bytes, metrics)) return absl::nullopt;
  plain_ = plain;
  return Plain::ReplyOf(plain);
}

bool Decoder::InflateBody(Plain& plain, size_t max_reply_bytes, InflationMetrics& metrics) {
  const model::Reply& source = plain.source;
  if (!IsOneMessage(source.body)) {
    Refuse(InflationRefusal::kCorrupt, metrics);
    return false;
  }
  plain.body = bodies_.Inflate(source.body_slice(), model::EncodingOf(source.initial),
                               max_reply_bytes, metrics);
  if (plain.body == nullptr) return false;
  const size_t size = plain.body->size();
  if (plain.held.Add(static_cast<int64_t>(size))) return true;
  Refuse(InflationRefusal::kNoRoom, metrics);
  return false;
}

Decoder::Frame Decoder::Latest::Inflate(const base::Slice& frame, absl::string_view encoding,
                                        size_t max, InflationMetrics& metrics) {
  if (Is(frame, max)) {
    Frame known = kept_ != nullptr ? kept_ : lent_.lock();
    if (known != nullptr || refused_) return known;
  }
  auto out = std::make_shared<std::string>();
  Frame result;
  if (Undo(frame.view(), encoding, max, out.get(), metrics)) {
    out->shrink_to_fit();
    result = std::move(out);
  }
  Remember(frame, max, result);
  return result;
}

bool Decoder::Latest::Is(const base::Slice& frame, size_t max) const {
  return begin_ == frame.view().data() && max_ == max && SameOwner(source_, frame.owner());
}

void Decoder::Latest::Remember(const base::Slice& frame, size_t max, const Frame& result) {
  source_ = frame.owner();
  begin_ = frame.view().data();
  max_ = max;
  refused_ = result == nullptr;
  lent_ = result;
  kept_ = !refused_ && result->capacity() <= kMostKept ? result : nullptr;
}

}  // namespace singleflight::core
