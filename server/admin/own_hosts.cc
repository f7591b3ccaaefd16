#include "server/admin/own_hosts.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace singleflight::admin {
namespace {

// "[::1]:80" and "[::1]" → "[::1]".
absl::string_view WithoutPort(absl::string_view host) {
  const size_t colon = host.rfind(':');
  if (colon == absl::string_view::npos || absl::EndsWith(host, "]")) return host;
  return host.substr(0, colon);
}

}  // namespace

OwnHosts::OwnHosts(absl::string_view address, const std::vector<std::string>& allowed)
    : names_({"localhost", "127.0.0.1", "[::1]"}) {
  if (!absl::StartsWith(address, "unix:")) names_.emplace_back(WithoutPort(address));
  for (const std::string& name : allowed) names_.push_back(absl::AsciiStrToLower(name));
}

bool OwnHosts::Have(absl::string_view host) const {
  const std::string whole = absl::AsciiStrToLower(host);
  const absl::string_view name = WithoutPort(whole);
  return std::any_of(names_.begin(), names_.end(),
                     [&](const std::string& own) { return own == whole || own == name; });
}

bool OwnHosts::IsOrigin(absl::string_view origin, absl::string_view host) {
  return absl::EqualsIgnoreCase(origin, absl::StrCat("http://", host)) ||
         absl::EqualsIgnoreCase(origin, absl::StrCat("https://", host));
}

}  // namespace singleflight::admin
