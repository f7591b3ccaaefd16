// singleflightctl from its arguments to its exit status.

#ifndef SINGLEFLIGHT_SERVER_CTL_CTL_H_
#define SINGLEFLIGHT_SERVER_CTL_CTL_H_

#include <string>
#include <vector>

#include "server/ctl/surroundings.h"

namespace singleflight::ctl {

// Does what the arguments behind the program's name say. Returns the exit status: 0 done, 1 the
// proxy refused or it failed, 2 wrong usage, 3 the proxy cannot be reached, 4 no right to do this.
int Run(const std::vector<std::string>& arguments, const Surroundings& around);

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_CTL_H_
