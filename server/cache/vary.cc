#include "server/cache/vary.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "server/cache/token.h"
#include "server/model/encoding.h"

namespace singleflight::cache {
namespace {

// Whether callers with the same key may differ in metadata of that name.
bool LeavesOut(const model::KeyPolicy& policy, absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return lower == "*" || !std::all_of(lower.begin(), lower.end(), IsTokenCharacter) ||
         (!model::IsAboutEncoding(lower) && !policy.Counts(lower));
}

}  // namespace

bool VariesBeyond(const model::Reply& reply, const model::KeyPolicy& policy) {
  for (const model::HeadersView block : {reply.initial, reply.trailing}) {
    for (const model::Field field : block) {
      if (field.name != "vary") continue;
      for (const absl::string_view member : absl::StrSplit(field.value, ',')) {
        const absl::string_view name = absl::StripAsciiWhitespace(member);
        if (!name.empty() && LeavesOut(policy, name)) return true;
      }
    }
  }
  return false;
}

}  // namespace singleflight::cache
