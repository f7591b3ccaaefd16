#include "server/config/freshness_options.h"

#include "absl/strings/str_cat.h"
#include "server/config/bounds.h"

namespace singleflight::config {
namespace {

absl::string_view WhyNotKept(wire::StatusCode code) {
  return code == wire::StatusCode::kOk
             ? "has \"ttl\"; remove it here"
             : "is never kept: it is about one caller, its credentials, its quota or its patience, "
               "and says nothing to others; remove it";
}

// True: it names a status.
bool ReadNegative(Mapping& in, cache::NegativeTtls& out) {
  bool any = false;
  for (size_t i = 0; i < wire::kStatusCodes; ++i) {
    const auto code = static_cast<wire::StatusCode>(i);
    if (cache::NegativeTtls::MayHave(code)) {
      absl::optional<absl::Duration> ttl;
      any = in.Duration(NameOf(code), &ttl, kShortest, kLongest) || any;
      out.Set(code, ttl.value_or(absl::ZeroDuration()));
    } else if (in.Has(NameOf(code))) {
      in.Ignore(NameOf(code));
      in.Refuse(in.PlaceOf(NameOf(code)), WhyNotKept(code));
    }
  }
  return any;
}

void ReadNegatives(Mapping& in, cache::NegativeTtls& out) {
  const size_t mistakes = in.mistakes();
  bool any = false;
  const bool there = in.Section("negative", "negative: {NOT_FOUND: 1s}",
                                [&](Mapping& section) { any = ReadNegative(section, out); });
  if (!there || any || in.mistakes() != mistakes) return;
  in.Refuse(in.PlaceOf("negative"),
            "names no status; write some, such as \"negative: {NOT_FOUND: 1s}\"");
}

void ReadJitter(Mapping& in, cache::FreshnessRules& out) {
  absl::optional<uint32_t> jitter;
  if (!in.Percent("jitter", &jitter) || !jitter.has_value()) return;
  out.jitter = *jitter;
  if (out.jitter <= cache::kMostJitter) return;
  in.Refuse(in.PlaceOf("jitter"),
            "takes more than half of a lifetime off; write 50% at most, such as \"10%\"");
}

}  // namespace

void ReadFreshness(Mapping& in, cache::FreshnessRules& out, absl::optional<Place>* max_ttl) {
  const size_t mistakes = in.mistakes();
  absl::optional<absl::Duration> ttl, stale_while_revalidate, stale_if_error;
  in.Duration("ttl", &ttl, kShortest, kLongest);
  in.Require("ttl", "say how long a reply is kept, such as \"cache: {ttl: 5s}\"");
  out.ttl = ttl.value_or(absl::ZeroDuration());
  if (in.Duration("max_ttl", &out.max_ttl, kShortest, kLongest)) *max_ttl = in.PlaceOf("max_ttl");
  in.Flag("override", &out.override_reply);
  if (in.mistakes() == mistakes && out.max_ttl.has_value() && *out.max_ttl < out.ttl) {
    in.Refuse(in.PlaceOf("max_ttl"), "is below ttl; raise it or lower ttl");
  }
  ReadJitter(in, out);
  in.Duration("stale_while_revalidate", &stale_while_revalidate, kShortest, kLongest);
  out.stale_while_revalidate = stale_while_revalidate.value_or(absl::ZeroDuration());
  in.Duration("stale_if_error", &stale_if_error, kShortest, kLongest);
  out.stale_if_error = stale_if_error.value_or(absl::ZeroDuration());
  in.Flag("request_cache_control", &out.request_cache_control);
  ReadNegatives(in, out.negative);
}

}  // namespace singleflight::config
