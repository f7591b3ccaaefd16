#include "server/core/difference.h"

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/core/route_options.h"
#include "server/core/stale.h"
#include "server/model/key_rules.h"

namespace singleflight::core {
namespace {

constexpr size_t kMostNames = 8;
constexpr size_t kLongestName = 64;

constexpr StatusSet kMomentary{wire::StatusCode::kCancelled, wire::StatusCode::kAborted,
                               wire::StatusCode::kResourceExhausted};

using Values = std::map<absl::string_view, std::vector<absl::string_view>>;

// Noise differs from call to call and explains nothing, but for what tells clients apart.
bool MayExplain(absl::string_view name) {
  return !absl::StartsWith(name, ":") && (!model::IsNoise(name) || name == "user-agent");
}

Values ValuesOf(const model::Request& request) {
  Values values;
  for (const model::Field field : request.fields()) {
    if (MayExplain(field.name)) values[field.name].push_back(field.value);
  }
  return values;
}

void AddMissing(const Values& of, const Values& in, std::vector<std::string>& names) {
  for (const auto& [name, values] : of) {
    const auto found = in.find(name);
    const bool same = found != in.end() && found->second == values;
    std::string text(name);
    if (!same && std::find(names.begin(), names.end(), text) == names.end()) {
      names.push_back(std::move(text));
    }
  }
}

std::vector<std::string> NamesApart(const model::Request& a, const model::Request& b) {
  const Values of_a = ValuesOf(a), of_b = ValuesOf(b);
  std::vector<std::string> names;
  AddMissing(of_a, of_b, names);
  AddMissing(of_b, of_a, names);
  return names;
}

std::string SomeOf(std::vector<std::string> names) {
  const size_t shown = std::min(names.size(), kMostNames);
  const size_t more = names.size() - shown;
  names.resize(shown);
  for (std::string& name : names) name.resize(std::min(name.size(), kLongestName));
  return absl::StrCat(absl::StrJoin(names, ", "),
                      more > 0 ? absl::StrCat(" and ", more, " more") : "");
}

}  // namespace

std::string DifferenceText(std::vector<std::string> parts, const model::Request* a,
                           const model::Request* b) {
  const std::vector<std::string> apart =
      a == nullptr || b == nullptr ? std::vector<std::string>() : NamesApart(*a, *b);
  return absl::StrCat(
      SomeOf(std::move(parts)),
      apart.empty() ? "" : absl::StrCat("; the requests differ in ", SomeOf(apart)));
}

bool IsOfTheMoment(const model::Reply& reply) {
  const absl::optional<wire::StatusCode> status = reply.status();
  return ToleratesFailure(reply) || (status.has_value() && kMomentary.has(*status));
}

}  // namespace singleflight::core
