// The access log of one worker under one configuration: which calls are written, and their lines on
// the way to the LineWriter that all workers share.
//
// Workers share no lock for a call. Lines gather in a buffer, which goes to the writer when it is
// full or kPatience old, whichever comes first, and at the end of this: no line is lost by a
// reload.
//
// Time: a line's is the loop's, as the wall clock would show it; how far the two are apart is asked
// once a buffer.
// Threads: its worker's.

#ifndef SINGLEFLIGHT_SERVER_PROXY_ACCESS_LOG_H_
#define SINGLEFLIGHT_SERVER_PROXY_ACCESS_LOG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/line_writer.h"
#include "server/base/loop.h"
#include "server/metrics/cell.h"
#include "server/model/key_digest.h"
#include "server/proxy/access_log_options.h"
#include "server/proxy/access_record.h"
#include "server/proxy/call_end.h"

namespace singleflight::proxy {

// An instant as RFC 3339 writes it, to the millisecond, in UTC. The seconds are kept, since many
// calls end within one.
class TimeText {
 public:
  // Valid until the next.
  absl::string_view Of(int64_t unix_ns);

 private:
  int64_t second_ = -1;
  std::string text_;
};

class AccessLog final : public CallObserver {
 public:
  static constexpr absl::Duration kPatience = absl::Milliseconds(50);

  // What it works with, beside what the configuration says.
  struct Setting {
    base::Loop& loop;
    std::shared_ptr<base::LineWriter> writer;
    std::function<absl::Time()> wall_clock;
    uint64_t seed;                                                // of the sample
    std::shared_ptr<const std::vector<std::string>> route_names;  // by index, as metrics call them
    metrics::Counter& lines;
    const model::KeyDigests& digests;
  };

  AccessLog(const AccessLogOptions& options, Setting setting);
  ~AccessLog() override;

  void OnCallBegan(const model::Request&, CallDetails&) override {}
  void OnCallEnded(const CallEnd& end) override;

 private:
  bool Wants(const CallEnd& end);
  void Write(AccessRecord& record);
  void Begin();
  void HandOver();
  bool IsSampled();

  const AccessLogOptions options_;
  const bool every_;  // it has no condition
  const Setting setting_;
  std::minstd_rand random_;
  base::Timer timer_;  // runs while there is anything in the buffer
  int64_t unix_minus_loop_ns_ = 0;
  TimeText time_;
  std::unique_ptr<char[]> buffer_;  // from the first line on
  size_t used_ = 0;                 // of it
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_ACCESS_LOG_H_
