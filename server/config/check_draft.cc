// Finds options that are right by themselves and wrong together.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "server/config/address.h"
#include "server/config/draft.h"
#include "server/config/pattern.h"
#include "server/config/scalars.h"
#include "server/config/schema_options.h"
#include "server/config/suggest.h"
#include "server/core/route.h"
#include "server/net/address.h"

namespace singleflight::config {
namespace {

constexpr size_t kMostRoutes = 1000;  // each is compared with all before it

// An address and a port that one listener takes, however they are spelled.
struct Claim {
  std::string written;
  std::string address;  // as bound
  std::string port;
  bool ipv6;
  bool everywhere;  // on every address of its family
  Place place;

  // Beside 0.0.0.0, [::] is for IPv6 alone (see SeparateFamilies).
  bool Conflicts(const Claim& other) const {
    if (address == other.address) return true;
    return !port.empty() && port == other.port && ipv6 == other.ipv6 &&
           (everywhere || other.everywhere);
  }
};

// Nothing: the address takes nothing from others, as with port 0, or is wrong by itself.
absl::optional<Claim> ClaimOf(absl::string_view address, const Place& place) {
  if (absl::StartsWith(address, "unix:"))
    return Claim{std::string(address), std::string(address), "", false, false, place};
  const absl::StatusOr<net::Endpoint> endpoint = net::ParseAddress(address);
  if (!endpoint.ok() || absl::EndsWith(address, ":0")) return absl::nullopt;
  const std::string bound = net::ToString(*endpoint);
  const size_t colon = bound.rfind(':');
  const std::string host = bound.substr(0, colon);
  return Claim{std::string(address),
               bound,
               bound.substr(colon + 1),
               host[0] == '[',
               host == "0.0.0.0" || host == "[::]",
               place};
}

std::vector<Claim> ClaimsOf(const Draft& draft) {
  std::vector<Claim> claims;
  const auto add = [&](const std::string& address, const Place& place) {
    if (absl::optional<Claim> claim = ClaimOf(address, place)) claims.push_back(*std::move(claim));
  };
  for (size_t i = 0; i < draft.listeners.size(); ++i) {
    add(draft.config.listeners[i].address, draft.listeners[i]);
  }
  add(draft.config.health.address, draft.health);
  if (draft.admin_grpc.has_value()) add(draft.config.admin.grpc, *draft.admin_grpc);
  if (draft.admin_http.has_value()) add(draft.config.admin.http, *draft.admin_http);
  return claims;
}

void CheckAddresses(const Draft& draft, Problems& problems) {
  const std::vector<Claim> claims = ClaimsOf(draft);
  for (size_t later = 0; later < claims.size(); ++later) {
    const Claim& claim = claims[later];
    const auto first = std::find_if(claims.begin(), claims.begin() + static_cast<ptrdiff_t>(later),
                                    [&](const Claim& other) { return other.Conflicts(claim); });
    if (first == claims.begin() + static_cast<ptrdiff_t>(later)) continue;
    const bool same = first->address == claim.address;
    problems.Refuse(
        claim.place,
        absl::StrCat(Quoted(claim.written), " is taken by ", first->place.path, " in line ",
                     first->place.line, same ? "" : absl::StrCat(" (", first->written, ")"),
                     claim.port.empty() ? "; choose another path" : "; choose another port"));
  }
}

void CheckUpstreamNames(const Draft& draft, Problems& problems) {
  std::map<std::string, const Place*> named;
  for (size_t i = 0; i < draft.upstreams.size(); ++i) {
    const std::string& name = draft.config.upstreams[i].name;
    if (name.empty()) continue;
    const auto [first, is_new] = named.emplace(name, &draft.upstreams[i]);
    if (is_new) continue;
    problems.Refuse(draft.upstreams[i],
                    absl::StrCat(Quoted(name), " is the name of ", first->second->path, " in line ",
                                 first->second->line, " too; give each upstream its own"));
  }
}

void CheckUpstreamsOfRoutes(const Draft& draft, Problems& problems) {
  std::vector<std::string> names;
  for (const upstream::UpstreamOptions& upstream : draft.config.upstreams)
    names.push_back(upstream.name);
  const std::set<std::string> known(names.begin(), names.end());
  // A route may mean an upstream that has no name yet.
  const bool incomplete = known.empty() || known.count("") == 1;
  std::set<std::string> used;
  for (size_t i = 0; i < draft.routes.size(); ++i) {
    const std::string& name = draft.config.routes[i].upstream;
    used.insert(name);
    if (name.empty() || incomplete || known.count(name) == 1) continue;
    problems.Refuse(draft.routes[i].upstream,
                    absl::StrCat("no upstream has the name ", Quoted(name), DidYouMean(name, names),
                                 "; add it to \"upstreams\" or use one that is there"));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (used.count(names[i]) == 1 || names[i].empty()) continue;
    problems.Warn(draft.upstreams[i],
                  absl::StrCat("no route uses the upstream ", Quoted(names[i])));
  }
}

void CheckReach(const Draft& draft, size_t later, Problems& problems) {
  const std::vector<core::RouteOptions>& routes = draft.config.routes;
  for (size_t earlier = 0; earlier < later; ++earlier) {
    if (!draft.routes[earlier].match_is_sound || !draft.routes[later].match_is_sound) continue;
    if (!Covers(routes[earlier].match, routes[later].match)) continue;
    const Place& place = draft.routes[earlier].match;
    return problems.Refuse(
        draft.routes[later].match,
        absl::StrCat(
            "is never reached: routes[", earlier, "] in line ", place.line, " (",
            Quoted(routes[earlier].match.method),
            ") takes every call that it matches; move this route above that one or remove it"));
  }
}

// Replies to writes belong to their callers alone. What a schema marks is known to read.
void CheckWrites(const Draft& draft, size_t at, Problems& problems) {
  const core::RouteOptions& route = draft.config.routes[at];
  const auto warn = [&](bool on, const Place& place, absl::string_view does,
                        absl::string_view consequence) {
    const std::string warning = WriteWarning(route.match.method, does, consequence);
    if (on && !warning.empty()) problems.Warn(place, warning);
  };
  const bool marked =
      route.collapse.has_value() && route.collapse->methods == core::SharedMethods::kIdempotent;
  warn(route.collapse.has_value() && !marked, draft.routes[at].collapse, "collapses",
       "two writes that look alike would be one, so collapse methods that only read");
  warn(route.cache.has_value() && !marked, draft.routes[at].cache, "keeps the replies of",
       "a write that is answered from the cache is not made, so cache methods that only read");
  warn(
      route.retry.has_value(), draft.routes[at].retry, "retries",
      "a write whose reply is lost may be made twice, so retry methods for which that is the same");
}

// Calls whose message cannot be looked at go there, whatever it says.
void CheckCareful(const Draft& draft, size_t at, size_t fallback, Problems& problems) {
  const core::RouteOptions& route = draft.config.routes[at];
  const core::RouteOptions& other = draft.config.routes[fallback];
  const auto shares = [](const core::RouteOptions& options) {
    return options.collapse.has_value() || options.cache.has_value();
  };
  const std::string where = absl::StrCat("leaves its calls to routes[", fallback, "] in line ",
                                         draft.routes[fallback].match.line,
                                         " if their message cannot be looked at, and ");
  if (!shares(route) && shares(other) && other.mode == core::Mode::kLive) {
    problems.Warn(draft.routes[at].match,
                  absl::StrCat(where,
                               "that one shares calls, which this one does not; give the "
                               "route that shares the \"field\", and leave this one without"));
  }
  if (!route.invalidates.empty() && other.invalidates.empty()) {
    problems.Warn(draft.routes[at].match,
                  absl::StrCat(where,
                               "that one drops nothing, which this one does; give it "
                               "\"invalidates\""));
  }
}

// A call that a field keeps from a route wants another one, and so does one that cannot be read.
void CheckFallback(const Draft& draft, size_t at, Problems& problems) {
  const std::vector<core::RouteOptions>& routes = draft.config.routes;
  if (routes[at].match.fields.empty() || !draft.routes[at].match_is_sound) return;
  const core::MatchOptions any_message{routes[at].match.method, routes[at].match.authority};
  for (size_t later = at + 1; later < routes.size(); ++later) {
    if (Covers(routes[later].match, any_message)) return CheckCareful(draft, at, later, problems);
  }
  problems.Warn(draft.routes[at].match,
                "has no route behind it for its calls with other fields, nor for those whose "
                "message cannot be read; they get UNIMPLEMENTED, so add one without \"field\"");
}

// Only flights and what is kept can be dropped.
void CheckInvalidates(const Draft& draft, size_t at, Problems& problems) {
  const std::vector<core::RouteOptions>& routes = draft.config.routes;
  if (!draft.routes[at].invalidates.has_value()) return;
  const bool any = std::any_of(routes.begin(), routes.end(), [&](const core::RouteOptions& other) {
    return other.upstream == routes[at].upstream &&
           (other.collapse.has_value() || other.cache.has_value());
  });
  if (any) return;
  problems.Warn(
      *draft.routes[at].invalidates,
      absl::StrCat("drops nothing, since no route to the upstream ", Quoted(routes[at].upstream),
                   " collapses or caches, and groups belong to one upstream; remove it"));
}

void CheckRoutes(const Draft& draft, Problems& problems) {
  if (draft.routes.size() > kMostRoutes) {
    return problems.Refuse(
        draft.routes[kMostRoutes].match,
        absl::StrCat("is one route too many; ", kMostRoutes, " are allowed, join some with \"*\""));
  }
  for (size_t i = 0; i < draft.routes.size(); ++i) {
    CheckReach(draft, i, problems);
    CheckWrites(draft, i, problems);
    CheckFallback(draft, i, problems);
    CheckInvalidates(draft, i, problems);
  }
}

// A reply that is large enough to be shared should fit into the store.
void CheckStore(const Draft& draft, Problems& problems) {
  const cache::StoreOptions& store = draft.config.cache;
  if (store.max_entry_bytes <= store.max_bytes) return;
  problems.Refuse(
      draft.max_entry_bytes,
      absl::StrCat("allows entries of ", SizeText(store.max_entry_bytes), " (max_entry_bytes) in ",
                   SizeText(store.max_bytes), " (max_bytes); lower the one or raise the other"));
}

// Whether only this machine, or this network namespace, can connect there.
bool IsLocal(absl::string_view address) {
  if (absl::StartsWith(address, "unix:")) return true;
  const absl::StatusOr<net::Endpoint> endpoint = net::ParseAddress(address);
  if (!endpoint.ok()) return true;  // it is wrong by itself
  const std::string bound = net::ToString(*endpoint);
  return absl::StartsWith(bound, "127.") || absl::StartsWith(bound, "[::1]:");
}

// Whoever reaches an admin address may ask; so from elsewhere nobody comes in without a
// certificate.
void CheckAdmin(const Draft& draft, Problems& problems) {
  const admin::AdminOptions& admin = draft.config.admin;
  if (admin.tls.has_value() && !admin.tls->client_ca.empty()) return;
  const auto check = [&](const std::string& address, const absl::optional<Place>& place,
                         absl::string_view nearby) {
    if (!place.has_value() || IsLocal(address)) return;
    problems.Refuse(*place, absl::StrCat(Quoted(address),
                                         " can be reached from elsewhere, where clients have to "
                                         "show certificates; add \"tls\" with a \"client_ca\", or "
                                         "use ",
                                         nearby, " or unix:/path"));
  };
  check(admin.http, draft.admin_http, "127.0.0.1:9901");
  check(admin.grpc, draft.admin_grpc, "127.0.0.1:9902");
}

// Options that are right and have no effect.
void CheckEffects(const Draft& draft, Problems& problems) {
  uint64_t largest_reply = 0;
  bool marks = false;
  for (size_t i = 0; i < draft.routes.size(); ++i) {
    const core::RouteOptions& route = draft.config.routes[i];
    marks = marks || route.collapse.has_value() || route.cache.has_value();
    if (!route.cache.has_value()) continue;
    largest_reply = std::max(largest_reply, core::FlightRulesOf(route).max_reply_bytes);
    if (route.cache->override_reply && draft.routes[i].max_ttl.has_value()) {
      problems.Warn(*draft.routes[i].max_ttl,
                    "does nothing beside \"override: true\", under which ttl alone says how long a "
                    "reply is kept; remove one of the two");
    }
  }
  if (draft.store.has_value() && largest_reply == 0) {
    problems.Warn(*draft.store,
                  "does nothing, since no route keeps replies; add \"cache: {ttl: 5s}\" "
                  "to a route that only reads, or remove it");
  } else if (draft.names_max_entry_bytes && draft.config.cache.max_entry_bytes > largest_reply) {
    problems.Warn(draft.max_entry_bytes,
                  absl::StrCat("allows more than any route gathers (collapse.max_reply_bytes, ",
                               SizeText(largest_reply), "); raise that or lower this"));
  }
  if (draft.marks.has_value() && !marks) {
    problems.Warn(*draft.marks,
                  "does nothing, since no route has \"collapse\" or \"cache\"; remove it");
  }
}

}  // namespace

void SeparateFamilies(Draft& draft) {
  const std::vector<Claim> claims = ClaimsOf(draft);
  for (proxy::ListenerOptions& listener : draft.config.listeners) {
    const absl::optional<Claim> own = ClaimOf(listener.address, Place());
    listener.ipv6_only = own.has_value() && own->ipv6 && own->everywhere &&
                         std::any_of(claims.begin(), claims.end(), [&](const Claim& other) {
                           return !other.ipv6 && other.port == own->port;
                         });
  }
}

void CheckDraft(const Draft& draft, Problems& problems) {
  CheckAddresses(draft, problems);
  CheckAdmin(draft, problems);
  CheckOwnListeners(draft, problems);
  CheckUpstreamNames(draft, problems);
  CheckUpstreamsOfRoutes(draft, problems);
  CheckRoutes(draft, problems);
  CheckSchemas(draft, problems);
  CheckStore(draft, problems);
  CheckEffects(draft, problems);
}

}  // namespace singleflight::config
