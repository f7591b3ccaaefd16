// Asks workers for turns, tells the service manager, and says which do not turn.

#include "server/app/supervision.h"

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace singleflight::app {
namespace {

constexpr int kRoundsPerInterval = 4;
constexpr std::chrono::seconds kUnwatchedRound(5);

}  // namespace

Supervision::Supervision(boost::asio::io_context& control, std::vector<net::Worker*> loops,
                         const host::Service& service, Clock clock)
    : loops_(std::move(loops)),
      socket_(service.notify_socket),
      clock_(std::move(clock)),
      watched_(socket_.open() && service.watchdog.count() > 0),
      round_(watched_ ? service.watchdog / kRoundsPerInterval : kUnwatchedRound),
      tick_(control) {}

void Supervision::Ready(absl::string_view status) {
  status_ = std::string(status);
  Send(absl::StrCat("READY=1\nSTATUS=", status_));
  BeginRound();
}

void Supervision::Reloading() {
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(clock_().time_since_epoch());
  Send(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", now.count(), "\nSTATUS=reading the ",
                    "configuration again"));
}

void Supervision::Reloaded(absl::string_view status) {
  status_ = std::string(status);
  Send(absl::StrCat("READY=1\nSTATUS=", status_));
}

void Supervision::Stopping(absl::string_view status) {
  status_ = std::string(status);
  Send(absl::StrCat("STOPPING=1\nSTATUS=", status_));
}

void Supervision::BeginRound() {
  silent_ = std::make_shared<std::atomic<size_t>>(loops_.size());
  for (net::Worker* loop : loops_) {
    loop->Post([silent = silent_] { --*silent; });
  }
  AwaitTick();
}

void Supervision::AwaitTick() {
  tick_.expires_after(round_);
  tick_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Tick();
  });
}

// Nothing more is posted to a worker that is stuck.
void Supervision::Tick() {
  const size_t silent = *silent_;
  if (silent > 0) {
    TellOfStuck(silent);
    return AwaitTick();
  }
  if (watched_) Send("WATCHDOG=1");
  if (!std::exchange(stuck_, "").empty()) {
    spdlog::warn("all workers turn again");
    Send(absl::StrCat("STATUS=", status_));
  }
  BeginRound();
}

void Supervision::TellOfStuck(size_t silent) {
  if (!stuck_.empty()) return;
  stuck_ = absl::StrCat(silent, " of ", loops_.size(), " workers have not turned for ",
                        absl::FormatDuration(absl::FromChrono(round_)),
                        ": calls of their clients stand still");
  spdlog::error("{}", stuck_);
  Send(absl::StrCat("STATUS=", stuck_));
}

void Supervision::Show(metrics::Visitor& visitor) const {
  visitor.Level("singleflight_workers_stuck",
                "Workers that have not turned for long: calls of their clients stand still.", {},
                stuck_.empty() ? 0 : static_cast<int64_t>(silent_->load()));
}

// What it does not hear today it may hear tomorrow, when it has been started again.
void Supervision::Send(absl::string_view message) {
  const absl::Status status = socket_.Send(message);
  if (status.ok()) {
    unheard_ = false;
  } else if (!std::exchange(unheard_, true)) {
    spdlog::warn("the service manager does not hear: {}", std::string(status.message()));
  }
}

}  // namespace singleflight::app
