// In what two replies to calls of one key differ, told to people.

#ifndef SINGLEFLIGHT_SERVER_CORE_DIFFERENCE_H_
#define SINGLEFLIGHT_SERVER_CORE_DIFFERENCE_H_

#include <string>
#include <vector>

#include "server/model/reply.h"
#include "server/model/request.h"

namespace singleflight::core {

// "metadata x-tier, message field 3.2; the requests differ in x-tenant": the parts, and the names
// of the metadata in which the requests differ, but for those that are noise. No value is told, and
// of many or long names only some, since others choose them. Null: that request is not known.
std::string DifferenceText(std::vector<std::string> parts, const model::Request* a,
                           const model::Request* b);

// Whether a reply tells more about upstream's state than about what was asked, so that nothing is
// learned by comparing it.
bool IsOfTheMoment(const model::Reply& reply);

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_DIFFERENCE_H_
