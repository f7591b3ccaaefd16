#include "server/app/drain.h"

#include <spdlog/spdlog.h>

#include <csignal>

#include "absl/strings/str_cat.h"
#include "server/app/utc.h"

namespace singleflight::app {

Drain::Drain(boost::asio::io_context& control, std::function<absl::Time()> wall_clock, Hooks hooks,
             Pace pace)
    : control_(control),
      wall_clock_(std::move(wall_clock)),
      hooks_(std::move(hooks)),
      pace_(pace),
      signals_(control, {SIGTERM, SIGINT}),
      poll_(control),
      deadline_(control) {}

void Drain::AwaitSignal() {
  signals_.Await([this](int signal) { OnSignal(signal); });
}

void Drain::OnSignal(int signal) {
  if (draining_) {
    spdlog::warn("second signal: ending immediately");
    return hooks_.abort(128 + signal);
  }
  Begin();
  AwaitSignal();
}

void Drain::Begin() {
  if (draining_) return;
  spdlog::info("draining: no new connections; running calls have {}",
               absl::FormatDuration(timeout_));
  draining_ = true;
  began_ = wall_clock_();
  hooks_.begin();
  deadline_.expires_after(absl::ToChronoNanoseconds(timeout_));
  deadline_.async_wait([this](const boost::system::error_code& error) {
    if (!error) CutOff();
  });
  AwaitLast();
}

void Drain::AwaitLast() {
  if (hooks_.over()) {
    spdlog::info("drained");
    return control_.stop();
  }
  poll_.expires_after(pace_.poll);
  poll_.async_wait([this](const boost::system::error_code& error) {
    if (!error) AwaitLast();
  });
}

void Drain::CutOff() {
  spdlog::warn("drain_timeout has passed: ending {} connections with calls in the air",
               hooks_.connections());
  exit_status_ = 1;
  hooks_.cut_off();
  deadline_.expires_after(pace_.grace);
  deadline_.async_wait([this](const boost::system::error_code&) { control_.stop(); });
}

std::string Drain::Status() const {
  return absl::StrCat("draining since ", Utc(began_), ": no new connections\n",
                      hooks_.connections(), " client connections are left, which have until ",
                      Utc(began_ + timeout_), "\n");
}

}  // namespace singleflight::app
