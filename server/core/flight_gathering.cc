// How a flight of a route with `join: before_start` comes to be sent. A caller there never gets a
// reply to a call that was sent before it came, so it joins only a flight that has not been sent:
//
//   nothing of the key is in the air         its flight is sent immediately
//   a flight is, and nobody gathers          its flight gathers: whoever comes now joins it
//   a flight is, and another one gathers     it joins that one
//
// What gathers is sent when the one ahead has landed, or has been out for max_join_age. Then the
// next ones gather behind the one that was sent last. So a key has one flight in the air and one
// that gathers; more only while its backend takes longer than max_join_age, one for each of these,
// and flight_timeout ends each of them. If the one that gathers is full (max_waiters), the next
// caller's flight is sent immediately, since a third one in the line would have to wait for two.
//
// The one ahead may be on another loop. It lands there, and posts the turn to this flight's loop.
// The table says who is aboard: whoever joins before landing_.Start does is, and the call is sent
// after that. A flight that gathers counts for max_flights and holds its message; its
// flight_timeout begins when it is sent. When everyone has left before that, nothing is sent.

#include <optional>

#include "server/core/flight.h"

namespace singleflight::core {

void Flight::Gather() {
  const std::optional<base::Instant> ahead =
      landing_.AwaitTurn(self_, around_.loop.Now(), TellTurn);
  if (!Admit()) return;
  if (!ahead.has_value()) return Fly();
  gathers_ = true;
  deadline_timer_.Set(base::After(*ahead, route_.flights.max_join_age));
}

// On the loop of the flight ahead.
void Flight::TellTurn(const std::shared_ptr<Flight>& flight) {
  flight->loop().Post([flight] { flight->EndGathering(GatheringEnd::kTurn); });
}

// The turn may come after the call was sent, and after all have left.
void Flight::EndGathering(GatheringEnd why) {
  if (!gathers_ || self_ == nullptr) return;
  if (!landing_.Start(around_.loop.Now())) return;  // Abandon is on its way
  gathers_ = false;
  deadline_timer_.Cancel();
  metrics().gathered.Add(why);
  Fly();
}

}  // namespace singleflight::core
