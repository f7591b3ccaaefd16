#include "server/config/retry_options.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/config/bounds.h"
#include "server/config/scalars.h"
#include "server/config/suggest.h"

namespace singleflight::config {
namespace {

constexpr uint32_t kMostAttempts = 5;  // as in gRPC (A6)

std::vector<std::string> CodeNames() {
  std::vector<std::string> names;
  for (size_t i = 1; i < wire::kStatusCodes; ++i) {
    names.emplace_back(NameOf(static_cast<wire::StatusCode>(i)));
  }
  return names;
}

absl::optional<wire::StatusCode> CodeNamed(absl::string_view name) {
  for (size_t i = 1; i < wire::kStatusCodes; ++i) {
    const auto code = static_cast<wire::StatusCode>(i);
    if (NameOf(code) == name) return code;
  }
  return absl::nullopt;
}

void ReadCodes(Mapping& in, core::StatusSet& out) {
  core::StatusSet codes;
  const size_t mistakes = in.mistakes();
  const bool present = in.Texts("codes", [&](const std::string& text, const Place& place) {
    if (const absl::optional<wire::StatusCode> code = CodeNamed(text)) return codes.Add(*code);
    in.Refuse(place, absl::StrCat(Quoted(text), " is no status code that can be retried",
                                  DidYouMean(text, CodeNames()),
                                  "; write codes as gRPC does, such as [UNAVAILABLE]"));
  });
  if (!present || in.mistakes() > mistakes) return;
  if (codes == core::StatusSet()) {
    in.Refuse(in.PlaceOf("codes"), "names no status code; write some, such as [UNAVAILABLE]");
  }
  out = codes;
}

void ReadRules(Mapping& in, core::RetryOptions& out) {
  ReadCodes(in, out.codes);
  in.Number("attempts", &out.attempts, 2, kMostAttempts);
  const size_t mistakes = in.mistakes();
  in.Duration("backoff", &out.backoff, kShortest, kLongest);
  in.Duration("max_backoff", &out.max_backoff, kShortest, kLongest);
  if (in.mistakes() == mistakes && out.max_backoff < out.backoff) {
    in.Refuse(in.PlaceOf(in.Has("max_backoff") ? "max_backoff" : "backoff"),
              "leaves max_backoff below backoff; raise the one or lower the other");
  }
  in.Percent("budget", &out.budget);
}

constexpr absl::string_view kP95 = "p95";

absl::optional<absl::Duration> HedgeAfter(absl::string_view text) {
  const absl::optional<absl::Duration> value = ParseDuration(text);
  if (!value.has_value() || *value < kShortest || *value > kLongest) return absl::nullopt;
  return value;
}

std::string HedgeAfterMistake(absl::string_view text) {
  if (text == kP95 || HedgeAfter(text).has_value()) return "";
  return "is neither p95 nor a duration from 1ms to 24h; try \"p95\" or \"30ms\"";
}

void ReadHedgeRules(Mapping& in, core::HedgeOptions& out) {
  std::string after(kP95);
  in.Text("after", &after, HedgeAfterMistake);
  out.after = HedgeAfter(after);
  in.Percent("budget", &out.budget);
}

}  // namespace

void ReadHedge(Mapping& in, absl::optional<core::HedgeOptions>& out) {
  core::HedgeOptions rules;
  if (in.SwitchOrSection("hedge", [&](Mapping& section) { ReadHedgeRules(section, rules); })) {
    out = rules;
  }
}

void ReadRetry(Mapping& in, absl::optional<core::RetryOptions>& out) {
  core::RetryOptions rules;
  if (in.SwitchOrSection("retry", [&](Mapping& section) { ReadRules(section, rules); })) {
    out = rules;
  }
}

}  // namespace singleflight::config
