// Completion of singleflightctl for shells, made from the table of commands.

#ifndef SINGLEFLIGHT_SERVER_CTL_COMPLETION_H_
#define SINGLEFLIGHT_SERVER_CTL_COMPLETION_H_

#include <string>

namespace singleflight::ctl {

// Scripts that the shell reads: with `source`, or from the folders that it looks in.
std::string BashCompletion();
std::string ZshCompletion();

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_COMPLETION_H_
