#include "server/app/supervision.h"

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace singleflight::app {
namespace {

constexpr int kRoundsPerInterval = 4;

}  // namespace

Supervision::Supervision(boost::asio::io_context& control, std::vector<net::Worker*> loops,
                         const host::Service& service, Clock clock)
    : loops_(std::move(loops)),
      socket_(service.notify_socket),
      clock_(std::move(clock)),
      watchdog_(socket_.open() ? service.watchdog : std::chrono::microseconds(0)),
      tick_(control) {}

void Supervision::Ready(absl::string_view status) {
  status_ = std::string(status);
  Send(absl::StrCat("READY=1\nSTATUS=", status_));
  if (watchdog_.count() > 0) BeginRound();
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
  tick_.expires_after(watchdog_ / kRoundsPerInterval);
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
  Send("WATCHDOG=1");
  if (std::exchange(stuck_, false)) {
    spdlog::warn("all workers turn again");
    Send(absl::StrCat("STATUS=", status_));
  }
  BeginRound();
}

void Supervision::TellOfStuck(size_t silent) {
  if (std::exchange(stuck_, true)) return;
  const std::string text =
      absl::StrCat(silent, " of ", loops_.size(), " workers have not turned for ",
                   absl::FormatDuration(absl::FromChrono(watchdog_ / kRoundsPerInterval)),
                   ": no sign of life for the watchdog until they do");
  spdlog::error("{}", text);
  Send(absl::StrCat("STATUS=", text));
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
