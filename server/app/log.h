// The log of the process, on stderr, behind spdlog's functions. It waits for no reader: lines that
// are not read in time are dropped and counted, and a line says so once somebody reads again. Make
// one, before anything logs. At its end it writes what it still has, if somebody reads.
//
// Threads: every method, from any; so do spdlog's.

#ifndef SINGLEFLIGHT_SERVER_APP_LOG_H_
#define SINGLEFLIGHT_SERVER_APP_LOG_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/base/line_writer.h"
#include "server/config/config.h"
#include "server/metrics/visitor.h"

namespace singleflight::app {

// "warning", as `log.level` writes it; and back.
absl::string_view NameOf(config::LogLevel level);
absl::optional<config::LogLevel> LogLevelNamed(absl::string_view name);

class Log {
 public:
  Log();
  ~Log();

  // Lines have the form and the level that `options` ask for from now on.
  void SetUp(const config::LogOptions& options);

  // Lines of that level and above are written, until the next SetUp.
  void SetLevel(config::LogLevel level);
  config::LogLevel level() const;

  // What is wrong with a configuration, for whoever started the process, whatever the level: as it
  // is, or under `json` each of its lines as one of the log.
  void Complain(config::LogLevel level, absl::string_view text);

  // On stdout, in the form of the log: programs wait for it.
  void Announce(const std::string& text);

  // Logs as spdlog's functions do, and may do so when nothing of this program is left but the
  // thread that calls it.
  using Voice = std::function<void(config::LogLevel level, const std::string& text)>;
  Voice voice() const;

  // Returns when all is written, or when nobody has read anything for so long.
  void Drain(std::chrono::milliseconds patience);

  void Show(metrics::Visitor& visitor) const;

 private:
  class Format;
  class Sink;

  const std::shared_ptr<Format> format_;
  const std::shared_ptr<base::LineWriter> writer_;
  config::LogFormat form_ = config::LogFormat::kText;  // the thread's that sets up and announces
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_LOG_H_
