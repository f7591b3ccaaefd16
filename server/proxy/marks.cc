#include "server/proxy/marks.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "server/base/check.h"

namespace singleflight::proxy {
namespace {

int64_t WholeSeconds(base::Instant::duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

// What is over is never said to be fresh: less than a second past its time it has -1.
int64_t SecondsLeft(base::Instant::duration duration) {
  return std::chrono::floor<std::chrono::seconds>(duration).count();
}

// After the name of this proxy.
absl::string_view HowItCame(core::Answer::Source source, bool by_request) {
  switch (source) {
    case core::Answer::Source::kHit:
    case core::Answer::Source::kStale:
      return "; hit; ttl=";
    case core::Answer::Source::kStored:
      return by_request ? "; fwd=request; stored" : "; fwd=uri-miss; stored";
    case core::Answer::Source::kForwarded:
      return by_request ? "; fwd=request" : "; fwd=uri-miss";
    case core::Answer::Source::kCollapsed:
      return by_request ? "; fwd=request; collapsed" : "; fwd=uri-miss; collapsed";
    case core::Answer::Source::kOwn:
      return "";
  }
  SF_CHECK(!"unreachable");
}

}  // namespace

Marks::Marks(const MarkOptions& options, const core::Answer& answer, base::Instant now,
             bool by_request) {
  if (answer.source == core::Answer::Source::kOwn) return;
  AddAge(options, WholeSeconds(now - answer.lifespan.born));
  BeginStatus(options);
  Append(HowItCame(answer.source, by_request));
  if (answer.was_kept()) AppendNumber(SecondsLeft(answer.lifespan.expires - now));
  EndStatus(options);
}

Marks::Marks(const MarkOptions& options, core::Bypass why, absl::Duration age) {
  AddAge(options, absl::ToInt64Seconds(age));
  BeginStatus(options);
  Append("; fwd=bypass; detail=");
  Append(NameOf(why));
  EndStatus(options);
}

Marks::Marks(const MarkOptions& options, core::Release why, Role role, absl::Duration age) {
  AddAge(options, absl::ToInt64Seconds(age));
  BeginStatus(options);
  Append(role == Role::kLeader ? "; fwd=uri-miss; detail=" : "; fwd=bypass; detail=");
  Append(NameOf(why));
  EndStatus(options);
}

void Marks::AddAge(const MarkOptions& options, int64_t seconds) {
  if (!options.age) return;
  const size_t begins = used_;
  AppendNumber(std::max<int64_t>(seconds, 0));
  fields_[count_++] = {"age", {text_.data() + begins, used_ - begins}};
}

void Marks::BeginStatus(const MarkOptions& options) {
  status_begins_ = used_;
  Append(options.name);
}

void Marks::EndStatus(const MarkOptions& options) {
  if (!options.cache_status) return;
  fields_[count_++] = {"cache-status", {text_.data() + status_begins_, used_ - status_begins_}};
}

void Marks::Append(absl::string_view text) {
  SF_CHECK(used_ + text.size() <= text_.size());
  std::memcpy(text_.data() + used_, text.data(), text.size());
  used_ += text.size();
}

void Marks::AppendNumber(int64_t number) {
  char* const end = text_.data() + text_.size();
  const auto [ptr, error] = std::to_chars(text_.data() + used_, end, number);
  SF_CHECK(error == std::errc());
  used_ = static_cast<size_t>(ptr - text_.data());
}

}  // namespace singleflight::proxy
