#include "server/app/log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace singleflight::app {
namespace {

// What is in it concerns who runs the proxy, and a group that may read logs.
constexpr mode_t kMode = 0640;

}  // namespace

LogFile::LogFile(std::string path, Log::Voice voice, std::function<absl::Time()> wall_clock)
    : path_(std::move(path)), voice_(std::move(voice)), wall_clock_(std::move(wall_clock)) {}

LogFile::~LogFile() { Close(); }

size_t LogFile::Write(absl::string_view lines) {
  if (out_ == nullptr && !Open()) return 0;
  const size_t written = out_->Write(lines);
  if (written < lines.size()) {
    TellOfTrouble("cannot be written", errno);
  } else if (trouble_) {
    TellThatItIsOver();
  }
  return written;
}

void LogFile::Reopen() {
  Close();
  Open();
}

bool LogFile::Open() {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, kMode);
  if (fd_ < 0) {
    TellOfTrouble("cannot be opened", errno);
    return false;
  }
  out_ = std::make_unique<base::DescriptorOutput>(fd_);
  return true;
}

void LogFile::Close() {
  out_ = nullptr;
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void LogFile::TellOfTrouble(absl::string_view what, int error) {
  const absl::Time now = wall_clock_();
  if (now >= told_at_ && now < told_at_ + kQuiet) return;  // and not after a clock that went back
  told_at_ = now;
  trouble_ = true;
  voice_(
      config::LogLevel::kError,
      absl::StrCat("access_log: ", path_, " ", what, ": ", std::generic_category().message(error),
                   "; its lines are lost until that is over, and calls go on"));
}

void LogFile::TellThatItIsOver() {
  trouble_ = false;
  voice_(config::LogLevel::kInfo, absl::StrCat("access_log: ", path_, " is written again"));
}

}  // namespace singleflight::app
