// How a world begins, and how what is sent becomes known in it.

#include "tests/simulation/world.h"

#include "absl/strings/str_cat.h"
#include "tests/simulation/caller.h"
#include "tests/simulation/judge.h"

namespace singleflight::simulation {
namespace {

// Every other world has room for a few replies only.
cache::StoreOptions StoreOf(uint64_t seed) {
  if (seed % 2 == 0) return {14 << 10, 2 << 10};
  return {1 << 20, 8 << 10};
}

absl::string_view NameOf(Sent::Why why) {
  constexpr absl::string_view kNames[] = {"led by", "again for", "a hedge for",
                                          "in the background for", "alone for"};
  return kNames[static_cast<size_t>(why)];
}

Sent::Why WhyOf(const Ask& ask, const core::UpstreamHead& head) {
  if (ask.alone) return Sent::Why::kAlone;
  if (head.again) return Sent::Why::kAgain;
  if (ask.sent) return Sent::Why::kHedge;
  return ask.role == Role::kHit ? Sent::Why::kBackground : Sent::Why::kLed;
}

}  // namespace

World::World(uint64_t seed, Defect defect)
    : choices(seed),
      house(StoreOf(seed), seed, Choices(seed).Below(kConfigurations)),
      variety(seed % 4 < 2 ? Variety::kLittle : Variety::kMuch),
      defect(defect),
      now(house.loops[0].Now()),
      clients{nullptr, std::make_shared<memory::Client>(), std::make_shared<memory::Client>()} {
  for (size_t loop = 0; loop < kLoops; ++loop) {
    for (size_t upstream = 0; upstream < kUpstreams; ++upstream) {
      core::FakeUpstream& backend = house.upstreams[loop][upstream];
      backend.on_authority = [this, loop] { Pause(loop); };
      backend.trip_of_new = [this, loop, upstream] {
        NoteSent(loop, upstream);
        return core::UpstreamTrip();
      };
    }
  }
}

World::~World() = default;

std::shared_ptr<Ask> World::Draw(size_t loop) {
  std::shared_ptr<Ask> ask = DrawAsk(choices, loop, ++asks_drawn, variety);
  if (defect == Defect::kCredentialsGetLost) {
    core::Fields fields;
    for (const model::Field field : ask->request->fields()) {
      if (field.name == "authorization") continue;
      fields.emplace_back(std::string(field.name), std::string(field.value));
    }
    ask->request = std::make_shared<const model::Request>(
        absl::get<model::Request>(model::ParseRequest(core::HeadersOf(fields))));
  }
  return ask;
}

Role World::Begin(std::shared_ptr<Ask> ask) {
  asks[ask->request.get()] = ask;
  callers.push_back(std::make_shared<Caller>(*this, house.InForce(ask->loop), ask));
  const std::shared_ptr<Caller> caller = callers.back();
  caller->Begin();
  return ask->role;
}

void World::NoteSent(size_t loop, size_t upstream) {
  core::FakeCall& call = house.upstreams[loop][upstream].latest();
  const auto found = asks.find(call.head().request.get());
  if (found == asks.end()) return report.Violated("a call was sent that nobody asked for");
  Ask& ask = *found->second;
  Sent& sent = this->sent.emplace_back();
  sent.serial = this->sent.size();
  sent.ask = found->second;
  sent.call = &call;
  sent.why = WhyOf(ask, call.head());
  sent.loop = loop;
  sent.sent = history.Now();
  sent.at = house.loops[loop].Now();
  sent.really = now;
  if (!ask.sent) ask.first_sent = sent.at;
  if (!ask.sent) ask.first_moment = sent.sent;
  ask.last_serial = sent.serial;
  if (sent.why != Sent::Why::kHedge) ask.last_sent = sent.at;
  sent.flight_sent = ask.last_sent;
  sent.refreshes = ask.got;
  by_call[&call] = &sent;
  report.Say([&] {
    return absl::StrCat("  call ", sent.serial, " is sent, ", NameOf(sent.why), " #", ask.number);
  });
  JudgeSent(*this, sent);
  ask.sent = true;
}

Sent* World::Find(const core::FakeCall& call) const {
  const auto found = by_call.find(&call);
  return found == by_call.end() ? nullptr : found->second;
}

}  // namespace singleflight::simulation
