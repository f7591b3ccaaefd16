// Keeps what is known of each name, and publishes a list of endpoints whenever it changes. Look-ups
// themselves are look_ups.cc.

#include "server/upstream/resolver.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace singleflight::upstream {
namespace {

std::string Join(const std::vector<net::Endpoint>& endpoints) {
  return absl::StrJoin(endpoints, ", ", [](std::string* out, const net::Endpoint& endpoint) {
    absl::StrAppend(out, net::ToString(endpoint));
  });
}

}  // namespace

Resolver::Resolver(LoopContext surroundings, std::string upstream, Target target, Pace pace,
                   Publish publish)
    : surroundings_(std::move(surroundings)),
      upstream_(std::move(upstream)),
      fixed_(std::move(target.fixed)),
      pace_(pace),
      publish_(std::move(publish)) {
  for (net::HostPort& name : target.names) {
    names_.push_back(std::make_unique<Name>(surroundings_.io, std::move(name)));
  }
}

void Resolver::Start(const Known& known) {
  for (size_t i = 0; i < names_.size() && i < known.size(); ++i) names_[i]->found = known[i];
  PublishWhatIsNew();
  for (const auto& name : names_) LookUp(*name);
}

// Pauses after failures are not cut short: connections fail while names do.
void Resolver::Refresh() {
  for (const auto& name : names_) {
    if (name->looking || name->soon || name->failures > 0) continue;
    name->soon = true;
    LookUpIn(*name, pace_.first_pause);
  }
}

void Resolver::Stop() {
  stopped_ = true;
  for (const auto& name : names_) {
    if (!name->looking) name->timer.cancel();
  }
}

Resolver::Known Resolver::known() const {
  Known known;
  for (const auto& name : names_) known.push_back(name->found);
  return known;
}

void Resolver::LookUp(Name& name) {
  name.looking = true;
  name.soon = false;
  surroundings_.look_ups->Ask(
      name.host, [this, &name, alive = weak_from_this()](const LookUps::Answer& answer) {
        if (!alive.expired()) OnAnswer(name, answer);
      });
  After(name, pace_.patience, [this, &name] { OnSilence(name); });
}

void Resolver::OnAnswer(Name& name, const LookUps::Answer& answer) {
  name.looking = false;
  if (!answer.error.empty()) {
    ++surroundings_.counts->failed;
    Fail(name, answer.error);
    LookUpIn(name, PauseAfter(pace_, ++name.failures));
  } else {
    ++surroundings_.counts->found;
    name.answered = true;
    name.error.clear();
    name.failures = 0;
    name.found = answer.endpoints;
    LookUpIn(name, pace_.refresh_every);
  }
  PublishWhatIsNew();
}

// The look-up goes on, because nothing can end it. No other is begun beside it.
void Resolver::OnSilence(Name& name) {
  ++surroundings_.counts->silent;
  Fail(name, absl::StrCat("no answer within ", absl::FormatDuration(pace_.patience)));
  PublishWhatIsNew();
}

void Resolver::Fail(Name& name, absl::string_view why) {
  name.answered = true;
  name.error = absl::StrCat("cannot resolve '", name.host.host, "': ", why);
  spdlog::warn("upstream '{}': {}", upstream_, name.error);
}

void Resolver::LookUpIn(Name& name, absl::Duration delay) {
  name.timer.cancel();
  if (stopped_) return;
  After(name, delay, [this, &name] {
    if (!stopped_) LookUp(name);
  });
}

template <typename Then>
void Resolver::After(Name& name, absl::Duration delay, Then then) {
  name.timer.expires_after(absl::ToChronoNanoseconds(delay));
  name.timer.async_wait(
      [alive = weak_from_this(), then](const boost::system::error_code& replaced) {
        if (!replaced && !alive.expired()) then();
      });
}

absl::Duration Resolver::PauseAfter(const Pace& pace, int failures) {
  const absl::Duration longest =
      std::max(pace.first_pause, std::min(pace.longest_pause, pace.refresh_every));
  absl::Duration pause = pace.first_pause;
  for (int i = 1; i < failures && pause < longest; ++i) pause *= 2;
  return std::min(pause, longest);
}

// While a name may still be found, an empty list is no failure yet.
void Resolver::PublishWhatIsNew() {
  EndpointList next{WithoutOwn(All()), ""};
  if (next.endpoints.empty()) {
    if (!EveryNameAnswered()) return;
    next.error = WhyNone();
  }
  if (published_ != nullptr && published_->endpoints == next.endpoints &&
      published_->error == next.error) {
    return;
  }
  published_ = std::make_shared<const EndpointList>(std::move(next));
  publish_(published_);
}

std::vector<net::Endpoint> Resolver::All() const {
  std::vector<net::Endpoint> all = fixed_;
  for (const auto& name : names_) all.insert(all.end(), name->found.begin(), name->found.end());
  if (names_.empty()) return all;
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::vector<net::Endpoint> Resolver::WithoutOwn(const std::vector<net::Endpoint>& all) {
  std::vector<net::Endpoint> others;
  std::vector<net::Endpoint> own;
  for (const net::Endpoint& endpoint : all) {
    (surroundings_.is_own(endpoint) ? own : others).push_back(endpoint);
  }
  if (own != own_ && !own.empty()) {
    spdlog::warn("upstream '{}': {} is left out, because this proxy itself listens there",
                 upstream_, Join(own));
  }
  own_ = std::move(own);
  return others;
}

bool Resolver::EveryNameAnswered() const {
  return std::all_of(names_.begin(), names_.end(), [](const auto& name) { return name->answered; });
}

std::string Resolver::WhyNone() const {
  std::vector<std::string> reasons;
  for (const auto& name : names_) {
    if (!name->error.empty()) reasons.push_back(name->error);
  }
  if (!own_.empty()) {
    reasons.push_back(absl::StrCat("this proxy itself listens on ", Join(own_)));
  }
  return absl::StrJoin(reasons, "; ");
}

}  // namespace singleflight::upstream
