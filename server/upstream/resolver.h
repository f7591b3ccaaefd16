// Finds the endpoints of one upstream, and finds them again from time to time.
//
// Its names are looked up side by side, and the endpoints of one are in force before another has
// answered. A look-up that fails, or has no answer within `patience`, leaves the known endpoints in
// force. Only if there are none at all is the failure published, so that calls can say why. After a
// failure it tries again, with pauses that double. Endpoints at which this process itself listens
// are left out, because calls would come back. If it is destroyed, look-ups under way come to
// nothing.
//
// Threads: the one of `io`, which is not a worker's.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_RESOLVER_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_RESOLVER_H_

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "server/upstream/look_ups.h"
#include "server/upstream/target.h"

namespace singleflight::upstream {

// What became of the look-ups of one upstream's names. Written and read by one thread.
struct LookUpCounts {
  uint64_t found = 0;
  uint64_t failed = 0;
  uint64_t silent = 0;  // no answer in time; one that comes later counts again
};

class Resolver : public std::enable_shared_from_this<Resolver> {
 public:
  using Publish = absl::AnyInvocable<void(SharedEndpointList)>;

  // The endpoints that were found for each of the target's names.
  using Known = std::vector<std::vector<net::Endpoint>>;

  struct LoopContext {
    boost::asio::io_context& io;
    std::shared_ptr<LookUps> look_ups;
    std::function<bool(const net::Endpoint&)> is_own;  // whether this process listens there
    std::shared_ptr<LookUpCounts> counts;
  };

  struct Pace {
    absl::Duration refresh_every;
    absl::Duration patience = absl::Seconds(5);
    absl::Duration first_pause = absl::Seconds(1);  // also the least between two look-ups
    absl::Duration longest_pause = absl::Seconds(30);
  };

  Resolver(LoopContext surroundings, std::string upstream, Target target, Pace pace,
           Publish publish);

  // Publishes the endpoints that need no look-up, and begins the first look-ups. `known`: what
  // another resolver with the same target found. It is published immediately, and stays in force
  // while look-ups fail.
  void Start(const Known& known);

  // Looks up soon, at most once in `first_pause`.
  void Refresh();

  // Looks up no more. A look-up that is on its way is still published: calls may be waiting for it.
  void Stop();

  // Publishes again if other endpoints are left out now.
  void Reconsider() { PublishWhatIsNew(); }

  // What the latest look-ups that succeeded have found.
  Known known() const;

  // How many endpoints are left out.
  size_t own() const { return own_.size(); }

  // Before the look-up that follows so many failures in a row.
  static absl::Duration PauseAfter(const Pace& pace, int failures);

 private:
  struct Name {
    Name(boost::asio::io_context& io, net::HostPort host) : host(std::move(host)), timer(io) {}

    const net::HostPort host;
    std::vector<net::Endpoint> found;
    std::string error;      // of the latest look-up; empty: none is known
    bool answered = false;  // or had its time
    bool looking = false;
    bool soon = false;                // it will be looked up within first_pause
    int failures = 0;                 // in a row
    boost::asio::steady_timer timer;  // to the next look-up; of one on its way, its patience
  };

  void LookUp(Name& name);
  void OnAnswer(Name& name, const LookUps::Answer& answer);
  void OnSilence(Name& name);
  void Fail(Name& name, absl::string_view why);
  void LookUpIn(Name& name, absl::Duration delay);
  template <typename Then>
  void After(Name& name, absl::Duration delay, Then then);

  void PublishWhatIsNew();
  std::vector<net::Endpoint> All() const;
  std::vector<net::Endpoint> WithoutOwn(const std::vector<net::Endpoint>& all);
  bool EveryNameAnswered() const;
  std::string WhyNone() const;

  const LoopContext surroundings_;
  const std::string upstream_;
  const std::vector<net::Endpoint> fixed_;
  const Pace pace_;
  Publish publish_;
  std::vector<std::unique_ptr<Name>> names_;
  bool stopped_ = false;
  std::vector<net::Endpoint> own_;  // that are left out
  SharedEndpointList published_;    // the latest; null: none
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_RESOLVER_H_
