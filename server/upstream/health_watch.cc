// Each stream of a watch, from its opening to what follows its end. Messages are read by hand: the
// wing to backends uses no Protobuf.

#include "server/upstream/health_watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/upstream/link.h"
#include "server/wire/message.h"
#include "server/wire/timeout.h"

namespace singleflight::upstream {
namespace {

constexpr size_t kLongestReply = 1024;  // two bytes are usual

// A varint at the beginning of `bytes`, which is taken away from them.
absl::optional<uint64_t> TakeVarint(absl::string_view* bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes->front());
    bytes->remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return absl::nullopt;
}

bool Skip(absl::string_view* bytes, absl::optional<uint64_t> size) {
  if (!size.has_value() || *size > bytes->size()) return false;
  bytes->remove_prefix(static_cast<size_t>(*size));
  return true;
}

// A field that is not known here.
bool SkipField(absl::string_view* bytes, uint64_t wire_type) {
  switch (wire_type) {
    case 0:
      return TakeVarint(bytes).has_value();
    case 1:
      return Skip(bytes, 8);
    case 2:
      return Skip(bytes, TakeVarint(bytes));
    case 5:
      return Skip(bytes, 4);
    default:
      return false;
  }
}

std::string WhyNot(uint64_t status) {
  switch (status) {
    case 2:
      return "it says NOT_SERVING";
    case 3:
      return "it says SERVICE_UNKNOWN";
    default:
      return absl::StrCat("it says that its status is ", status == 0 ? "UNKNOWN" : "none known");
  }
}

}  // namespace

std::string HealthRequest(absl::string_view service) {
  std::string message;
  if (!service.empty()) {
    message.push_back('\x0a');  // field 1, with its length
    for (size_t left = service.size();; left >>= 7) {
      const bool last = left < 0x80;
      message.push_back(static_cast<char>((left & 0x7f) | (last ? 0 : 0x80)));
      if (last) break;
    }
    message.append(service.data(), service.size());
  }
  std::string frame(wire::kMessagePrefixBytes, '\0');
  frame[3] = static_cast<char>(message.size() >> 8);
  frame[4] = static_cast<char>(message.size() & 0xff);
  return frame + message;
}

absl::optional<uint64_t> ServingStatus(absl::string_view message) {
  uint64_t status = 0;
  while (!message.empty()) {
    const absl::optional<uint64_t> tag = TakeVarint(&message);
    if (!tag.has_value()) return absl::nullopt;
    if (*tag != (1 << 3)) {
      if (!SkipField(&message, *tag & 7)) return absl::nullopt;
      continue;
    }
    const absl::optional<uint64_t> value = TakeVarint(&message);
    if (!value.has_value()) return absl::nullopt;
    status = *value;
  }
  return status;
}

HealthWatch::HealthWatch(base::Loop& loop, const HealthCheckOptions& options, Target target,
                         Link& link, OnFinding on_finding, absl::AnyInvocable<void()> on_unknown)
    : loop_(loop),
      options_(options),
      target_(std::move(target)),
      link_(link),
      on_finding_(std::move(on_finding)),
      on_unknown_(std::move(on_unknown)),
      timer_(loop.timers(), [this] { OnTimer(); }),
      pause_(loop.timers(), [this] {
        if (next_.has_value()) TellNow(*std::exchange(next_, absl::nullopt));
      }) {}

void HealthWatch::Stop() {
  timer_.Cancel();
  pause_.Cancel();
  Leave(false);
}

void HealthWatch::Ask() {
  if (!link_.CanOpen()) return timer_.Set(base::After(loop_.Now(), options_.interval));
  model::Headers fields;
  fields.Add(":method", "POST");
  fields.Add(":scheme", target_.scheme);
  fields.Add(":path", absl::StrCat("/grpc.health.v1.Health/", method()));
  fields.Add(":authority", target_.authority);
  fields.Add("te", "trailers");
  if (checks_) fields.Add("grpc-timeout", wire::FormatTimeout(options_.timeout));
  fields.Add("content-type", "application/grpc");
  fields.Add("user-agent", "singleflight-proxy");
  answered_ = false;
  told_.reset();
  reply_.clear();
  timer_.Set(base::After(loop_.Now(), options_.timeout));
  stream_ = &link_.Open(fields, shared_from_this());
  stream_->Send(base::Slice(HealthRequest(options_.service)));
  stream_->Finish({});
}

