// Reads the configuration again when it is told to, or when a file that it depends on has changed,
// and has it applied: whole, or not at all. What was refused leaves in force what was there, and is
// told in the log, in metrics and on the status page.
//
// A changed file is taken once it has stayed the same for one interval, so that it is not read
// while it is being written. A refused one is tried again from time to time, for what it names may
// come later.
//
// Time: the wall clock is shown to people and decides nothing, since it jumps.
// Threads: the one of `control`.

#ifndef SINGLEFLIGHT_SERVER_APP_RELOADER_H_
#define SINGLEFLIGHT_SERVER_APP_RELOADER_H_

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/config/load.h"
#include "server/metrics/visitor.h"

namespace singleflight::app {

class Reloader {
 public:
  // An error leaves everything as it was.
  using Apply = absl::AnyInvocable<absl::Status(const config::Config&)>;
  using WallClock = std::function<absl::Time()>;

  // Told around each time that it reads, if they are set; not where it tries again and nothing
  // changes.
  struct Events {
    std::function<void()> begun;
    std::function<void()> ended;
  };

  // How soon a refused file is tried again although nothing is seen to have changed.
  static constexpr absl::Duration kRetryRefused = absl::Seconds(10);

  Reloader(boost::asio::io_context& control, std::string path, WallClock clock, Apply apply,
           Events events = {}, absl::Duration retry_refused = kRetryRefused);

  // `loaded` is in force. Begins to watch its files.
  void Begin(const config::Loaded& loaded);

  // Reads and applies now. `why` is for the log. What is wrong is told, even if it is known.
  void Reload(absl::string_view why) { ReloadAndTell(why).IgnoreError(); }

  // The same. Returns its warnings; an error says why the configuration is refused.
  absl::StatusOr<std::vector<std::string>> ReloadAndTell(absl::string_view why);

  // Who hears what became of each configuration that was read: "reload" or "reload-refused", and a
  // sentence.
  using OnOutcome = std::function<void(std::string kind, std::string text)>;
  void set_on_outcome(OnOutcome on_outcome) { on_outcome_ = std::move(on_outcome); }

  void Stop();

  // Whether it reads because a file has changed, or once more; else somebody has asked for it.
  bool by_itself() const { return by_itself_; }

  // When the configuration in force was applied, and why the latest was refused; empty: it is the
  // one in force.
  absl::Time applied_at() const { return applied_at_; }
  const std::string& refused() const { return refused_; }

  void Show(metrics::Visitor& visitor) const;

  // One line a fact, for people.
  std::string Status() const;

 private:
  using Stamps = std::vector<config::FileStamp>;

  // An error says why the configuration is refused.
  absl::Status Take(absl::string_view why);
  void Adopt(const config::Loaded& loaded);
  void Refuse(absl::string_view why);
  void TryAgain();
  void AwaitRetry();
  void AwaitTick();
  void Tick();
  Stamps StampsNow() const;

  const std::string path_;
  const WallClock clock_;
  Apply apply_;
  OnOutcome on_outcome_ = [](std::string, std::string) {};
  const Events events_;
  const absl::Duration retry_refused_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer retry_;  // runs while the latest was refused
  absl::Duration check_every_;
  std::vector<std::string> files_;  // of the configuration in force
  Stamps taken_;                    // of files_, when they were last read
  Stamps seen_;                     // at the last tick
  absl::Time applied_at_;
  std::string refused_;  // why the latest was refused; empty: it was applied
  absl::Time refused_at_;
  std::vector<std::string> warnings_;  // of the configuration in force
  bool by_itself_ = false;
  uint64_t applied_ = 0;
  uint64_t refusals_ = 0;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_RELOADER_H_
