// What to write in the YAML so that calls meet that a split keeps apart.

#ifndef SINGLEFLIGHT_SERVER_SURVEY_CURE_H_
#define SINGLEFLIGHT_SERVER_SURVEY_CURE_H_

#include <string>

#include "server/model/key_rules.h"
#include "server/survey/split.h"

namespace singleflight::survey {

// One line for the route whose rules these are. For ordinary headers it is the whole `key:` as it
// would have to be. For credentials and for fields of messages it is a comment: nobody should share
// them because of a line that a program offered. Empty: it takes more than a line, or cannot be
// had.
std::string CureOf(const Split& split, const model::KeyRules& rules);

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_CURE_H_
