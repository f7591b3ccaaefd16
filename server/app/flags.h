// Reads the command line of singleflight-proxy.

#ifndef SINGLEFLIGHT_SERVER_APP_FLAGS_H_
#define SINGLEFLIGHT_SERVER_APP_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace singleflight::app {

// What the command line asks for.
struct Flags {
  enum class Action {
    kServe,  // run the proxy on `config`
    kCheck,  // validate `config` and exit
    kPrint,  // print `text` and exit
    kProbe,  // ask the page at `text` and exit
  };
  Action action = Action::kServe;
  std::string config;
  std::string text;
};

// Reads the arguments after the program's name: --config FILE (or --config=FILE; -: standard
// input), --check, --probe URL, --version, --help.
absl::StatusOr<Flags> ParseFlags(const std::vector<std::string>& arguments);

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_FLAGS_H_
