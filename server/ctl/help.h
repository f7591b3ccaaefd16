// What `singleflightctl help` says, made from the table of commands.

#ifndef SINGLEFLIGHT_SERVER_CTL_HELP_H_
#define SINGLEFLIGHT_SERVER_CTL_HELP_H_

#include <string>

#include "server/ctl/commands.h"

namespace singleflight::ctl {

std::string Help();
std::string HelpOf(const Command& command);

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_HELP_H_
