#ifndef SINGLEFLIGHT_SERVER_CORE_ROUTE_H_
#define SINGLEFLIGHT_SERVER_CORE_ROUTE_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/cache/store.h"
#include "server/core/recent_latency.h"
#include "server/core/remembered.h"
#include "server/core/route_options.h"
#include "server/core/shadow.h"
#include "server/core/upstream_bounds.h"
#include "server/core/verification.h"
#include "server/model/key.h"
#include "server/model/reply_print.h"
#include "server/model/request.h"

namespace singleflight::core {

// `collapse:` of a route, with what a schema says. Without it every flight has one caller, and that
// caller's deadline.
CollapseOptions FlightRulesOf(const RouteOptions& options);

// What flights and entries of a route depend on besides its key rules: routes that differ in it
// must not share any.
std::string PolicyOf(const RouteOptions& options);

std::shared_ptr<Verification> VerificationOf(const RouteOptions& options);
std::shared_ptr<Shadow> ShadowOf(const RouteOptions& options);

// One rule of the configuration, ready for use; or what becomes of it for some of its methods, of
// which a schema says more (RouteTable::AddFor): a Route of its own, with the same index. What has
// been found of its replies is found of the rule, whatever it becomes: it is the same object.
// Threads: constant after construction but for what it remembers, which synchronizes itself.
struct Route {
  // `rule`: another one of the same rule; null: there is none.
  Route(size_t index, RouteOptions options, size_t upstream, UpstreamBounds& shared,
        model::KeyPolicy key_policy, const Route* rule = nullptr)
      : index(index),
        options(std::move(options)),
        flights(FlightRulesOf(this->options)),
        upstream(upstream),
        shared(shared),
        key_policy(std::move(key_policy)),
        printer(this->options.volatiles),
        verification(rule != nullptr ? rule->verification : VerificationOf(this->options)),
        shadow(rule != nullptr ? rule->shadow : ShadowOf(this->options)),
        relays_(shadow != nullptr || (!collapses() && !caches())) {}

  const size_t index;  // among the routes of the configuration
  const RouteOptions options;
  const CollapseOptions flights;  // the rules of its flights, if it has any
  const size_t upstream;          // its upstream's index
  UpstreamBounds& shared;
  const model::KeyPolicy key_policy;
  const model::ReplyPrinter printer;                 // of replies that are compared
  const std::shared_ptr<Verification> verification;  // null: the route has no `verify`
  const std::shared_ptr<Shadow> shadow;              // null: its mode is not `shadow`

  bool collapses() const { return options.collapse.has_value(); }
  bool caches() const { return options.cache.has_value(); }

  // Whether what that caller says of caches concerns this one.
  bool ObeysControlOf(const model::Request& request) const {
    return request.has_cache_control() && caches() && options.cache->request_cache_control;
  }

  // Whether its calls are relayed and nothing else.
  bool relays() const { return relays_; }

  // Whether it is counted what they would have shared. A schema may say that some share nothing.
  bool shadows() const { return shadow != nullptr && (collapses() || caches()); }

  // Whether it matches some of the calls that Find finds it for, and the message decides.
  bool asks_message() const { return !options.match.fields.empty(); }

  // Whether its calls are writes that drop groups.
  bool invalidates() const { return !options.invalidates.empty(); }

  // Whether what was found in the cache may still be served (Verification::Distrusts).
  bool Trusts(const cache::Found& found) const {
    return verification == nullptr || !found.reply || !verification->Distrusts(found.lifespan.born);
  }

  // What replies have proved of a method (docs/semantics.md §2): nothing else is remembered of it,
  // and nothing that only a caller did. A reply of two messages makes it streaming for a while,
  // which is logged when it begins; a call with one message each way ends that.
  void NoteStream(absl::string_view path, base::Instant now);
  void NoteUnary(absl::string_view path);
  bool Streams(absl::string_view path, base::Instant now) const;

  // Of the calls of its flights, and of their hedges, where it has `hedge`.
  RecentLatency latency;
  CallBudget hedges{1};

  Remembered large_keys{4096, absl::Minutes(1), absl::Minutes(1)};

 private:
  friend class RouteTable;

  // The one for calls of that path: itself, unless a schema says more.
  Route& For(absl::string_view path);

  const bool relays_;
  absl::flat_hash_map<std::string, Route*> by_method_;  // "/package.Service/Method"
  Remembered streaming_methods_{1024, absl::Seconds(10), absl::Minutes(10)};
};

// Whether `text` matches `pattern`, in which `*` stands for any run of characters.
bool GlobMatches(absl::string_view pattern, absl::string_view text);

// The routes of a configuration, in its order.
class RouteTable {
 public:
  // `before`: what the same rule was under another schema; null: it is new.
  Route& Add(RouteOptions options, size_t upstream, UpstreamBounds& shared,
             model::KeyPolicy key_policy, const Route* before = nullptr);

  // From now on `route`, one of routes(), takes calls of `methods` by these rules, not by its own.
  Route& AddFor(Route& route, const std::vector<std::string>& methods, RouteOptions options,
                model::KeyPolicy key_policy);

  // The first route that matches what is known from a call's headers, by its rules for that method;
  // null: none does. If it asks for the message (Route::asks_message), Choose has the last word.
  Route* Find(absl::string_view authority, absl::string_view path);

  // The first route from `first` on that matches the message too, likewise; null: none does.
  // `message` without its prefix; nothing: it cannot be read, and no condition on its fields holds.
  Route* Choose(const Route& first, absl::string_view authority, absl::string_view path,
                absl::optional<absl::string_view> message);

  const std::deque<Route>& routes() const { return routes_; }

 private:
  std::deque<Route> routes_;  // never moves what it holds
  std::deque<Route> of_methods_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_ROUTE_H_
