// Where access logs are written, across reloads: one writer for each destination that is named by
// the configuration in force, or by a former one that still has calls.
//
// Threads: the control thread's. Writers are any thread's.

#ifndef SINGLEFLIGHT_SERVER_APP_ACCESS_LOGS_H_
#define SINGLEFLIGHT_SERVER_APP_ACCESS_LOGS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/app/log.h"
#include "server/base/line_writer.h"
#include "server/base/loop.h"
#include "server/metrics/cell.h"
#include "server/metrics/visitor.h"
#include "server/model/key_digest.h"
#include "server/proxy/access_log.h"

namespace singleflight::app {

class AccessLogs {
 public:
  // `seed` is for samples.
  AccessLogs(Log::Voice voice, std::function<absl::Time()> wall_clock, uint64_t seed,
             const model::KeyDigests& digests)
      : voice_(std::move(voice)),
        wall_clock_(std::move(wall_clock)),
        seed_(seed),
        digests_(digests) {}

  // Makes the access log of one worker, which counts its lines there.
  using Maker =
      std::function<std::shared_ptr<proxy::AccessLog>(base::Loop& loop, metrics::Counter& lines)>;

  // Of a configuration that comes into force: of `options`, and of routes that metrics call so, by
  // index. Null: it has no access log. A file is opened immediately, so that what is wrong with it
  // is told before the first call. Nothing waits for it.
  Maker For(const absl::optional<proxy::AccessLogOptions>& options,
            std::vector<std::string> route_names);

  // Has every file opened again by its name.
  void Reopen();

  // Returns when all that has been put is written, or when nothing has been for so long.
  void Drain(std::chrono::milliseconds patience);

  void Show(metrics::Visitor& visitor) const;

 private:
  using Destination = std::pair<std::string, proxy::AccessLogFormat>;

  std::shared_ptr<base::LineWriter> WriterFor(const proxy::AccessLogOptions& options);
  std::shared_ptr<base::LineWriter> Open(const proxy::AccessLogOptions& options) const;

  const Log::Voice voice_;
  const std::function<absl::Time()> wall_clock_;
  const uint64_t seed_;
  const model::KeyDigests& digests_;
  const base::LineWriter::LostLines lost_ = std::make_shared<std::atomic<uint64_t>>(0);
  std::map<Destination, std::weak_ptr<base::LineWriter>> writers_;
  std::shared_ptr<base::LineWriter> in_force_;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_ACCESS_LOGS_H_
