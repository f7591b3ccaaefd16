// A file that lines are appended to. SIGUSR1 is for those who rename it: it is then opened again by
// its name, and made where it is missing.
//
// Nothing stops because of a file. What is wrong with it (no folder, no right, a full disk) is
// told, and lines are lost until it is over; each attempt to write tries again.
//
// Threads: its LineWriter's.

#ifndef SINGLEFLIGHT_SERVER_APP_LOG_FILE_H_
#define SINGLEFLIGHT_SERVER_APP_LOG_FILE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/app/log.h"
#include "server/base/line_output.h"

namespace singleflight::app {

class LogFile final : public base::LineOutput {
 public:
  // `voice` tells what is wrong, not more often than every kQuiet, and when it is over.
  static constexpr absl::Duration kQuiet = absl::Seconds(10);

  LogFile(std::string path, Log::Voice voice, std::function<absl::Time()> wall_clock);
  ~LogFile() override;

  size_t Write(absl::string_view lines) override;
  void Reopen() override;

 private:
  bool Open();
  void Close();
  void TellOfTrouble(absl::string_view what, int error);
  void TellThatItIsOver();

  const std::string path_;
  const Log::Voice voice_;
  const std::function<absl::Time()> wall_clock_;
  int fd_ = -1;
  std::unique_ptr<base::DescriptorOutput> out_;  // null: it is not open
  bool trouble_ = false;                         // which has been told
  absl::Time told_at_ = absl::InfinitePast();
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_LOG_FILE_H_
