#include "server/app/access_logs.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "server/app/log_file.h"

namespace singleflight::app {
namespace {

constexpr size_t kMostBytes = 8 << 20;  // that wait to be written

// What stands where lines are missing.
std::string GapLine(proxy::AccessLogFormat format, absl::Time now, uint64_t lines) {
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", now, absl::UTCTimeZone());
  return format == proxy::AccessLogFormat::kJson
             ? absl::StrCat("{\"time\":\"", time, "\",\"dropped\":", lines, "}\n")
             : absl::StrCat(time, " dropped=", lines, "\n");
}

}  // namespace

AccessLogs::Maker AccessLogs::For(const absl::optional<proxy::AccessLogOptions>& options,
                                  std::vector<std::string> route_names) {
  std::erase_if(writers_, [](const auto& entry) { return entry.second.expired(); });
  in_force_ = options.has_value() ? WriterFor(*options) : nullptr;
  if (in_force_ == nullptr) return nullptr;
  return [options = *options, writer = in_force_, clock = wall_clock_, seed = seed_,
          &digests = digests_,
          names = std::make_shared<const std::vector<std::string>>(std::move(route_names))](
             base::Loop& loop, metrics::Counter& lines) {
    return std::make_shared<proxy::AccessLog>(
        options,
        proxy::AccessLog::Setting{loop, writer, clock, seed + loop.index(), names, lines, digests});
  };
}

std::shared_ptr<base::LineWriter> AccessLogs::WriterFor(const proxy::AccessLogOptions& options) {
  std::weak_ptr<base::LineWriter>& known = writers_[{options.to, options.format}];
  std::shared_ptr<base::LineWriter> writer = known.lock();
  if (writer == nullptr) known = writer = Open(options);
  return writer;
}

std::shared_ptr<base::LineWriter> AccessLogs::Open(const proxy::AccessLogOptions& options) const {
  std::unique_ptr<base::LineOutput> output;
  if (options.to == proxy::kStandardError) {
    output = std::make_unique<base::DescriptorOutput>(STDERR_FILENO);
  } else {
    output = std::make_unique<LogFile>(options.to, voice_, wall_clock_);
  }
  auto writer = std::make_shared<base::LineWriter>(
      std::move(output), kMostBytes,
      [format = options.format, clock = wall_clock_](uint64_t lines) {
        return GapLine(format, clock(), lines);
      },
      lost_);
  writer->Reopen();
  return writer;
}

void AccessLogs::Reopen() {
  for (const auto& [destination, known] : writers_) {
    if (const std::shared_ptr<base::LineWriter> writer = known.lock()) writer->Reopen();
  }
}

void AccessLogs::Drain(std::chrono::milliseconds patience) {
  for (const auto& [destination, known] : writers_) {
    if (const std::shared_ptr<base::LineWriter> writer = known.lock()) writer->Drain(patience);
  }
}

void AccessLogs::Show(metrics::Visitor& visitor) const {
  visitor.Count("singleflight_access_log_lines_dropped_total",
                "Lines of the access log that were not taken in time, or could not be written.", {},
                *lost_);
}

}  // namespace singleflight::app
