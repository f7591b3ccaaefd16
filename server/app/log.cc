// Makes spdlog's lines, as text or JSON, and hands them to a writer that nobody waits for.

#include "server/app/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "singleflight/mutex.h"

namespace singleflight::app {
namespace {

constexpr char kName[] = "singleflight";
constexpr config::LogLevel kLevels[] = {config::LogLevel::kDebug, config::LogLevel::kInfo,
                                        config::LogLevel::kWarning, config::LogLevel::kError};
constexpr size_t kMostBytes = 256 << 10;  // that wait for a reader

// For the last lines.
constexpr std::chrono::milliseconds kLastPatience(1000);

// For the line that says that the process is ready. It serves already.
constexpr std::chrono::milliseconds kReadyPatience(100);

void Append(absl::string_view text, spdlog::memory_buf_t& out) {
  out.append(text.data(), text.data() + text.size());
}

// How many bytes at the beginning of `text` are one character of UTF-8 (RFC 3629 §4); 0: none are.
size_t Utf8Length(absl::string_view text) {
  const auto at = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto follows = [&](size_t i) { return (at(i) & 0xc0) == 0x80; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool overlong = first == 0xe0 && at(1) < 0xa0;
    const bool surrogate = first == 0xed && at(1) > 0x9f;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first < 0xf0 || first > 0xf4) return 0;
  const bool beyond = (first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) > 0x8f);
  return follows(1) && follows(2) && follows(3) && !beyond ? 4 : 0;
}

// %J: the message as the inside of a JSON string (RFC 8259 §7, §8.1).
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    absl::string_view rest(message.payload.data(), message.payload.size());
    while (!rest.empty()) {
      const size_t length = Utf8Length(rest);
      AppendCharacter(rest.substr(0, length), out);
      rest.remove_prefix(std::max<size_t>(length, 1));
    }
  }

  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }

 private:
  static void AppendCharacter(absl::string_view character, spdlog::memory_buf_t& out) {
    constexpr char kHex[] = "0123456789abcdef";
    if (character.empty()) return Append("\\ufffd", out);
    const auto byte = static_cast<unsigned char>(character[0]);
    if (byte == '"' || byte == '\\') out.push_back('\\');
    if (byte >= 0x20) return Append(character, out);
    Append("\\u00", out);
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
};

// %K: the level, in the colour that it has on a terminal.
class ColouredLevel final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const auto name = spdlog::level::to_string_view(message.level);
    Append(Colour(message.level), out);
    Append(absl::string_view(name.data(), name.size()), out);
    Append("\033[m", out);
  }

  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<ColouredLevel>();
  }

 private:
  static absl::string_view Colour(spdlog::level::level_enum level) {
    if (level >= spdlog::level::err) return "\033[31m\033[1m";
    if (level == spdlog::level::warn) return "\033[33m\033[1m";
    return level == spdlog::level::info ? "\033[32m" : "\033[36m";
  }
};

spdlog::level::level_enum LevelOf(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::kDebug:
      return spdlog::level::debug;
    case config::LogLevel::kInfo:
      return spdlog::level::info;
    case config::LogLevel::kWarning:
      return spdlog::level::warn;
    case config::LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string PatternOf(config::LogFormat format) {
  if (format == config::LogFormat::kJson) {
    return R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%J"})";
  }
  return absl::StrCat("%Y-%m-%dT%H:%M:%S.%eZ ", ::isatty(STDERR_FILENO) == 1 ? "%K" : "%l", " %v");
}

}  // namespace

absl::string_view NameOf(config::LogLevel level) {
  const auto name = spdlog::level::to_string_view(LevelOf(level));
  return absl::string_view(name.data(), name.size());
}

absl::optional<config::LogLevel> LogLevelNamed(absl::string_view name) {
  for (const config::LogLevel level : kLevels) {
    if (NameOf(level) == name) return level;
  }
  return absl::nullopt;
}

// Makes lines. Shared with the threads that write them.
class Log::Format {
 public:
  void SetLevel(config::LogLevel level) { level_ = level; }
  config::LogLevel level() const { return level_; }

  void Set(config::LogFormat format) {
    auto next = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    next->add_flag<JsonMessage>('J').add_flag<ColouredLevel>('K').set_pattern(PatternOf(format));
    MutexLock lock(mu_);
    formatter_.swap(next);
  }

  std::string Line(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t text;
    MutexLock lock(mu_);
    formatter_->format(message, text);
    return std::string(text.data(), text.size());
  }

  std::string Line(config::LogLevel level, const std::string& text) {
    return Line(spdlog::details::log_msg(kName, LevelOf(level), text));
  }

  std::string Gap(uint64_t lines) {
    return Line(
        config::LogLevel::kWarning,
        absl::StrCat("lines that are missing here, since they were not read in time: ", lines));
  }

 private:
  std::atomic<config::LogLevel> level_{config::LogLevel::kInfo};
  Mutex mu_;
  std::unique_ptr<spdlog::pattern_formatter> formatter_ ABSL_GUARDED_BY(mu_);
};

class Log::Sink final : public spdlog::sinks::sink {
 public:
  Sink(std::shared_ptr<Format> format, std::shared_ptr<base::LineWriter> writer)
      : format_(std::move(format)), writer_(std::move(writer)) {}

  void log(const spdlog::details::log_msg& message) override {
    writer_->Put(format_->Line(message));
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}  // Format's
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  const std::shared_ptr<Format> format_;
  const std::shared_ptr<base::LineWriter> writer_;
};

Log::Log()
    : format_(std::make_shared<Format>()),
      writer_(std::make_shared<base::LineWriter>(
          STDERR_FILENO, kMostBytes,
          [format = format_](uint64_t lines) { return format->Gap(lines); })) {
  format_->Set(form_);
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>(kName, std::make_shared<Sink>(format_, writer_)));
}

Log::~Log() { Drain(kLastPatience); }

void Log::SetUp(const config::LogOptions& options) {
  form_ = options.format;
  format_->Set(options.format);
  SetLevel(options.level);
}

void Log::SetLevel(config::LogLevel level) {
  format_->SetLevel(level);
  spdlog::default_logger_raw()->set_level(LevelOf(level));
}

config::LogLevel Log::level() const { return format_->level(); }

Log::Voice Log::voice() const {
  return [format = format_, writer = writer_](config::LogLevel level, const std::string& text) {
    if (level >= format->level()) writer->Put(format->Line(level, text));
  };
}

void Log::Complain(config::LogLevel level, absl::string_view text) {
  if (form_ == config::LogFormat::kText) return writer_->Put(absl::StrCat(text, "\n"));
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    writer_->Put(format_->Line(level, std::string(line)));
  }
}

void Log::Announce(const std::string& text) {
  const std::string line = form_ == config::LogFormat::kJson
                               ? format_->Line(config::LogLevel::kInfo, text)
                               : text + "\n";
  base::LineWriter out(STDOUT_FILENO, kMostBytes, [](uint64_t) { return std::string(); });
  out.Put(line);
  out.Drain(kReadyPatience);
}

void Log::Drain(std::chrono::milliseconds patience) { writer_->Drain(patience); }

void Log::Show(metrics::Visitor& visitor) const {
  visitor.Count("singleflight_log_lines_dropped_total",
                "Lines of the log that nobody read in time, or that could not be written.", {},
                writer_->dropped());
}

}  // namespace singleflight::app
