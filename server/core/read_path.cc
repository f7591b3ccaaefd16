#include "server/core/read_path.h"

#include <utility>

#include "server/base/check.h"
#include "server/core/flight.h"

namespace singleflight::core {

void Waiter::OnLanded(const SharedReply*) { SF_CHECK(!"a flight was destroyed in the air"); }

model::Key ReadPath::KeyFor(const Route& route, const model::Request& request,
                            absl::string_view message) const {
  const std::string authority = around_.upstreams[route.upstream]->AuthorityFor(request);
  return route.key_policy.MakeKey(request, authority, message);
}

bool ReadPath::TooLargeToShare(const Route& route, const model::Key& key) const {
  return route.large_keys.Holds(key.hash, around_.loop.Now());
}

Role ReadPath::Ask(Route& route, model::Key key, std::shared_ptr<const model::Request> request,
                   base::Slice message, Waiter& waiter) {
  const CollapseOptions& collapse = *route.options.collapse;
  const FlightTable::JoinLimits limits = {collapse.max_waiters,
                                          absl::ToChronoNanoseconds(collapse.max_join_age)};
  FlightTable::Joined joined =
      around_.flights.Join(std::move(key), waiter, around_.loop.Now(), limits);
  if (joined.role == Role::kLeader) {
    Flight::Start(around_, route, std::move(request), std::move(message),
                  std::move(joined.landing));
  }
  return joined.role;
}

bool ReadPath::Leave(const Route& route, Waiter& waiter) {
  const bool cancel = route.options.collapse->on_abandon == OnAbandon::kCancel;
  FlightTable::Left left = around_.flights.Leave(
      waiter, cancel ? FlightTable::OnLast::kRetire : FlightTable::OnLast::kKeep);
  if (left.outcome == FlightTable::Left::Outcome::kLeftLast && cancel) {
    base::Loop& loop = left.context->loop();
    loop.Post([flight = std::move(left.context)] { flight->Abandon(); });
  }
  return left.outcome != FlightTable::Left::Outcome::kAlreadyTaken;
}

}  // namespace singleflight::core
