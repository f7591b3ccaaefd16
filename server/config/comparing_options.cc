#include "server/config/comparing_options.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace singleflight::config {
namespace {

constexpr size_t kMostVolatile = 64;  // of each kind

std::string ReplyNameMistake(absl::string_view text) {
  const bool lower_case = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_' || c == '.';
  });
  if (!text.empty() && lower_case) return "";
  return "is no name of metadata; write it in lower case, such as \"x-served-by\"";
}

// False: it has been refused.
bool HasRoom(Mapping& in, size_t have, const Place& place) {
  if (have < kMostVolatile) return true;
  in.Refuse(place, absl::StrCat("is one more than the ", kMostVolatile,
                                " that a route can declare volatile; remove some"));
  return false;
}

void ReadVolatile(Mapping& in, model::VolatileRules& out) {
  in.Texts("metadata", [&](const std::string& text, const Place& place) {
    const std::string mistake = ReplyNameMistake(text);
    if (!mistake.empty()) return in.Refuse(place, absl::StrCat(Quoted(text), " ", mistake));
    if (HasRoom(in, out.metadata.size(), place)) out.metadata.push_back(text);
  });
  in.Texts("message", [&](const std::string& text, const Place& place) {
    const absl::optional<model::FieldPath> path = model::ParseFieldPath(text);
    if (!path.has_value()) {
      return in.Refuse(
          place,
          absl::StrCat(Quoted(text), " is no path of field numbers; write the numbers that ",
                       "the .proto file gives the fields, \"3\", or \"3.2\" for field 2 of ",
                       "the message in field 3 (", model::kLongestFieldPath, " numbers at most)"));
    }
    if (HasRoom(in, out.fields.size(), place)) out.fields.push_back(*path);
  });
}

}  // namespace

void ReadComparing(Mapping& in, core::RouteOptions& out) {
  const bool mode =
      in.Choice("mode", &out.mode, {{"live", core::Mode::kLive}, {"shadow", core::Mode::kShadow}});
  const bool verify = in.Percent("verify", &out.verify);
  const bool shadows = out.mode == core::Mode::kShadow;
  const bool volatiles =
      in.Section("volatile", "volatile: {metadata: [x-served-by], message: [\"4\"]}",
                 [&](Mapping& section) { ReadVolatile(section, out.volatiles); });
  if (!out.collapse.has_value() && !out.cache.has_value()) {
    for (const char* name : {"mode", "verify"}) {
      if (!in.Has(name)) continue;
      in.Refuse(in.PlaceOf(name),
                "does nothing on a route that neither collapses nor caches; add \"collapse: true\" "
                "or \"cache: {ttl: 5s}\", or remove it");
    }
  }
  if (mode && verify && shadows) {
    in.Refuse(in.PlaceOf("verify"),
              "is for routes that share, and \"mode: shadow\" compares every call anyway; remove "
              "one of them");
  }
  if (volatiles && !verify && !shadows) {
    in.Refuse(in.PlaceOf("volatile"),
              "does nothing where no replies are compared; add \"verify: 0.1%\" or \"mode: "
              "shadow\", or remove it");
  }
}

}  // namespace singleflight::config
