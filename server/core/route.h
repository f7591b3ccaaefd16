#ifndef SINGLEFLIGHT_SERVER_CORE_ROUTE_H_
#define SINGLEFLIGHT_SERVER_CORE_ROUTE_H_

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/core/remembered.h"
#include "server/core/route_options.h"
#include "server/core/upstream_bounds.h"
#include "server/model/key.h"

namespace singleflight::core {

// `collapse:` of a route. Without it every flight has one caller, and that caller's deadline.
CollapseOptions FlightRulesOf(const RouteOptions& options);

// What flights and entries of a route depend on besides its key rules: routes that differ in it
// must not share any.
std::string PolicyOf(const RouteOptions& options);

// One rule of the configuration, ready for use.
// Threads: constant after construction but for what it remembers, which synchronizes itself.
struct Route {
  Route(size_t index, RouteOptions options, size_t upstream, UpstreamBounds& shared,
        model::KeyPolicy key_policy)
      : index(index),
        options(std::move(options)),
        flights(FlightRulesOf(this->options)),
        upstream(upstream),
        shared(shared),
        key_policy(std::move(key_policy)) {}

  const size_t index;  // among the routes of the configuration
  const RouteOptions options;
  const CollapseOptions flights;  // the rules of its flights, if it has any
  const size_t upstream;          // its upstream's index
  UpstreamBounds& shared;
  const model::KeyPolicy key_policy;

  bool collapses() const { return options.collapse.has_value(); }
  bool caches() const { return options.cache.has_value(); }

  // Whether its calls are relayed and nothing else.
  bool relays() const { return !collapses() && !caches(); }

  // What replies have proved of a method (docs/semantics.md §2): nothing else is remembered of it,
  // and nothing that only a caller did. A reply of two messages makes it streaming for a while,
  // which is logged when it begins; a call with one message each way ends that.
  void NoteStream(absl::string_view path, base::Instant now);
  void NoteUnary(absl::string_view path);
  bool Streams(absl::string_view path, base::Instant now) const;

  Remembered large_keys{4096, absl::Minutes(1), absl::Minutes(1)};

 private:
  Remembered streaming_methods_{1024, absl::Seconds(10), absl::Minutes(10)};
};

// Whether `text` matches `pattern`, in which `*` stands for any run of characters.
bool GlobMatches(absl::string_view pattern, absl::string_view text);

// The routes of a configuration, in its order.
class RouteTable {
 public:
  Route& Add(RouteOptions options, size_t upstream, UpstreamBounds& shared,
             model::KeyPolicy key_policy);

  // The first route that matches; null: none does.
  Route* Find(absl::string_view authority, absl::string_view path);

  const std::deque<Route>& routes() const { return routes_; }

 private:
  std::deque<Route> routes_;  // never moves what it holds
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_ROUTE_H_
