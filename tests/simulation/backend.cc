// A read returns the version that its item has at one moment between the call and its reply. A
// write makes the next one, and may begin its reply before that.

#include "tests/simulation/backend.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "server/cache/groups.h"
#include "tests/wire/deflated.h"

namespace singleflight::simulation {
namespace {

using Kind = core::UpstreamFailure::Kind;

constexpr Kind kFailures[] = {Kind::kNotStarted,  Kind::kLost,   Kind::kLost,       Kind::kReset,
                              Kind::kUnreachable, Kind::kNoRoom, Kind::kCallersOwn, Kind::kRefused};

void Say(World& world, const Sent& sent, absl::string_view what) {
  world.report.Say([&] { return absl::StrCat("backend: call ", sent.serial, " ", what); });
}

absl::string_view GroupsNameOf(const Sent& sent) {
  return Writes(sent.ask->method) ? cache::kCacheGroupInvalidation : cache::kCacheGroups;
}

void CarryOut(World& world, Sent& sent) {
  if (std::exchange(sent.carried_out, true)) return;
  const size_t item = sent.ask->item();
  sent.version =
      Writes(sent.ask->method) ? world.history.Write(item) : world.history.VersionOf(item);
  Say(world, sent, absl::StrCat("is carried out, version ", sent.version));
}

void MakePlan(World& world, Sent& sent) {
  if (std::exchange(sent.planned, true)) return;
  sent.plan = DrawPlan(world.choices);
  if (!Writes(sent.ask->method)) return;
  sent.plan.status = wire::StatusCode::kOk;
  sent.plan.trailers_only = sent.plan.gzip = false;
}

core::Fields WithSerial(const Sent& sent, core::Fields fields) {
  fields.emplace_back("x-serial", absl::StrCat(sent.serial));
  return fields;
}

core::Fields InitialOf(const Sent& sent) {
  return WithSerial(sent, InitialFieldsOf(sent.plan, GroupsNameOf(sent), sent.ask->group()));
}

core::Fields TrailingOf(const Sent& sent) {
  return WithSerial(sent, TrailingFieldsOf(sent.plan, GroupsNameOf(sent), sent.ask->group()));
}

std::string TextOf(const Plan& plan) {
  const Directives& said = *plan.directives;
  return absl::StrCat("status ", static_cast<int>(plan.status),
                      said.everybody.empty() ? "" : absl::StrCat(", ", said.everybody),
                      said.targeted.empty() ? "" : absl::StrCat(", targeted ", said.targeted),
                      plan.age > 0 ? ", age 1" : "", plan.names_group ? "" : ", no group",
                      plan.malformed_groups ? ", malformed group" : "",
                      plan.sets_cookie ? ", set-cookie" : "", plan.varies ? ", vary" : "",
                      plan.gzip ? ", gzip" : "");
}

void Begin(World& world, Sent& sent) {
  if (sent.begun) return;
  MakePlan(world, sent);
  sent.plan.trailers_only = false;
  sent.begun = true;
  Say(world, sent, absl::StrCat("begins: ", TextOf(sent.plan)));
  sent.call->Begin(InitialOf(sent));
}

void MakeBytes(World& world, Sent& sent) {
  if (!sent.bytes.empty()) return;
  CarryOut(world, sent);
  const std::string text = absl::StrCat("call ", sent.serial, " version ", sent.version, " ",
                                        std::string(sent.plan.padding, 'x'));
  sent.frame = Framed(text);
  sent.bytes =
      sent.plan.gzip ? Framed(wire::Deflated(wire::Encoding::kGzip, text), true) : sent.frame;
}

void Give(World& world, Sent& sent, size_t most) {
  MakeBytes(world, sent);
  const std::string more = sent.bytes.substr(sent.given, most);
  sent.given += more.size();
  Say(world, sent, absl::StrCat("has ", sent.given, " of ", sent.bytes.size(), " bytes"));
  if (!more.empty()) sent.call->Data(more);
}

void Land(World& world, Sent& sent) {
  sent.ended = true;
  sent.landed = world.house.loops[sent.loop].Now();
  sent.over = world.history.Now();
  sent.replaced_before = world.house.Replaced();
}

// As the plan has it, from wherever it is.
void Answer(World& world, Sent& sent) {
  if (sent.spoiled) {
    Say(world, sent, "ends");
    return sent.call->End(WithSerial(sent, {}));
  }
  MakePlan(world, sent);
  if (sent.plan.trailers_only) {
    CarryOut(world, sent);
    Say(world, sent, absl::StrCat("is answered: ", TextOf(sent.plan)));
    Land(world, sent);
    return sent.call->TrailersOnly(sent.plan.status, InitialOf(sent));
  }
  Begin(world, sent);
  if (sent.call->live()) Give(world, sent, std::string::npos);
  if (!sent.call->live()) return;
  Say(world, sent, "ends");
  Land(world, sent);
  sent.call->End(TrailingOf(sent), sent.plan.status);
}

void Fail(World& world, Sent& sent) {
  const Kind kind = world.choices.Of(kFailures);
  if (kind == Kind::kNotStarted && sent.carried_out) return;
  if (kind == Kind::kRefused) {
    MakePlan(world, sent);
    Say(world, sent, "is answered with too much metadata");
    return sent.call->Refuse(InitialOf(sent));
  }
  Say(world, sent, absl::StrCat("fails, ", static_cast<int>(kind)));
  sent.call->Fail(kind);
}

// What nobody can share: two messages, or more bytes than may be.
void Spoil(World& world, Sent& sent, bool streams) {
  if (Writes(sent.ask->method) || sent.given > 0) return;
  if (!streams && !sent.ask->collapses()) return;  // there it would be a reply like any other
  Begin(world, sent);
  if (!sent.call->live()) return;
  CarryOut(world, sent);
  sent.spoiled = true;
  Say(world, sent, streams ? "streams" : "is too large");
  sent.call->Data(streams ? Framed("one") + Framed("two")
                          : Framed(std::string(kMaxReplyBytes + 1, 'x')));
}

void TakeRequest(World& world, Sent& sent) {
  if (sent.call->trip().sent != core::UpstreamTrip::kNever) return;
  sent.call->trip().sent = world.house.loops[sent.loop].Now();
  Say(world, sent, "has its request");
  sent.call->Take(sent.call->sent().size());
}

void ActOn(World& world, Sent& sent) {
  switch (world.choices.Below(18)) {
    case 0:
    case 1:
    case 2:
      return TakeRequest(world, sent);
    case 3:
    case 4:
      return CarryOut(world, sent);
    case 5:
      return Begin(world, sent);
    case 6:
      Begin(world, sent);
      if (sent.call->live() && !sent.spoiled) Give(world, sent, 1 + world.choices.Below(700));
      return;
    case 7:
      return Fail(world, sent);
    case 8:
      if (world.choices.OneIn(3)) Spoil(world, sent, world.choices.OneIn(2));
      return;
    default:
      return Answer(world, sent);
  }
}

std::vector<Sent*> LiveOn(World& world, size_t loop) {
  std::vector<Sent*> live;
  for (core::FakeUpstream& upstream : world.house.upstreams[loop]) {
    for (core::FakeCall* call : upstream.live_calls()) {
      if (Sent* const sent = world.Find(*call)) live.push_back(sent);
    }
  }
  return live;
}

// A defect of the surroundings: the reply of one call goes to another.
Sent& Mistaken(World& world, std::vector<Sent*>& live, Sent& sent) {
  if (world.defect != Defect::kRepliesGetLost || live.size() < 2 || !world.choices.OneIn(50)) {
    return sent;
  }
  Sent& other = *live[world.choices.Below(live.size())];
  if (!sent.begun && !other.begun) std::swap(sent.call, other.call);
  return sent;
}

}  // namespace

bool BackendActs(World& world, size_t loop) {
  std::vector<Sent*> live = LiveOn(world, loop);
  if (live.empty()) return false;
  ActOn(world, Mistaken(world, live, *live[world.choices.Below(live.size())]));
  return true;
}

bool BackendAnswersAll(World& world, size_t loop) {
  const std::vector<Sent*> live = LiveOn(world, loop);
  for (Sent* const sent : live) {
    if (sent->call->live()) Answer(world, *sent);
  }
  return !live.empty();
}

void BackendIsLate(World& world) {
  if (world.sent.empty()) return;
  if (world.defect == Defect::kLateFramesKill) std::abort();
  const size_t back = world.choices.Below(std::min<size_t>(world.sent.size(), 32));
  Sent& sent = world.sent[world.sent.size() - 1 - back];
  if (sent.call->live()) return;
  if (Writes(sent.ask->method)) CarryOut(world, sent);
  sent.call->Data("late");
  sent.call->End();
}

}  // namespace singleflight::simulation
