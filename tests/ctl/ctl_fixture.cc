#include "tests/ctl/ctl_fixture.h"

#include <sstream>

#include "absl/time/clock.h"

namespace singleflight::ctl {

Ran CtlTest::Ctl(std::vector<std::string> arguments) {
  std::map<std::string, std::string> environment = environment_;
  environment.try_emplace("SINGLEFLIGHT_ADMIN", admin_.address());
  const auto variable = [&](const std::string& name) -> absl::optional<std::string> {
    const auto found = environment.find(name);
    if (found == environment.end()) return absl::nullopt;
    return found->second;
  };
  const auto now = [] { return absl::FromChrono(std::chrono::system_clock::now()); };
  std::istringstream in(keyboard_);
  std::ostringstream out;
  std::ostringstream err;
  const int status = ctl::Run(arguments, {variable, now, absl::UTCTimeZone(), in, out, err,
                                          [&] { return terminal_; }, can_ask_});
  return {status, out.str(), err.str()};
}

}  // namespace singleflight::ctl