void HealthWatch::OnTimer() {
  const auto keep = shared_from_this();
  if (stream_ == nullptr) return Ask();
  Fail(absl::StrCat(method(), " had no answer within ", absl::FormatDuration(options_.timeout)));
}

void HealthWatch::OnHeaders(model::Headers fields, bool end) {
  if (end) TakeStatus(fields);
}

void HealthWatch::OnData(absl::string_view bytes) {
  reply_.append(bytes.data(), bytes.size());
  stream_->Consume(bytes.size());
  TakeReplies();
}

// Of several messages the last counts.
void HealthWatch::TakeReplies() {
  absl::string_view left = reply_;
  absl::optional<uint64_t> latest;
  while (left.size() >= wire::kMessagePrefixBytes) {
    const auto byte = [left](size_t at) { return static_cast<uint8_t>(left[at]); };
    const size_t size =
        size_t{byte(1)} << 24 | size_t{byte(2)} << 16 | size_t{byte(3)} << 8 | size_t{byte(4)};
    if (byte(0) != 0 || size > kLongestReply) {
      return Fail(absl::StrCat(method(), " was answered with what is no message"));
    }
    if (left.size() < wire::kMessagePrefixBytes + size) break;
    latest = ServingStatus(left.substr(wire::kMessagePrefixBytes, size));
    if (!latest.has_value()) {
      return Fail(absl::StrCat(method(), " was answered with a broken message"));
    }
    left.remove_prefix(wire::kMessagePrefixBytes + size);
  }
  reply_.erase(0, reply_.size() - left.size());
  if (!latest.has_value()) return;
  answered_ = true;
  if (!checks_) timer_.Cancel();
  Tell({*latest == 1, *latest == 1 ? "" : WhyNot(*latest)});
}

void HealthWatch::Tell(Finding finding) {
  if (!pause_.pending()) return TellNow(std::move(finding));
  next_ = std::move(finding);
}

void HealthWatch::TellNow(Finding finding) {
  if (told_ == finding) return;
  told_ = finding;
  pause_.Set(base::After(loop_.Now(), kBetweenFindings));
  on_finding_(finding.serves, finding.why);
}

void HealthWatch::OnEnd(model::Headers trailing) { TakeStatus(trailing); }

void HealthWatch::TakeStatus(const model::Headers& block) {
  const auto code = wire::ParseStatus(block.Find("grpc-status").value_or(""));
  Leave(true);
  if (code == wire::StatusCode::kUnimplemented) {
    if (checks_) {
      timer_.Cancel();
      Tell({true, ""});
      return on_unknown_();
    }
    checks_ = true;
    return timer_.Set(loop_.Now());
  }
  timer_.Set(base::After(loop_.Now(), options_.interval));
  if (answered_ && (!checks_ || code == wire::StatusCode::kOk)) return;
  Tell({false, absl::StrCat(method(), " ended with ",
                            code.has_value() ? wire::NameOf(*code) : "no status")});
}

// With its connection its owner goes on, on another one.
void HealthWatch::OnClosed(const http2::Closed& closed) {
  stream_ = nullptr;
  if (closed.why == http2::Closed::Why::kConnectionLost || !link_.alive()) return timer_.Cancel();
  if (answered_ && !checks_) return timer_.Set(base::After(loop_.Now(), options_.interval));
  Fail(absl::StrCat(method(), " was reset"));
}

void HealthWatch::Fail(const std::string& why) {
  Leave(false);
  timer_.Set(base::After(loop_.Now(), options_.interval));
  Tell({false, why});
}

void HealthWatch::Leave(bool whole) {
  http2::Stream* const stream = std::exchange(stream_, nullptr);
  if (stream == nullptr) return;
  if (whole && stream->ended()) {
    stream->SetHandler(nullptr);
  } else {
    stream->Reset(http2::ErrorCode::kCancel);
  }
}

}  // namespace singleflight::upstream
