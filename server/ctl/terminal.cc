#include <sys/ioctl.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "server/ctl/surroundings.h"

namespace singleflight::ctl {
namespace {

constexpr size_t kUsualColumns = 80;

bool WantsColours(const Environment& environment) {
  const std::string term = environment("TERM").value_or("");
  return environment("NO_COLOR").value_or("").empty() && !term.empty() && term != "dumb";
}

}  // namespace

Terminal LookAt(int out, const Environment& environment) {
  Terminal terminal;
  terminal.is_one = isatty(out) == 1;
  if (terminal.is_one) {
    winsize size = {};
    const bool known = ioctl(out, TIOCGWINSZ, &size) == 0;
    terminal.columns = known && size.ws_col > 0 ? size.ws_col : kUsualColumns;
    terminal.rows = known ? size.ws_row : 0;
    terminal.colours = WantsColours(environment);
  }
  size_t columns = 0;
  if (absl::SimpleAtoi(environment("COLUMNS").value_or(""), &columns) && columns > 0) {
    terminal.columns = columns;
  }
  return terminal;
}

}  // namespace singleflight::ctl
