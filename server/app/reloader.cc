// When a configuration is read again: a signal, a changed file, a refused one after a while.

#include "server/app/reloader.h"

#include <spdlog/spdlog.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/app/utc.h"

namespace singleflight::app {

Reloader::Reloader(boost::asio::io_context& control, std::string path, WallClock clock, Apply apply,
                   Events events, absl::Duration retry_refused)
    : path_(std::move(path)),
      clock_(std::move(clock)),
      apply_(std::move(apply)),
      events_(std::move(events)),
      retry_refused_(retry_refused),
      timer_(control),
      retry_(control) {}

void Reloader::Begin(const config::Loaded& loaded) {
  Adopt(loaded);
  AwaitTick();
}

void Reloader::Adopt(const config::Loaded& loaded) {
  applied_at_ = clock_();
  refused_.clear();
  warnings_ = loaded.warnings;
  retry_.cancel();
  check_every_ = loaded.config.reload.check_every;
  files_.clear();
  taken_.clear();
  for (const config::WatchedFile& file : loaded.files) {
    files_.push_back(file.path);
    taken_.push_back(file.stamp);
  }
  seen_ = taken_;
}

absl::StatusOr<std::vector<std::string>> Reloader::ReloadAndTell(absl::string_view why) {
  if (events_.begun) events_.begun();
  const absl::Status status = Take(why);
  if (!status.ok()) {
    Refuse(status.message());
    AwaitRetry();
  }
  if (events_.ended) events_.ended();
  AwaitTick();
  if (!status.ok()) return status;
  return warnings_;
}

void Reloader::AwaitRetry() {
  retry_.expires_after(absl::ToChronoNanoseconds(retry_refused_));
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (!error && check_every_ != absl::ZeroDuration() && !refused_.empty()) TryAgain();
  });
}

// Nobody asked for it, so nobody is told once more of what was told before.
void Reloader::TryAgain() {
  by_itself_ = true;
  const absl::Status status = Take("tried again");
  by_itself_ = false;
  if (status.ok() && events_.ended) events_.ended();
  if (!status.ok()) {
    if (status.message() != absl::string_view(refused_)) Refuse(status.message());
    AwaitRetry();
  }
  AwaitTick();
}

absl::Status Reloader::Take(absl::string_view why) {
  taken_ = seen_ = StampsNow();
  const absl::StatusOr<config::Loaded> loaded = config::LoadFileAgain(path_);
  if (!loaded.ok()) return loaded.status();
  if (const absl::Status status = apply_(loaded->config); !status.ok()) {
    const bool has_place = absl::StartsWith(status.message(), absl::StrCat(path_, ":"));
    return absl::Status(status.code(),
                        absl::StrCat(has_place ? "" : path_ + ": ", status.message()));
  }
  for (const std::string& warning : loaded->warnings) spdlog::warn("{}", warning);
  spdlog::info("configuration applied ({}): {}", std::string(why), path_);
  ++applied_;
  on_outcome_("reload", absl::StrCat("configuration applied (", why, ")"));
  Adopt(*loaded);
  return absl::OkStatus();
}

void Reloader::Refuse(absl::string_view why) {
  if (refused_.empty()) refused_at_ = clock_();
  refused_ = std::string(why);
  ++refusals_;
  on_outcome_("reload-refused", refused_);
  spdlog::error("configuration refused, the one before stays in force:\n{}", refused_);
}

void Reloader::AwaitTick() {
  if (check_every_ == absl::ZeroDuration()) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(absl::ToChronoNanoseconds(check_every_));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Tick();
  });
}

void Reloader::Tick() {
  if (check_every_ == absl::ZeroDuration()) return;  // this one was on its way already
  const Stamps now = StampsNow();
  const bool changed = now != taken_ && now == seen_;
  seen_ = now;
  if (!changed) return AwaitTick();
  by_itself_ = true;
  Reload("a file has changed");
  by_itself_ = false;
}

void Reloader::Stop() {
  check_every_ = absl::ZeroDuration();
  timer_.cancel();
  retry_.cancel();
}

Reloader::Stamps Reloader::StampsNow() const {
  Stamps stamps;
  for (const std::string& file : files_) stamps.push_back(config::StampOf(file));
  return stamps;
}

void Reloader::Show(metrics::Visitor& visitor) const {
  const auto outcome = [&](const char* result, uint64_t count) {
    visitor.Count("singleflight_config_reloads_total",
                  "Configurations read while running, by what became of them.",
                  {{"result", result}}, count);
  };
  outcome("applied", applied_);
  outcome("refused", refusals_);
  visitor.Level("singleflight_config_refused",
                "1 while the latest configuration is not the one in force.", {},
                refused_.empty() ? 0 : 1);
  visitor.Level("singleflight_config_applied_at_seconds",
                "When the configuration in force was applied, as Unix time.", {},
                absl::ToUnixSeconds(applied_at_));
}

std::string Reloader::Status() const {
  std::string text = absl::StrCat("configuration: ", path_, ", applied ", Utc(applied_at_), "\n");
  if (!refused_.empty()) {
    absl::StrAppend(&text, "refused since ", Utc(refused_at_), ":\n", refused_, "\n");
  }
  return text;
}

}  // namespace singleflight::app
