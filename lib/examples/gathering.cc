// Reads that have to be linearizable: a caller never gets a result that is older than its call. Two
// callers that come while a read is on its way share the next one.

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "singleflight/async_group.h"

namespace {

struct Read;
using Flights = singleflight::AsyncGroup<std::string, std::string, std::shared_ptr<Read>>;

struct Call : Flights::Waiter {
  void OnLanded(const std::string* reply) override { answer = reply ? *reply : "unavailable"; }

  std::string answer = "none";
};

// One read of the database, from gathering its callers to its result.
struct Read {
  void Send(Flights::TimePoint now) {
    sent = landing.Start(now);  // before the work begins, as nobody may join it from here on
  }

  Flights::Landing landing;
  bool sent = false;
};

// To whomever's turn it is: post this to the read's own loop if other threads land.
void SendNext(const std::shared_ptr<Read>& read) { read->Send({}); }

// This caller leads. Its read is sent now, or when the one that is in the air has landed.
std::shared_ptr<Read> Lead(Flights::Landing landing, Flights::TimePoint now) {
  auto read = std::make_shared<Read>();
  read->landing = std::move(landing);
  if (!read->landing.AwaitTurn(read, now, SendNext)) read->sent = true;
  return read;
}

}  // namespace

int main() {
  Flights flights;
  const Flights::TimePoint now{};  // of the event loop
  Call first, second, third;

  auto before = Lead(flights.Gather("id-7", first, now).landing, now);
  auto after = Lead(flights.Gather("id-7", second, now).landing, now);
  (void)flights.Gather("id-7", third, now);  // follows the second
  if (!before->sent || after->sent) return 1;

  before->landing.Land("blue");  // and the next has its turn
  if (!after->sent) return 1;
  after->landing.Land("green");
  std::printf("%s, %s, %s\n", first.answer.c_str(), second.answer.c_str(), third.answer.c_str());
  const bool right = first.answer == "blue" && second.answer == "green" && third.answer == "green";
  return right && flights.flights() == 0 ? 0 : 1;
}
